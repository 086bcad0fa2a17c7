"""The load generators: what to run for a workload, and how to read what they print."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from workloads import RANDOM_PATH, Workload

WRK_SCRIPT = Path(__file__).resolve().parent / "wrk.lua"


class Missing(Exception):
    """A program that is not there; the text says which, and how to get it."""


@dataclass
class Load:
    """What a client saw. Latencies are microseconds; None where the client does not tell."""

    requests: int
    seconds: float
    p50_us: float | None = None
    p99_us: float | None = None
    p999_us: float | None = None
    mean_us: float | None = None
    max_us: float | None = None
    failure: str | None = None  # why this run must not count


UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}


def duration_us(text: str) -> float:
    """
    >>> duration_us("437.00us"), duration_us("1.05ms"), duration_us("2.5s")
    (437.0, 1050.0, 2500000.0)
    """
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text).groups()
    return float(number) * UNITS_US[unit]


def find(pattern: str, text: str) -> re.Match:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no /{pattern}/ in the client's output:\n{text}")
    return found


def header_options(headers: list[str]) -> list[str]:
    return [word for header in headers for word in ("-H", header)]


def wrk_command(w: Workload, url: str, headers: list[str], seconds: int) -> list[str]:
    return ["-t1", f"-c{w.connections}", f"-d{seconds}s", "--timeout", "10s", "--latency",
            "-s", str(WRK_SCRIPT), *header_options(headers), url]


def wrk_read(text: str) -> Load:
    r"""
    >>> wrk_read("    Latency   1.5ms  2ms  10.0ms  72%\n     50%  437.00us\n     99%    1.05ms\n"
    ...          "99.9% 2050us\n"
    ...          "  4416 requests in 1.10s, 2.19MB read\n"
    ...          "  Socket errors: connect 0, read 3, write 0, timeout 0\n")
    ... # doctest: +NORMALIZE_WHITESPACE
    Load(requests=4416, seconds=1.1, p50_us=437.0, p99_us=1050.0, p999_us=2050.0,
         mean_us=1500.0, max_us=10000.0,
         failure='socket errors: connect 0, read 3, write 0, timeout 0')
    """
    requests, seconds = find(r"(\d+) requests in ([\d.]+[a-z]+)", text).groups()
    mean, most = find(r"Latency +(\S+) +\S+ +(\S+)", text).groups()
    load = Load(int(requests), duration_us(seconds) / 1e6,
                p50_us=duration_us(find(r"^ +50% +(\S+)$", text)[1]),
                p99_us=duration_us(find(r"^ +99% +(\S+)$", text)[1]),
                p999_us=duration_us(find(r"^99\.9% (\S+)$", text)[1]),
                mean_us=duration_us(mean), max_us=duration_us(most))
    if errors := re.search(r"Socket errors: (.*)", text):
        load.failure = f"socket errors: {errors[1]}"
    if errors := re.search(r"Non-2xx or 3xx responses: (\d+)", text):
        load.failure = f"{errors[1]} answers that are not 2xx"
    return load


def h2load_command(w: Workload, url: str, headers: list[str], seconds: int) -> list[str]:
    return ["--h1", "-t1", f"-c{w.connections}", f"-m{w.pipeline}", f"-D{seconds}",
            *header_options(headers), url]


def h2load_read(text: str) -> Load:
    r"""
    >>> h2load_read("finished in 2.00s, 4796.16 req/s, 579.34KB/s\n"
    ...     "requests: 9592 total, 9592 started, 9592 done, 9590 succeeded, 2 failed, 0 errored\n"
    ...     "status codes: 9590 2xx, 0 3xx, 2 4xx, 0 5xx\n"
    ...     "time for request:      163us       634us       364us       108us    69.23%\n")
    ... # doctest: +NORMALIZE_WHITESPACE
    Load(requests=9590, seconds=2.0, p50_us=None, p99_us=None, p999_us=None, mean_us=364.0,
         max_us=634.0, failure='2 failed, 0 errored')
    """
    seconds = duration_us(find(r"finished in (\S+),", text)[1]) / 1e6
    _, most, mean = find(r"time for request: +(\S+) +(\S+) +(\S+)", text).groups()
    failed, errored = find(r"(\d+) failed, (\d+) errored", text).groups()
    load = Load(int(find(r"status codes: (\d+) 2xx", text)[1]), seconds,
                mean_us=duration_us(mean), max_us=duration_us(most))
    if int(failed) or int(errored):
        load.failure = f"{failed} failed, {errored} errored"
    return load


WEIGHTTP_REQUESTS = 100000


def weighttp_command(w: Workload, url: str, headers: list[str], seconds: int) -> list[str]:
    return [f"-n{WEIGHTTP_REQUESTS}", f"-c{w.connections}", f"-t{w.threads}", "-k",
            *header_options(headers), url]


def weighttp_read(text: str) -> Load:
    """weighttp 0.5 prints JSON after its progress, 0.4 (built on libev) lines of text."""
    start = text.find("{")
    if start >= 0:
        report = json.loads(text[start:])
        times = report["response_times"]
        load = Load(report["status_codes"]["2xx"], report["secs_elapsed"], p50_us=times["50%"],
                    p99_us=times["99%"], mean_us=times["avg"], max_us=times["100%"])
    else:
        parts = find(r"finished in (\d+) sec, (\d+) millisec and (\d+) microsec", text).groups()
        whole, milli, micro = map(int, parts)
        load = Load(int(find(r"status codes: (\d+) 2xx", text)[1]),
                    whole + milli / 1e3 + micro / 1e6)
    if load.requests != WEIGHTTP_REQUESTS:
        load.failure = f"{load.requests} answers with 2xx to {WEIGHTTP_REQUESTS} requests"
    return load


def load_command(w: Workload, url: str, headers: list[str], seconds: int) -> list[str]:
    if w.files > 1:
        url, path = url.removesuffix(w.file), "/" + RANDOM_PATH
    paths = ["--paths", str(w.files), path] if w.files > 1 else []
    length = [] if w.expected is None else ["--length", str(len(w.expected))]
    return [f"-c{w.connections}", f"-d{seconds}", f"-p{w.pipeline}", "--status", str(w.status),
            *length, *paths, *header_options(headers), url]


def load_read(text: str) -> Load:
    report = json.loads(text)
    times = report["latency_us"]
    load = Load(report["answers"], report["seconds"], p50_us=times["p50"], p99_us=times["p99"],
                p999_us=times["p999"], mean_us=times["mean"], max_us=times["max"])
    if errors := {kind: count for kind, count in report["errors"].items() if count}:
        kinds = ", ".join(f"{count} {kind}" for kind, count in errors.items())
        load.failure = f"errors: {kinds} (first: {report['first_error']})"
    return load


@dataclass(frozen=True)
class Client:
    program: str
    how_to_get: str
    version_option: str
    command: Callable[[Workload, str, list[str], int], list[str]]
    read: Callable[[str], Load]
    variable: str = ""  # of the environment, may name the program

    def path(self, environment: dict[str, str]) -> str:
        path = shutil.which(environment.get(self.variable) or self.program)
        if path is None:
            raise Missing(f"{self.program} is not installed: {self.how_to_get}")
        return path

    def version(self, path: str) -> str:
        if not self.version_option:
            return ""
        done = subprocess.run([path, self.version_option], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        found = re.search(r"\S*\d+\.\d+[\w.+-]*", done.stdout)
        return found[0].rpartition("/")[2] if found else "unknown"


CLIENTS = {
    "load": Client("load", "`make bench` makes it", "", load_command, load_read, "LOAD"),
    "weighttp": Client(
        "weighttp", "build it from github.com/lighttpd/weighttp (see bench/README.md) and put it "
        "on PATH or name it in $WEIGHTTP", "-V", weighttp_command, weighttp_read, "WEIGHTTP"),
    "wrk": Client("wrk", "apt-get install wrk", "-v", wrk_command, wrk_read),
    "h2load": Client("h2load", "apt-get install nghttp2-client", "--version", h2load_command,
                     h2load_read),
}
