"""From rounds to medians, and from medians to a table, Markdown and JSON."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from clients import Load
from workloads import Workload

BASELINE = "nginx"


@dataclass
class Sample:
    """One run of one client against one server."""

    round: int
    load: Load | None = None  # None: the client told nothing
    cpu_us: float | None = None  # of the server, per request
    failure: str | None = None

    @property
    def requests_per_second(self) -> float | None:
        return self.load.requests / self.load.seconds if self.load else None


@dataclass
class Spread:
    median: float
    min: float
    max: float


def spread(values: list[float | None]) -> Spread | None:
    """
    >>> spread([3.0, 1.0, 2.0]), spread([]), spread([1.0, None])
    (Spread(median=2.0, min=1.0, max=3.0), None, None)
    """
    if not values or None in values:
        return None
    return Spread(median(values), min(values), max(values))


@dataclass
class Cell:
    """One server in one workload. A single failed run fails the cell: nothing is averaged away."""

    samples: list[Sample] = field(default_factory=list)
    cpu_us: Spread | None = None
    requests_per_second: Spread | None = None
    p50_us: Spread | None = None
    p99_us: Spread | None = None
    mean_us: Spread | None = None
    max_us: Spread | None = None
    cpu_ratio: Spread | None = None  # the baseline's CPU time by this server's: more is better
    rate_ratio: Spread | None = None  # this server's requests/s by the baseline's
    failure: str | None = None


@dataclass
class Row:
    workload: Workload
    command: str  # of the client
    cells: dict[str, Cell] = field(default_factory=dict)


def summarise(rows: list[Row]) -> None:
    for row in rows:
        for cell in row.cells.values():
            failures = [s.failure for s in cell.samples if s.failure]
            if failures:
                cell.failure = f"{failures[0]} ({len(failures)} of {len(cell.samples)} runs)"
        for cell in row.cells.values():
            if not cell.failure:
                summarise_cell(cell, row.cells.get(BASELINE))


def summarise_cell(cell: Cell, base: Cell | None) -> None:
    loads = [s.load for s in cell.samples]
    for name in ("p50_us", "p99_us", "mean_us", "max_us"):
        setattr(cell, name, spread([getattr(load, name) for load in loads]))
    cell.cpu_us = spread([s.cpu_us for s in cell.samples])
    cell.requests_per_second = spread([s.requests_per_second for s in cell.samples])
    if base is None or base.failure:
        return
    pairs = list(zip(base.samples, cell.samples))
    if cell.cpu_us and all(b.cpu_us for b, _ in pairs):
        cell.cpu_ratio = spread([b.cpu_us / s.cpu_us for b, s in pairs])
    cell.rate_ratio = spread([s.requests_per_second / b.requests_per_second for b, s in pairs])


# --- the machine -----------------------------------------------------------------------------

def field_of(path: str, name: str, separator: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip().strip('"')
    return ""


def one_line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return "unknown"


def share_a_core(first: int, second: int) -> bool:
    path = "/sys/devices/system/cpu/cpu{}/topology/core_cpus_list"
    return first != second and one_line(path.format(first)) == one_line(path.format(second))


def describe_machine(server_cpu: int, client_cpu: int) -> dict[str, str]:
    cpus = f"server on CPU {server_cpu}, clients on CPU {client_cpu} of {os.cpu_count()}"
    if server_cpu == client_cpu:
        cpus += ": every row shares one CPU"
    elif share_a_core(server_cpu, client_cpu):
        cpus += ", two threads of one core"
    model = field_of("/proc/cpuinfo", "model name", ":") or "unknown CPU"
    return {
        "cpu": f"{model} ({platform.machine()})",
        "cpus": cpus,
        "kernel": f"{platform.system()} {platform.release()}",
        "distribution": field_of("/etc/os-release", "PRETTY_NAME", "=") or "unknown",
        "congestion control": one_line("/proc/sys/net/ipv4/tcp_congestion_control"),
        "load at start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


# --- how it reads ----------------------------------------------------------------------------

HEADINGS = ("server", "CPU us/request", "requests/s", "p50 us", "p99 us",
            f"CPU, x {BASELINE}", f"requests/s, x {BASELINE}")
LEGEND = (f"Medians of the rounds; ratios are to {BASELINE} of the same round, median (min..max), "
          "more is better. ~ is a mean and < a maximum: that client knows no percentiles.")


def number(value: Spread | None, digits: int = 0, mark: str = "") -> str:
    return f"{mark}{value.median:.{digits}f}" if value else "-"


def ratio(value: Spread | None) -> str:
    return f"{value.median:.2f} ({value.min:.2f}..{value.max:.2f})" if value else "-"


def figures(name: str, cell: Cell) -> list[str]:
    return [
        name,
        number(cell.cpu_us, 2),
        number(cell.requests_per_second),
        number(cell.p50_us) if cell.p50_us else number(cell.mean_us, mark="~"),
        number(cell.p99_us) if cell.p99_us else number(cell.max_us, mark="<"),
        ratio(cell.cpu_ratio),
        ratio(cell.rate_ratio),
    ]


def introduction(report: dict) -> list[str]:
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}".strip()
                         for name, version in report["versions"].items())
    parameters = report["parameters"]
    return [
        f"{machine['cpu']}; {machine['cpus']}; {machine['distribution']}, {machine['kernel']}, "
        f"{machine['congestion control']}, loopback; load at start {machine['load at start']}.",
        f"{versions}.",
        f"Rounds: {parameters['rounds']}, each run {parameters['seconds']} s; {report['when']}.",
    ]


def as_text(report: dict, rows: list[Row]) -> str:
    lines = [*introduction(report), LEGEND]
    for row in rows:
        table = [figures(name, cell) for name, cell in row.cells.items() if not cell.failure]
        widths = [max(len(line[i]) for line in [HEADINGS, *table]) for i in range(len(HEADINGS))]
        lines += ["", f"{row.workload.title} [{row.workload.client}]"]
        for line in [HEADINGS, *table]:
            first = line[0].ljust(widths[0])
            rest = (text.rjust(width) for text, width in zip(line[1:], widths[1:]))
            lines.append("  " + "  ".join([first, *rest]))
        lines += [f"  {name}: FAILED: {cell.failure}"
                  for name, cell in row.cells.items() if cell.failure]
    lines += [""] * bool(report["skipped"]) + [f"skipped: {text}" for text in report["skipped"]]
    return "\n".join(lines) + "\n"


def as_markdown(report: dict, rows: list[Row]) -> str:
    headings = ("workload", *HEADINGS)
    lines = [f"{line}  " for line in introduction(report)] + [LEGEND, ""]
    lines.append("| " + " | ".join(headings) + " |")
    lines.append("|---|---|" + "--:|" * (len(headings) - 2))
    for row in rows:
        title = f"{row.workload.title} [{row.workload.client}]"
        for name, cell in row.cells.items():
            rest = figures(name, cell)
            if cell.failure:
                failure = cell.failure.replace("|", "\\|").replace("\n", " ")
                rest = [name, f"failed: {failure}", *[""] * (len(HEADINGS) - 2)]
            lines.append("| " + " | ".join([title, *rest]) + " |")
            title = ""
    lines += [""] * bool(report["skipped"]) + [f"Skipped: {text}  " for text in report["skipped"]]
    return "\n".join(lines) + "\n"


def as_data(report: dict, rows: list[Row]) -> dict:
    """For JSON."""
    return report | {"workloads": [asdict(row) for row in rows]}
