"""The table of workloads, and what is asked of each. A row more here is a row in every report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MTIME = 1767225600  # of every file, in the past: a fresh file's tag may be a weak one


@dataclass(frozen=True)
class Goal:
    """How many times less CPU time per request than nginx, by the row's own form of it."""

    nginx: float         # asked of Remuda
    floor: float         # what the floor had when the goal was set
    p50_us: float | None = None
    requests_per_second: float | None = None

    @property
    def of_floor(self) -> float:
        """The share of the floor's speed that this goal is: it moves less with nginx's version."""
        return self.nginx / self.floor


@dataclass(frozen=True)
class Workload:
    name: str                      # for --workloads and the JSON file
    title: str
    client: str                    # a key of clients.CLIENTS
    connections: int
    goal: Goal
    file: str = "index.html"       # in the docroot, see FILES
    files: int = 1                 # so many distinct ones, at random; `file` is the first
    headers: tuple[str, ...] = ()  # beside the client's own; {etag}: the server's for `file`
    status: int = 200              # of every answer
    part: tuple[int, int] = 0, 0   # of the file, as a slice, when `status` is 206
    pipeline: int = 1              # requests under way on each connection
    threads: int = 1               # of the client, which has one CPU in any case
    closes: bool = False           # a new connection for each request
    log: bool = False              # with an access log
    same_cpu: bool = False         # server and client share the server's CPU
    in_quick: bool = False         # measured with QUICK=1 too

    @property
    def nginx(self) -> str:
        """The form of nginx that this row's ratios are to: as its manual would tune it."""
        # With tcp_nopush a client that waits for all answers of a batch gets the last after 40 ms.
        return "nginx-copy" if self.pipeline > 1 else "nginx-sendfile"

    @property
    def expected(self) -> bytes | None:
        """The body of each answer; None: whatever it is."""
        whole = FILES.get(self.file, b"")
        return {200: whole, 206: whole[slice(*self.part)], 304: b""}.get(self.status)


INDEX = (b"<!DOCTYPE html>\n<html><head><title>Remuda</title></head>\n"
         b"<body><h1>It works</h1><p>The herd is saddled, and this page is its burden."
         b"</p></body></html>\n")
assert len(INDEX) == 151, len(INDEX)  # the size of the Warp text's page

KILOBYTE = bytes(range(256)) * 4
RANDOM_FILES = 10000
RANDOM_PATH = "random/%05u.html"  # as printf(3) and Python understand it

FILES = {
    "index.html": INDEX,
    "1k.bin": KILOBYTE,
    "10k.bin": KILOBYTE * 10,
    "100k.bin": KILOBYTE * 100,
    "1m.bin": KILOBYTE * 1024,
    RANDOM_PATH % 0: KILOBYTE,
}


def write_files(root: Path) -> None:
    contents = FILES | {RANDOM_PATH % i: KILOBYTE for i in range(RANDOM_FILES)}
    (root / RANDOM_PATH).parent.mkdir(parents=True)
    for name, content in contents.items():
        (root / name).write_bytes(content)
        os.utime(root / name, (MTIME, MTIME))


# With Host, which the client adds, eleven headers as Chromium sends them for a page.
BROWSER = (
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="131", "Not_A Brand";v="24"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8",
    "Cookie: session=6f1d2c3b4a5968778695a4b3c2d1e0f0123456789abcdef0; theme=dark; lang=en",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9",
)

# New connections come last: the TIME_WAIT entries that they leave behind disturb nobody then.
WORKLOADS = (
    Workload("weighttp", "weighttp -n 100000 -c 1000 -t 1 -k, 151 B", "weighttp", 1000,
             Goal(1.48, 1.53), in_quick=True),
    Workload("weighttp-10", "weighttp -n 100000 -c 1000 -t 10 -k, 151 B", "weighttp", 1000,
             Goal(1.48, 1.53), threads=10),
    Workload("keepalive", "keep-alive, 100 connections, 151 B", "wrk", 100, Goal(1.6, 1.73),
             in_quick=True),
    Workload("same-cpu", "keep-alive, client and server on one CPU", "wrk", 100,
             Goal(2.2, 2.4), same_cpu=True, in_quick=True),
    Workload("browser", "a browser's request: 11 headers, 600 bytes", "wrk", 100,
             Goal(1.8, 2.0), headers=BROWSER, in_quick=True),
    Workload("one", "one connection, 151 B", "load", 1, Goal(1.6, 1.71, p50_us=15)),
    Workload("pipeline", "pipeline of 16, 100 connections, 151 B", "load", 100,
             Goal(11, 13.1, requests_per_second=1.8e6), pipeline=16, in_quick=True),
    Workload("pipeline-h2load", "pipeline of 16, asked anew as answers come", "h2load",
             100, Goal(11, 13.1), pipeline=16),
    Workload("random", "10,000 files of 1 KB at random", "load", 100, Goal(1.9, 2.14),
             file=RANDOM_PATH % 0, files=RANDOM_FILES, in_quick=True),
    Workload("1k", "1 KB file", "wrk", 100, Goal(1.6, 1.72), file="1k.bin"),
    Workload("10k", "10 KB file", "wrk", 100, Goal(1.4, 1.52), file="10k.bin"),
    Workload("100k", "100 KB file", "wrk", 100, Goal(1.15, 1.23), file="100k.bin"),
    Workload("1m", "1 MB file", "wrk", 100, Goal(1.05, 1.1), file="1m.bin"),
    Workload("log", "access log on, 151 B", "wrk", 100, Goal(1.7, 1.85), log=True),
    Workload("304", "304 to If-None-Match", "load", 100, Goal(1.35, 1.45), status=304,
             headers=("If-None-Match: {etag}",)),
    Workload("404", "404", "load", 100, Goal(1.5, 1.65), file="nothing.html", status=404),
    Workload("range", "1 KB range of a 10 KB file", "load", 100, Goal(1.5, 1.65),
             file="10k.bin", status=206, headers=("Range: bytes=1024-2047",), part=(1024, 2048)),
    Workload("close", "a new connection for every request, 151 B", "wrk", 100,
             Goal(1.8, 2.1), headers=("Connection: close",), closes=True, in_quick=True),
)
