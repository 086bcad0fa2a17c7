"""The table of workloads. A row more here is a row more in every report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    name: str                      # for --workloads and the JSON file
    title: str
    client: str                    # a key of clients.CLIENTS
    connections: int
    file: str = "index.html"       # in the docroot, see FILES
    headers: tuple[str, ...] = ()  # sent beside the client's own
    pipeline: int = 1              # requests under way on each connection
    closes: bool = False           # a new connection for each request
    same_cpu: bool = False         # server and client share the server's CPU
    in_quick: bool = True          # measured with QUICK=1 too


INDEX = (b"<!DOCTYPE html>\n<html><head><title>Remuda</title></head>\n"
         b"<body><h1>It works</h1><p>The herd is saddled, and this page is its burden."
         b"</p></body></html>\n")
assert len(INDEX) == 151, len(INDEX)  # the size of the Warp text's page

FILES = {
    "index.html": INDEX,
    "1k.bin": bytes(range(256)) * 4,
    "10k.bin": bytes(range(256)) * 40,
    "100k.bin": bytes(range(256)) * 400,
    "1m.bin": bytes(range(256)) * 4096,
}

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
    Workload("weighttp", "weighttp -n 100000 -c 1000 -t 1 -k, 151 B", "weighttp", 1000),
    Workload("keepalive", "keep-alive, 100 connections, 151 B", "wrk", 100),
    Workload("same-cpu", "keep-alive, 100 connections, 151 B, all on one CPU", "wrk", 100,
             same_cpu=True),
    Workload("browser", "a browser's request: 11 headers, 600 bytes", "wrk", 100,
             headers=BROWSER),
    Workload("one", "one connection, 151 B", "wrk", 1, in_quick=False),
    Workload("pipeline", "pipeline of 16, 100 connections, 151 B", "h2load", 100, pipeline=16),
    Workload("1k", "1 KB file, 100 connections", "wrk", 100, file="1k.bin", in_quick=False),
    Workload("10k", "10 KB file, 100 connections", "wrk", 100, file="10k.bin"),
    Workload("100k", "100 KB file, 100 connections", "wrk", 100, file="100k.bin"),
    Workload("1m", "1 MB file, 100 connections", "wrk", 100, file="1m.bin", in_quick=False),
    Workload("close", "a new connection for every request, 100 at a time, 151 B", "wrk", 100,
             headers=("Connection: close",), closes=True),
)
