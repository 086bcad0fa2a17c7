"""From rounds to medians, and from medians to a table, Markdown and JSON."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Callable

from clients import Load
from workloads import Workload

NGINX_FORMS = ("nginx-sendfile", "nginx-copy")
LEAST_OF_BEST = 0.95  # of nginx's best: no row may be below. For latencies too: they are noisy


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


LATENCIES = ("p50_us", "p99_us", "p999_us", "mean_us", "max_us")


@dataclass
class Cell:
    """One server in one workload. A single failed run fails the cell: nothing is averaged away."""

    samples: list[Sample] = field(default_factory=list)
    cpu_us: Spread | None = None
    requests_per_second: Spread | None = None
    p50_us: Spread | None = None
    p99_us: Spread | None = None
    p999_us: Spread | None = None
    mean_us: Spread | None = None
    max_us: Spread | None = None
    # Ratios, more is better. "Best" is the form of nginx whose median is the better one.
    x_nginx: Spread | None = None  # CPU time of the row's nginx by this server's
    x_best: Spread | None = None
    x_floor: Spread | None = None
    rate_x_nginx: Spread | None = None  # this server's requests/s by the row's nginx's
    p99_x_best: Spread | None = None  # nginx's latency by this server's
    p999_x_best: Spread | None = None
    failure: str | None = None


@dataclass
class Row:
    workload: Workload
    command: str  # of the client
    cells: dict[str, Cell] = field(default_factory=dict)
    best_peer: str | None = None
    # Goals that Remuda did not reach; none: all were. None: it, or nginx, was not measured.
    short_of: list[str] | None = None

    def good(self, name: str) -> Cell | None:
        """The cell of a server that was measured, without a failure."""
        cell = self.cells.get(name)
        return cell if cell and not cell.failure else None


def summarise(rows: list[Row], peers: list[str]) -> None:
    for row in rows:
        for cell in row.cells.values():
            failures = [s.failure for s in cell.samples if s.failure]
            if failures:
                cell.failure = f"{failures[0]} ({len(failures)} of {len(cell.samples)} runs)"
            else:
                summarise_cell(cell)
        for cell in row.cells.values():
            if not cell.failure:
                compare(cell, row)
        able = [name for name in peers if (cell := row.good(name)) and cell.cpu_us]
        row.best_peer = min(able, key=lambda name: row.cells[name].cpu_us.median, default=None)
        row.short_of = missed_goals(row)


def summarise_cell(cell: Cell) -> None:
    for name in LATENCIES:
        setattr(cell, name, spread([getattr(s.load, name) for s in cell.samples]))
    cell.cpu_us = spread([s.cpu_us for s in cell.samples])
    cell.requests_per_second = spread([s.requests_per_second for s in cell.samples])


def quotients(over: Cell | None, under: Cell | None, of: Callable[[Sample], float | None]):
    """Of each round; None when either was not measured."""
    pairs = zip(over.samples, under.samples) if over and under else ()
    values = [(of(a), of(b)) for a, b in pairs]
    return spread([a / b if a and b else None for a, b in values])


def compare(cell: Cell, row: Row) -> None:
    def best(name: str) -> Cell | None:
        forms = [form for form in map(row.good, NGINX_FORMS) if form and getattr(form, name)]
        return min(forms, key=lambda form: getattr(form, name).median, default=None)

    nginx = row.good(row.workload.nginx)
    cell.x_nginx = quotients(nginx, cell, lambda s: s.cpu_us)
    cell.x_best = quotients(best("cpu_us"), cell, lambda s: s.cpu_us)
    cell.x_floor = quotients(row.good("floor"), cell, lambda s: s.cpu_us)
    cell.rate_x_nginx = quotients(cell, nginx, lambda s: s.requests_per_second)
    cell.p99_x_best = quotients(best("p99_us"), cell, lambda s: s.load.p99_us)
    cell.p999_x_best = quotients(best("p999_us"), cell, lambda s: s.load.p999_us)


def missed_goals(row: Row) -> list[str] | None:
    goal = row.workload.goal
    cell = row.good("remuda")
    if cell is None or cell.x_nginx is None:
        return None
    asked = (
        (f"x nginx {goal.nginx:g}", cell.x_nginx, goal.nginx),
        (f"x floor {goal.of_floor:.2f}", cell.x_floor, goal.of_floor),
        (f"x nginx's best {LEAST_OF_BEST}", cell.x_best, LEAST_OF_BEST),
        ("p99", cell.p99_x_best, LEAST_OF_BEST),
        ("p99.9", cell.p999_x_best, LEAST_OF_BEST),
        (f"{goal.requests_per_second or 0:.0f} requests/s", cell.requests_per_second,
         goal.requests_per_second),
    )
    missed = [name for name, value, least in asked if value and least and value.median < least]
    if goal.p50_us and cell.p50_us and cell.p50_us.median > goal.p50_us:
        missed.append(f"p50 {goal.p50_us:g} us")
    return missed


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

LEGEND = ("Medians of the rounds; ratios are of the same round, median (min..max), and more is "
          "better. ~ is a mean and < a maximum: that client knows no percentiles.")
DETAILS = ("server", "CPU us/request", "requests/s", "p50 us", "p99 us", "p99.9 us", "x nginx",
           "x nginx's best", "x floor", "requests/s, x nginx")
GOALS = ("workload, one worker", "CPU us: Remuda", "nginx", "floor", "Remuda x nginx", "goal",
         "floor x nginx", "x nginx's best", "x floor", "goal", "requests/s x nginx",
         "p99 x best", "p99.9 x best", "best peer x nginx", "goals reached")


def number(value: Spread | None, digits: int = 0, mark: str = "") -> str:
    return f"{mark}{value.median:.{digits}f}" if value else "-"


def ratio(value: Spread | None) -> str:
    return f"{value.median:.2f} ({value.min:.2f}..{value.max:.2f})" if value else "-"


def details(name: str, cell: Cell) -> list[str]:
    if cell.failure:
        return [name, f"FAILED: {cell.failure}", *[""] * (len(DETAILS) - 2)]
    return [
        name,
        number(cell.cpu_us, 2),
        number(cell.requests_per_second),
        number(cell.p50_us) if cell.p50_us else number(cell.mean_us, mark="~"),
        number(cell.p99_us) if cell.p99_us else number(cell.max_us, mark="<"),
        number(cell.p999_us),
        ratio(cell.x_nginx),
        ratio(cell.x_best),
        ratio(cell.x_floor),
        ratio(cell.rate_x_nginx),
    ]


def goals(row: Row) -> list[str]:
    nothing = Cell()
    goal = row.workload.goal
    remuda = row.good("remuda") or nothing
    peer = row.cells[row.best_peer] if row.best_peer else nothing
    reached = "-" if row.short_of is None else "not " + ", ".join(row.short_of) \
        if row.short_of else "all"
    return [
        f"{row.workload.title} ({row.workload.client})",
        number(remuda.cpu_us, 2),
        number((row.good(row.workload.nginx) or nothing).cpu_us, 2),
        number((row.good("floor") or nothing).cpu_us, 2),
        ratio(remuda.x_nginx),
        f"{goal.nginx:g}",
        number((row.good("floor") or nothing).x_nginx, 2),
        number(remuda.x_best, 2),
        number(remuda.x_floor, 2),
        f"{goal.of_floor:.2f}",
        number(remuda.rate_x_nginx, 2),
        number(remuda.p99_x_best, 2),
        number(remuda.p999_x_best, 2),
        f"{row.best_peer} {number(peer.x_nginx, 2)}" if row.best_peer else "-",
        reached,
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
        LEGEND,
    ]


def text_table(lines: list[list[str]]) -> list[str]:
    """What failed has a long text in its second column, which widens nothing."""
    widths = [max(len(line[i]) for line in lines if "FAILED" not in line[1])
              for i in range(len(lines[0]))]
    return ["  " + "  ".join([line[0].ljust(widths[0]), *(
        text.rjust(width) for text, width in zip(line[1:], widths[1:]))]).rstrip()
        for line in lines]


def markdown_table(lines: list[list[str]]) -> list[str]:
    clean = [[text.replace("|", "\\|").replace("\n", " ") for text in line] for line in lines]
    rule = "|---|" + "--:|" * (len(lines[0]) - 1)
    rows = ["| " + " | ".join(line) + " |" for line in clean]
    return [rows[0], rule, *rows[1:]]


def as_text(report: dict, rows: list[Row]) -> str:
    lines = introduction(report)
    for row in rows:
        w = row.workload
        lines += ["", f"{w.title} [{w.client}], nginx is {w.nginx}"]
        lines += text_table([DETAILS, *(details(*item) for item in row.cells.items())])
    judged = [row for row in rows if row.short_of is not None]
    lines += [""] * bool(judged) + [
        f"{row.workload.name:15} x nginx {ratio(row.cells['remuda'].x_nginx):20} "
        f"goal {row.workload.goal.nginx:<5g} reached: {goals(row)[-1]}" for row in judged]
    lines += [""] * bool(report["skipped"]) + [f"skipped: {text}" for text in report["skipped"]]
    return "\n".join(lines) + "\n"


def as_markdown(report: dict, rows: list[Row]) -> str:
    lines = [f"{line}  " for line in introduction(report)]
    lines += ["", *markdown_table([GOALS, *map(goals, rows)])]
    table = [("workload", *DETAILS)]
    for row in rows:
        title = f"{row.workload.title} ({row.workload.client})"
        for name, cell in row.cells.items():
            table.append([title, *details(name, cell)])
            title = ""
    lines += ["", *markdown_table(table)]
    lines += [""] * bool(report["skipped"]) + [f"Skipped: {text}  " for text in report["skipped"]]
    return "\n".join(lines) + "\n"


def as_data(report: dict, rows: list[Row]) -> dict:
    """For JSON."""
    return report | {"workloads": [asdict(row) for row in rows]}
