"""The facts, one function each: it starts the servers that it needs and returns rows."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Callable, Iterator

from facts_servers import Running, Subject, read_answer, request
from servers import Broken

CLIENT_SLACK_SECONDS = 30

SMALL = "/index.html"
LARGE = "/large.bin"
LARGE_BYTES = 200 << 20


@dataclass
class Figure:
    """Of one server; `samples` are in the order in which they were taken."""

    samples: list[float]
    median: float = 0
    min: float = 0
    max: float = 0

    def __post_init__(self) -> None:
        self.median, self.min, self.max = (
            median(self.samples), min(self.samples), max(self.samples))


@dataclass
class Row:
    fact: str
    what: str
    unit: str
    figures: dict[str, Figure]
    limit: float | None = None  # the goal of Remuda's figure
    at_least: bool = False      # the limit is the least that will do, else the most
    judges_worst: bool = False  # the worst sample has to be within the limit, else the median
    is_met: bool | None = None

    def __post_init__(self) -> None:
        figure = self.figures.get("remuda")
        if self.limit is None or figure is None:
            return
        if self.at_least:
            self.is_met = (figure.min if self.judges_worst else figure.median) >= self.limit
        else:
            self.is_met = (figure.max if self.judges_worst else figure.median) <= self.limit


@dataclass
class Bench:
    subjects: dict[str, Subject]  # remuda, and nginx where it is installed
    load: Path
    folder: Path  # for the servers' own files
    root: Path    # that they serve
    server_cpu: int
    client_cpu: int
    all_cpus: set[int]
    is_quick: bool
    say: Callable[[str], None]
    started: int = 0
    notes: list[str] = field(default_factory=list)

    def pick(self, full: int | float, quick: int | float) -> int | float:
        return quick if self.is_quick else full

    def start(self, subject: Subject, **options: object) -> Running:
        self.started += 1
        options.setdefault("cpus", {self.server_cpu})
        return Running(subject, self.folder / f"server-{self.started}", self.root, **options)

    def command(self, options: list[str], url: str) -> list[str]:
        return [str(self.load), *options, url]

    def run_load(self, options: list[str], url: str, cpus: set[int], real_time: bool = False) -> dict:
        done = subprocess.run(
            self.command(options, url), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            timeout=CLIENT_SLACK_SECONDS, preexec_fn=lambda: settle(cpus, real_time))
        return read_load(done.returncode, done.stdout, done.stderr)


def settle(cpus: set[int], real_time: bool) -> None:
    """Places a client; a real-time one runs as soon as an answer is there, whoever else runs."""
    os.sched_setaffinity(0, cpus)
    if real_time:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            pass  # bench/facts says so


def read_load(status: int, output: str, errors: str) -> dict:
    if status != 0:
        raise Broken(f"load ended with {status}: {errors.strip()[-300:]}")
    report = json.loads(output)
    if report["first_error"] is not None:
        raise Broken(f"load: {report['first_error']}")
    return report


def by_name(samples: dict[str, list[float]]) -> dict[str, Figure]:
    return {name: Figure(values) for name, values in samples.items() if values}


# --- start and memory ------------------------------------------------------------------------

START_GOAL_MS = 50
MEMORY_GOAL_MB = 4


def measure_start(bench: Bench) -> list[Row]:
    samples: dict[str, list[float]] = {name: [] for name in bench.subjects}
    for _ in range(10):
        for name, subject in bench.subjects.items():
            with bench.start(subject) as server:
                samples[name].append(server.start_seconds * 1e3)
    return [Row("start", "from exec to the first answer", "ms", by_name(samples), START_GOAL_MS)]


def measure_memory(bench: Bench) -> list[Row]:
    pss: dict[str, list[float]] = {name: [] for name in bench.subjects}
    private: dict[str, list[float]] = {name: [] for name in bench.subjects}
    for _ in range(3):
        for name, subject in bench.subjects.items():
            with bench.start(subject, first_path="/no-such-file") as server:
                memory = server.memory()
                pss[name].append(memory.pss / 1e6)
                private[name].append(memory.private / 1e6)
    what = "master and one worker, just started, no file cached"
    return [Row("memory", f"PSS of {what}", "MB", by_name(pss), MEMORY_GOAL_MB),
            Row("memory", f"private memory of {what}", "MB", by_name(private))]


# --- idle connections ------------------------------------------------------------------------

IDLE_CONNECTIONS = 9000
IDLE_BEFORE = 100  # open already: what the first ones need once is no connection's memory
IDLE_GOAL_BYTES = 256
IDLE_CPU_GOAL_US = 50  # in a second: nothing, but for how wake-ups without any connection vary
SPARE_FILES = 200  # of this process and of a server, beside connections


def open_idle(server: Running, count: int) -> list[socket.socket]:
    """Connections that have each had an answer."""
    sockets = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", server.port), 10)
        sockets.append(s)
        s.sendall(request(SMALL))
        read_answer(s)
    return sockets


def idle_cpu_us(server: Running, seconds: float) -> float:
    """CPU time in a second of doing nothing."""
    time.sleep(0.5)  # what the last request left to do
    before = server.cpu_seconds()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) * 1e6 / seconds


def measure_idle(bench: Bench) -> list[Row]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    count = min(IDLE_CONNECTIONS, limit - IDLE_BEFORE - SPARE_FILES)
    seconds = bench.pick(5, 2)
    memory: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    cpu_of_none: dict[str, list[float]] = {}
    for name, subject in bench.subjects.items():
        with bench.start(subject) as server:
            cpu_of_none[name] = [idle_cpu_us(server, seconds)]
            sockets = open_idle(server, IDLE_BEFORE)
            before = server.memory().pss
            sockets += open_idle(server, count)
            try:
                memory[name] = [(server.memory().pss - before) / count]
                cpu[name] = [idle_cpu_us(server, seconds) - cpu_of_none[name][0]]
                for s in sockets[::100]:  # they must still be there, or this was no idling
                    s.sendall(request(SMALL))
                    read_answer(s)
            finally:
                for s in sockets:
                    s.close()
    return [Row("idle", f"memory of a keep-alive connection (PSS, {count} of them)", "bytes",
                by_name(memory), IDLE_GOAL_BYTES),
            Row("idle", "CPU time in a second without any", "us", by_name(cpu_of_none)),
            Row("idle", f"CPU time in a second with {count} of them, beyond that", "us",
                by_name(cpu), IDLE_CPU_GOAL_US)]


# --- neighbours ------------------------------------------------------------------------------

NORMAL_CLIENTS = 100
NORMAL_RATE = 20000   # requests/s of all; less where that is not well below saturation
SATURATION_SHARE = 4  # the rate is at most a fourth of what the slower server can do
NEIGHBOUR_GOAL = 1.10
PIPELINE = 64
SLOW_READERS = 50
PERCENTILES = ("p50", "p99", "p999")


@contextmanager
def nobody(bench: Bench, server: Running, seconds: float) -> Iterator[list[float]]:
    yield []


@contextmanager
def pipeliner(bench: Bench, server: Running, seconds: float) -> Iterator[list[float]]:
    """One connection, PIPELINE requests in each write, as fast as answers come."""
    did: list[float] = []
    process = subprocess.Popen(
        bench.command(["-c1", f"-p{PIPELINE}", f"-d{seconds}"], server.url(SMALL)), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: settle({bench.client_cpu}, False))
    try:
        yield did
        output, errors = process.communicate(timeout=CLIENT_SLACK_SECONDS)
        did.append(read_load(process.returncode, output, errors)["requests_per_s"] / 1e3)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def read_slowly(port: int, cpu: int, received: multiprocessing.Value) -> None:
    os.sched_setaffinity(0, {cpu})
    sockets = []
    for _ in range(SLOW_READERS):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", port))
        s.sendall(request(LARGE))
        sockets.append(s)
    while True:
        for s in sockets:
            received.value += len(s.recv(1024))
        time.sleep(0.02)


def download(port: int, cpu: int, received: multiprocessing.Value) -> None:
    """The whole file, again and again."""
    os.sched_setaffinity(0, {cpu})
    buffer = bytearray(1 << 20)
    while True:
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(request(LARGE, closes=True))
            while got := s.recv_into(buffer):
                received.value += got


def download_by_gigabit(port: int, cpu: int, received: multiprocessing.Value) -> None:
    """The same at the pace of a line of 1 Gbit/s: 125 bytes a microsecond."""
    os.sched_setaffinity(0, {cpu})
    buffer = bytearray(1 << 17)
    while True:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 19)
            s.connect(("127.0.0.1", port))
            s.sendall(request(LARGE, closes=True))
            due = time.monotonic()
            while got := s.recv_into(buffer):
                received.value += got
                due += got / 125e6
                time.sleep(max(0.0, due - time.monotonic()))


def reading(target: Callable) -> Callable:
    @contextmanager
    def neighbour(bench: Bench, server: Running, seconds: float) -> Iterator[list[float]]:
        did: list[float] = []
        received = multiprocessing.Value("q", lock=False)
        process = multiprocessing.Process(
            target=target, args=(server.port, bench.client_cpu, received), daemon=True)
        began = time.monotonic()
        process.start()
        try:
            yield did
            if not process.is_alive():
                raise Broken("a neighbour ended: the server closed its connection")
            did.append(received.value / (time.monotonic() - began) / 1e6)
        finally:
            process.kill()
            process.join()
    return neighbour


# What it is, how to be it, and the unit of what it tells about itself.
NEIGHBOURS = {
    "alone": ("", nobody, ""),
    "pipeliner": (f"a pipeliner, {PIPELINE} deep", pipeliner, "thousand requests/s"),
    "slow": (f"{SLOW_READERS} slow readers of 200 MB", reading(read_slowly), "MB/s"),
    "gigabit": ("downloads of 200 MB, 1 Gbit/s", reading(download_by_gigabit), "MB/s"),
    "download": ("downloads of 200 MB, as fast as can be", reading(download), "MB/s"),
}


def normal_rate(bench: Bench, servers: dict[str, Running]) -> int:
    slowest = min(bench.run_load(["-c100", "-d0.3"], server.url(SMALL), {bench.client_cpu})
                  ["requests_per_s"] for server in servers.values())
    return int(min(NORMAL_RATE, slowest / SATURATION_SHARE))


def measure_beside(bench: Bench, server: Running, neighbour: Callable, rate: int,
                   seconds: float) -> tuple[dict[str, float], list[float]]:
    """Latencies of the normal clients, and what the neighbour says that it did."""
    with neighbour(bench, server, seconds + 0.3) as did:
        time.sleep(0.15)  # it is at full speed by then
        report = bench.run_load([f"-c{NORMAL_CLIENTS}", f"--rate={rate}", f"-d{seconds}"],
                                server.url(SMALL), {bench.client_cpu}, real_time=True)
    return report["latency_us"], did


def measure_neighbours(bench: Bench) -> list[Row]:
    rounds, seconds = int(bench.pick(7, 3)), bench.pick(0.7, 0.4)
    latencies: dict[tuple[str, str], list[dict[str, float]]] = {}
    work: dict[tuple[str, str], list[float]] = {}
    with open(bench.root / LARGE[1:], "wb") as large:
        large.truncate(LARGE_BYTES)
    servers: dict[str, Running] = {}
    try:
        for name, subject in bench.subjects.items():
            servers[name] = bench.start(subject)
            servers[name].make_real_time()
        rate = normal_rate(bench, servers)
        for turn in range(rounds):
            for kind, (_, neighbour, _) in NEIGHBOURS.items():
                names = list(servers) if turn % 2 == 0 else list(servers)[::-1]
                for name in names:
                    seen, did = measure_beside(bench, servers[name], neighbour, rate, seconds)
                    latencies.setdefault((name, kind), []).append(seen)
                    work.setdefault((name, kind), []).extend(did)
    finally:
        for server in servers.values():
            server.stop()
    return neighbour_rows(list(servers), latencies, work, rate)


def neighbour_rows(names: list[str], latencies: dict, work: dict, rate: int) -> list[Row]:
    rows = [Row("neighbours", f"{percentile} of {NORMAL_CLIENTS} clients alone, {rate} requests/s",
                "us", {name: Figure([seen[percentile] for seen in latencies[name, "alone"]])
                       for name in names})
            for percentile in PERCENTILES]
    for kind, (title, _, unit) in NEIGHBOURS.items():
        if kind == "alone":
            continue
        for percentile in PERCENTILES:
            ratios = {name: Figure([beside[percentile] / alone[percentile] for beside, alone
                                    in zip(latencies[name, kind], latencies[name, "alone"])])
                      for name in names}
            rows.append(Row("neighbours", f"{percentile} beside {title}", "x alone", ratios,
                            NEIGHBOUR_GOAL if percentile == "p99" else None))
        rows.append(Row("neighbours", f"what the neighbour did: {title}", unit,
                        {name: Figure(work[name, kind]) for name in names}))
    return rows


# --- balance ---------------------------------------------------------------------------------

BALANCE_WORKERS = (2, 4, 8)
BALANCE_CONNECTIONS = (64, 128, 1000)
BALANCE_GOAL = 1.15
BALANCE_RATE = 40000   # requests/s: each connection is asked alike, so requests tell the same
BALANCE_SECONDS = 0.3  # of each load


def imbalance(counts: list[int]) -> float:
    return max(counts) / (sum(counts) / len(counts)) if sum(counts) else float("inf")


@contextmanager
def busy(bench: Bench, server: Running, connections: int) -> Iterator[None]:
    """So many connections under load, for a while; all of them stand when the body runs."""
    process = subprocess.Popen(
        bench.command([f"-c{connections}", f"-d{BALANCE_SECONDS}", f"--rate={BALANCE_RATE}"],
                      server.url(SMALL)), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: settle(bench.all_cpus, False))
    try:
        time.sleep(BALANCE_SECONDS * 0.75)
        yield
        output, errors = process.communicate(timeout=CLIENT_SLACK_SECONDS)
        read_load(process.returncode, output, errors)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def balance_of_remuda(bench: Bench, server: Running, connections: int) -> tuple[float, float]:
    """Busiest to mean, by open connections and by requests."""
    deadline = time.monotonic() + 2
    while sum(open_now for open_now, _ in server.status()) > 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    before = server.status()
    with busy(bench, server, connections):
        during = server.status()
    counts = [open_now for open_now, _ in during]
    if sum(counts) != connections:
        raise Broken(f"{sum(counts)} connections are open, not {connections}")
    return (imbalance(counts),
            imbalance([now - then for (_, now), (_, then) in zip(during, before)]))


def balance_of_nginx(bench: Bench, server: Running, connections: int,
                     own_sockets: list[int]) -> float:
    deadline = time.monotonic() + 2
    while server.sockets() != own_sockets and time.monotonic() < deadline:
        time.sleep(0.01)
    with busy(bench, server, connections):
        during = server.sockets()
    return imbalance([now - own for now, own in zip(during, own_sockets)])


def measure_balance(bench: Bench) -> list[Row]:
    rows = []
    repetitions = int(bench.pick(4, 2))
    sizes = (64, 1000) if bench.is_quick else BALANCE_CONNECTIONS
    for workers in BALANCE_WORKERS:
        opened: dict[tuple[str, int], list[float]] = {}
        asked: dict[int, list[float]] = {}
        for name, subject in bench.subjects.items():
            with bench.start(subject, workers=workers, cpus=bench.all_cpus) as server:
                time.sleep(0.1)  # the first answer's connection is gone, all workers are there
                own_sockets = server.sockets()
                for connections in sizes * repetitions:
                    of_connections = opened.setdefault((name, connections), [])
                    if name == "remuda":
                        by_connections, by_requests = balance_of_remuda(
                            bench, server, connections)
                        of_connections.append(by_connections)
                        asked.setdefault(connections, []).append(by_requests)
                    else:
                        of_connections.append(
                            balance_of_nginx(bench, server, connections, own_sockets))
        for connections in sizes:
            title = f"busiest of {workers} workers, {connections} connections: its"
            rows.append(Row("balance", f"{title} open connections", "x mean",
                            {name: Figure(opened[name, connections]) for name in bench.subjects},
                            BALANCE_GOAL, judges_worst=True))
            rows.append(Row("balance", f"{title} requests", "x mean",
                            {"remuda": Figure(asked[connections])}, BALANCE_GOAL,
                            judges_worst=True))
    return rows


# --- many files ------------------------------------------------------------------------------

FILE_COUNT = 100000
FILE_BYTES = 1024
CACHED_FILES = 10000
FILES_GOAL = 1.0


def make_files(bench: Bench) -> None:
    folder = bench.root / "f"
    folder.mkdir()
    content = b"x" * FILE_BYTES
    for number in range(FILE_COUNT):
        fd = os.open(folder / f"{number:05}.html", os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, content)
        os.close(fd)


def measure_files(bench: Bench) -> list[Row]:
    rounds, seconds = int(bench.pick(5, 3)), bench.pick(1.2, 0.6)
    make_files(bench)
    forms = {"remuda": bench.subjects["remuda"]}
    if "nginx" in bench.subjects:
        nginx = bench.subjects["nginx"].binary
        forms["nginx-sendfile"] = Subject("nginx", nginx)
        forms["nginx-copy"] = Subject("nginx", nginx, sendfile=False)
    servers: dict[str, Running] = {}
    cpu: dict[str, list[float]] = {name: [] for name in forms}
    try:
        for name, subject in forms.items():
            servers[name] = bench.start(subject, cached_files=CACHED_FILES)
        for turn in range(-1, rounds):  # the first one only warms up
            for name in list(forms) if turn % 2 == 0 else list(forms)[::-1]:
                before = servers[name].cpu_seconds()
                report = bench.run_load(
                    ["-c100", f"-d{seconds}", f"--length={FILE_BYTES}", f"--seed={turn + 2}",
                     "--paths", str(FILE_COUNT), "/f/%05u.html"],
                    servers[name].url("/"), {bench.client_cpu})
                time.sleep(0.05)  # for the server to see that the client has gone
                spent = servers[name].cpu_seconds() - before
                if turn >= 0:
                    cpu[name].append(spent * 1e6 / report["answers"])
    finally:
        for server in servers.values():
            server.stop()

    what = f"{FILE_COUNT:,} files of 1 KB at random, {CACHED_FILES:,} cached"
    figures = {"remuda": Figure(cpu["remuda"])}
    rows = []
    if "nginx" in bench.subjects:
        best = min(("nginx-sendfile", "nginx-copy"), key=lambda name: median(cpu[name]))
        figures["nginx"] = Figure(cpu[best])
        ratios = [theirs / ours for theirs, ours in zip(cpu[best], cpu["remuda"])]
        rows = [Row("files", f"{what}: {best}'s CPU time to Remuda's", "x",
                    {"remuda": Figure(ratios)}, FILES_GOAL, at_least=True)]
    return [Row("files", f"{what}: CPU time of a request", "us", figures), *rows]


MEASURES: dict[str, Callable[[Bench], list[Row]]] = {
    "start": measure_start,
    "memory": measure_memory,
    "idle": measure_idle,
    "neighbours": measure_neighbours,
    "balance": measure_balance,
    "files": measure_files,
}
