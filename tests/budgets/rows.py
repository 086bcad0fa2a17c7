"""The table of budgets. A row more here is a row more in the report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "bench"))
from workloads import BROWSER, INDEX  # one page and one browser for budgets and bench

CONNECTIONS = 100

FILES = {
    "index.html": INDEX,
    "10k.bin": bytes(range(256)) * 40,
} | {f"r/{i:05}.html": f"{i:05}".encode() * 204 + b"end\n" for i in range(2000)}


@dataclass(frozen=True)
class Budget:
    limit: Optional[float] = None  # over it the check fails; None: it is only reported
    goal: Optional[float] = None   # where the limit is not there yet


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    paths: tuple[str, ...] = ("/",)  # asked for in turn
    headers: tuple[str, ...] = ()    # beside Host
    status: int = 200
    pipeline: int = 1                # requests in one write
    closes: bool = False             # a new connection for each request
    access_log: bool = False
    if_none_match: bool = False      # with the tag that the file has
    rare_calls: tuple[str, ...] = ()  # allowed beside those of every row
    warm_rounds: int = 3             # of all connections, until all caches have what they need
    rounds: int = 30                 # measured
    calls: Budget = Budget()         # system calls a request
    instructions: Budget = Budget()  # in user space, a request

    @property
    def requests_a_round(self) -> int:
        return CONNECTIONS * self.pipeline


EACH_FILE = tuple(f"/{name}" for name in FILES if name.startswith("r/"))
NEVER_THE_SAME = tuple(f"/?{i:05}" for i in range(5000))  # more than are asked for

# Limits of instructions are a promise, or what was measured and a tenth more.
ROWS = (
    Row("keepalive", "a cached file, as wrk asks for it",
        calls=Budget(2.05), instructions=Budget(1000)),
    Row("log", "the same with the access log", access_log=True, rare_calls=("write", "futex"),
        calls=Budget(2.05), instructions=Budget(1300)),
    Row("browser", "a browser's 11 headers, 600 bytes", headers=BROWSER,
        calls=Budget(2.05), instructions=Budget(1500)),
    Row("fresh", "the same, each target a new one", headers=BROWSER, paths=NEVER_THE_SAME,
        calls=Budget(2.05), instructions=Budget(5400)),
    Row("files", "2,000 files in turn", paths=EACH_FILE, warm_rounds=40, rounds=40,
        calls=Budget(2.05), instructions=Budget(1530)),
    Row("304", "If-None-Match with the file's tag", status=304, if_none_match=True,
        calls=Budget(2.05), instructions=Budget(1040)),
    Row("404", "no such file", status=404, paths=("/nothing-here",),
        calls=Budget(2.05), instructions=Budget(1000)),
    Row("range", "1 KB of a file of 10 KB", status=206, paths=("/10k.bin",),
        headers=("Range: bytes=2048-3071",),
        calls=Budget(2.05), instructions=Budget(1180)),
    Row("pipeline", "16 requests in one write", pipeline=16, rounds=10,
        calls=Budget(2 / 16 + 0.01), instructions=Budget(535)),
    Row("close", "a connection for each request", headers=("Connection: close",), closes=True,
        calls=Budget(4.1), instructions=Budget(1170)),
)
