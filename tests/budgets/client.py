"""A client that keeps many connections busy, the same way each time, and believes no answer."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Iterator

from rows import CONNECTIONS, FILES, Row

HOST = "127.0.0.1:8080"  # fixed, whatever the port: a longer one would cost more
ANSWER_SECONDS = 60
STOP_SECONDS = 10
CLOCK_SLACK_SECONDS = 5
MTIME = 1_600_000_000  # of every file

# What an answer owes its client, by status (RFC 9110, 6.6.1, 8.8 and 15.4.5).
NEEDED = {200: ("date", "etag", "last-modified"), 206: ("date", "etag", "last-modified"),
          304: ("date", "etag"), 404: ("date",)}


class Wrong(Exception):
    """An answer that is not the right one: nothing that was measured counts."""


def process_is_held(pid: int) -> bool:
    """Whether a SIGSTOP that was sent has arrived: it is stopped, and not by its tracer alone."""
    status = dict(line.split(":\t", 1) for line in
                  Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    is_pending = int(status["ShdPnd"], 16) >> (signal.SIGSTOP - 1) & 1
    return status["State"][0] in "Tt" and not is_pending


class Answers:
    """Reads the answers on one connection."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.unread = b""

    def more(self) -> None:
        data = self.connection.recv(1 << 18)
        if not data:
            raise Wrong(f"the server closed the connection after {self.unread[:200]!r}")
        self.unread += data

    def next(self) -> tuple[bytes, bytes]:
        """Head and body."""
        while (end := self.unread.find(b"\r\n\r\n")) < 0:
            self.more()
        head = self.unread[:end].lower()
        start = head.find(b"\r\ncontent-length: ")
        length = int(head[start + 18:].split(b"\r\n", 1)[0]) if start >= 0 else 0
        if head.startswith(b"http/1.1 304"):
            length = 0
        while len(self.unread) < end + 4 + length:
            self.more()
        head, body = self.unread[:end], self.unread[end + 4:end + 4 + length]
        self.unread = self.unread[end + 4 + length:]
        return head, body

    def must_be_all(self) -> None:
        if self.unread or self.connection.recv(1):
            raise Wrong("more came than was asked for")


class Client:
    """One row's requests to the server at `port`, whose process is `pid`."""

    def __init__(self, row: Row, port: int, pid: int):
        self.row = row
        self.port = port
        self.pid = pid
        self.turn = 0  # of row.paths
        self.answers = 0  # that came and were right
        self.tags: dict[str, str] = {}  # by path
        self.right: set[tuple[str, bytes, bytes]] = set()  # answers that were looked at
        self.open_aside: list[Answers] = []
        self.requests = {path: self.request(path) for path in row.paths}
        self.open: list[Answers] = []

    def connect(self) -> Answers:
        return Answers(socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS))

    def request(self, path: str) -> bytes:
        headers = (f"Host: {HOST}", *self.row.headers)
        if self.row.if_none_match:
            headers += (f"If-None-Match: {self.tag_of(path)}",)
        return "\r\n".join((f"GET {path} HTTP/1.1", *headers, "", "")).encode()

    def tag_of(self, path: str) -> str:
        answers = self.connect()  # and left open: a close may be seen before or after what follows
        answers.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        head, body = answers.next()
        self.open_aside.append(answers)
        self.check(path, 200, head, body)
        return self.tags[path]

    # --- what is asked ------------------------------------------------------------------------

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self.right.clear()
            self.round()

    def round(self) -> None:
        """One batch on every connection, all there before the server sees the first."""
        asked = []
        with self.server_held():
            if self.row.closes or not self.open:
                self.open = [self.connect() for _ in range(CONNECTIONS)]
            for answers in self.open:
                paths = [self.next_path() for _ in range(self.row.pipeline)]
                answers.connection.sendall(b"".join(self.requests[path] for path in paths))
                asked.append((answers, paths))
        for answers, paths in asked:
            for path in paths:
                self.check(path, self.row.status, *answers.next())
            if self.row.closes:
                answers.must_be_all()
                answers.connection.close()

    @contextmanager
    def server_held(self) -> Iterator[None]:
        """
        The server stands still: how much it then finds in one turn of its loop depends on no
        other process.
        """
        deadline = time.monotonic() + STOP_SECONDS
        os.kill(self.pid, signal.SIGSTOP)
        try:
            while not process_is_held(self.pid):
                if time.monotonic() > deadline:
                    raise Wrong(f"the server did not stop for SIGSTOP in {STOP_SECONDS} s")
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def next_path(self) -> str:
        self.turn += 1
        return self.row.paths[(self.turn - 1) % len(self.row.paths)]

    def close(self) -> None:
        for answers in self.open + self.open_aside:
            answers.connection.close()

    # --- what has to come back ----------------------------------------------------------------

    def check(self, path: str, status: int, head: bytes, body: bytes) -> None:
        self.answers += 1
        if (path, head, body) in self.right:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in lines)}
        where = f"{path}: "
        if first.split(" ")[:2] != ["HTTP/1.1", str(status)]:
            raise Wrong(f"{where}{first!r} instead of {status}")
        lacking = [name for name in NEEDED[status] if name not in fields]
        if lacking:
            raise Wrong(f"{where}{status} without {', '.join(lacking)}")
        off = time.time() - parsedate_to_datetime(fields["date"]).timestamp()
        if abs(off) > CLOCK_SLACK_SECONDS:
            raise Wrong(f"{where}Date: {fields['date']} is {off:.0f} s old")
        if status != 404:
            self.check_file(where, path, fields)
            self.check_body(where, path, status, body)
        self.right.add((path, head, body))

    def check_file(self, where: str, path: str, fields: dict[str, str]) -> None:
        modified = fields.get("last-modified")
        if modified and parsedate_to_datetime(modified).timestamp() != MTIME:
            raise Wrong(f"{where}Last-Modified: {modified} is not the file's")
        tag = fields["etag"]
        if not (len(tag) > 2 and tag[0] == tag[-1] == '"'):
            raise Wrong(f"{where}ETag: {tag} is no strong tag")
        file = path.partition("?")[0]
        if self.tags.setdefault(file, tag) != tag:
            raise Wrong(f"{where}ETag: {tag} was {self.tags[file]} before")

    def check_body(self, where: str, path: str, status: int, body: bytes) -> None:
        file = path.partition("?")[0][1:] or "index.html"
        content = FILES[file]
        wanted = {200: content, 206: content[2048:3072], 304: b""}[status]
        if body != wanted:
            raise Wrong(f"{where}{len(body)} bytes that are not the {len(wanted)} of the file")
