#!/usr/bin/env python3
"""A chart of a bench's JSON: for each workload, how far Remuda, a peer and the floor beat nginx.

    bench/chart.py [bench/results/latest.json] >latest.svg

Drawn by gnuplot. Colours are of middle lightness and nothing is behind them, so that it reads on a
light page and on a dark one.
"""

from __future__ import annotations

import sys

sys.dont_write_bytecode = True

import json
import shutil
import subprocess
from pathlib import Path

TEXT = "#767676"  # 4.5 to 1 on white, 4.1 to 1 on near black
SERIES = {"remuda": "#d9541e", "best peer": "#3f86c8", "floor": "#8a8f98"}
ROW_PIXELS = 42
TITLE = "CPU time of a request: how many times less than nginx"
BAR = 0.27  # of a row


class NoChart(Exception):
    """Why there is none."""


def ratios(row: dict) -> dict[str, tuple[float, str]]:
    """By series: CPU time of nginx by this server's, and what stands beside the bar."""
    found = {}
    for series in SERIES:
        name = row["best_peer"] if series == "best peer" else series
        value = row["cells"].get(name, {}).get("x_nginx")
        if value:
            label = f"{value['median']:.2f}"
            found[series] = value["median"], label + (f" {name}" if series == "best peer" else "")
    return found


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def block(name: str, lines: list[str]) -> str:
    return "\n".join([f"${name} << END", *lines, "END"])


def script(rows: list[dict]) -> str:
    bars: dict[str, list[str]] = {series: [] for series in SERIES}
    goals, values = [], [1.0]
    for at, row in enumerate(rows):
        found = ratios(row)
        for place, (series, (value, label)) in enumerate(found.items()):
            y = at + (place - (len(found) - 1) / 2) * BAR
            low, high, label_at = min(value, 1), max(value, 1), max(value, 1)
            if series == "remuda":
                goal = row["workload"]["goal"]["nginx"]
                goals += [f"{goal} {y - BAR * 0.6}", f"{goal} {y + BAR * 0.6}", ""]
                label_at = max(label_at, goal)
            bars[series].append(f"{value} {y} {low} {high} {y - BAR / 2} {y + BAR / 2} "
                                f"{label_at} {quoted(label)}")
            values += [value, label_at]
    titles = ", ".join(f"{quoted(row['workload']['title'])} {at}" for at, row in enumerate(rows))
    drawn = [series for series in SERIES if bars[series]]
    plots = [f'${series.replace(" ", "_")} using 1:2:3:4:5:6 with boxxyerror fillcolor "{colour}" '
             f'title "{series}"' for series, colour in SERIES.items() if series in drawn]
    labels = [f'${series.replace(" ", "_")} using 7:2:8 with labels left offset 0.5,0 font ",10" '
              f'textcolor "{TEXT}" notitle' for series in drawn]
    return "\n".join([
        *(block(series.replace(" ", "_"), bars[series]) for series in drawn),
        block("goals", goals),
        f'set terminal svg size 960,{len(rows) * ROW_PIXELS + 110} font "sans-serif,12"',
        f'set title "{TITLE}" textcolor "{TEXT}"',
        f'set border 1 linecolor "{TEXT}"',
        f'set xtics nomirror textcolor "{TEXT}"',
        f'set ytics scale 0 ({titles}) textcolor "{TEXT}"',
        "set logscale x 2",
        f"set xrange [{min(0.7, min(values) * 0.9)}:{max(values) * 1.5}]",
        f"set yrange [{len(rows) - 0.4}:-0.6]",
        f'set key below textcolor "{TEXT}"',
        "set style fill solid 1.0 noborder",
        f'set arrow from 1,graph 0 to 1,graph 1 nohead linewidth 1.5 linecolor "{TEXT}" back',
        "plot " + ", \\\n    ".join([
            *plots, f'$goals using 1:2 with lines linewidth 3 linecolor "{TEXT}" title "goal"',
            *labels]),
    ]) + "\n"


def svg(data: dict) -> str:
    rows = [row for row in data["workloads"] if ratios(row)]
    if not rows:
        raise NoChart("no row has ratios to nginx")
    if shutil.which("gnuplot") is None:
        raise NoChart("gnuplot is not installed: apt-get install gnuplot-nox")
    done = subprocess.run(["gnuplot"], input=script(rows), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise NoChart(done.stderr.strip())
    return done.stdout.replace("<title>Gnuplot</title>", f"<title>{TITLE}</title>")


if __name__ == "__main__":
    default = Path(__file__).resolve().parent / "results" / "latest.json"
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    try:
        sys.stdout.write(svg(json.loads(source.read_text())))
    except (NoChart, OSError) as reason:
        sys.exit(f"chart: {reason}")
