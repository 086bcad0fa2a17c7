"""The server below strace or callgrind: started, asked, ended, and what the tool then wrote."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from client import Client, Wrong
from rows import Row

START_SECONDS = 30
STOP_SECONDS = 30
OUTPUT = "output"  # the tool's, in a run's folder

CONFIG = """\
workers: 1
listen: 127.0.0.1:{port}
root: '{root}'
keepalive_requests: 1000000000
access_log: {access_log}
pid_file: '{folder}/pid'
control_socket: off
"""


def read_strace(text: str) -> Counter[str]:
    """
    System calls by name, of all threads. Not one that a signal cut short: the only signals are
    those of our own client, and the call comes again after them.

    >>> sorted(read_strace('''7 recvfrom(5, "GET / HT"..., 99, 0, NULL, NULL) = 40
    ... 7 epoll_wait(3,  <unfinished ...>
    ... 8 futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 0
    ... 7 <... epoll_wait resumed>[], 64, 10) = -1 EINTR (Interrupted system call)
    ... 7 --- SIGCONT {si_signo=SIGCONT, si_code=SI_USER} ---
    ... 7 <... epoll_wait resumed>[], 64, 10) = 0
    ... 7 exit_group(0)                     = ?
    ... 7 +++ exited with 0 +++''').items())
    [('epoll_wait', 1), ('exit_group', 1), ('futex', 1), ('recvfrom', 1)]
    """
    found = re.finditer(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)$", text, re.MULTILINE)
    return Counter(name for name, rest in (match.groups() for match in found)
                   if not re.search(r"<unfinished \.\.\.>$|= (-1 EINTR|\? ERESTART)", rest))


def read_callgrind(text: str) -> Counter[str]:
    """
    Instructions by function, each without those of the functions that it called.

    >>> read_callgrind('''events: Ir
    ... ob=(1) /srv/remuda
    ... fn=(1) conn_drive
    ... 12 30
    ... +2 5
    ... cob=(2) /lib/libc.so.6
    ... cfn=(2) memcpy
    ... calls=3 0
    ... * 90
    ... ob=(2)
    ... fn=(2)
    ... 0 90
    ... ob=(1)
    ... fn=(1)
    ... 14 7
    ... totals: 132''')
    Counter({'memcpy [libc.so.6]': 90, 'conn_drive': 42})
    """
    names: dict[tuple[str, str], str] = {}  # by kind and number: only its first use has the name
    costs: Counter[str] = Counter()
    library = function = ""
    is_call = False  # the next line of costs belongs to what is called
    for line in text.splitlines():
        if match := re.match(r"(c?)(ob|fn)=(\(\d+\))(?: (.*))?", line):
            called, kind, number, name = match.groups()
            if name:
                names[kind, number] = name
            if called:
                continue
            name = names[kind, number]
            if kind == "ob":
                library = f" [{Path(name).name}]" if ".so" in name else ""
            else:
                function = name + library
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[+*\d-]", line):
            if not is_call:
                costs[function] += int(line.split()[1])
            is_call = False
    return costs


@dataclass(frozen=True)
class Tool:
    program: str
    how_to_get: str
    options: Callable[[Path], list[str]]  # with the file that it writes
    read: Callable[[str], Counter[str]]


STRACE = Tool("strace", "apt-get install strace",
              lambda output: ["-f", "-s", "8", "-o", str(output)], read_strace)
CALLGRIND = Tool("valgrind", "apt-get install valgrind",
                 lambda output: ["--tool=callgrind", "-q", f"--callgrind-out-file={output}"],
                 read_callgrind)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """Remuda in one process, below a tool."""

    def __init__(self, binary: Path, tool: Tool, row: Row, root: Path, folder: Path):
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.output = folder / OUTPUT
        self.messages = folder / "messages"
        config = folder / "remuda.yaml"
        config.write_text(CONFIG.format(
            port=self.port, root=root, folder=folder,
            access_log=f"'{folder}/access.log'" if row.access_log else "off"))
        with open(self.messages, "wb") as messages:
            self.process = subprocess.Popen(
                [tool.program, *tool.options(self.output), str(binary), "--single", "-c",
                 str(config)], stdin=subprocess.DEVNULL, stdout=messages, stderr=messages,
                start_new_session=True)
        try:
            self.pid = self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """The tool and the server: strace alone would leave what it traces."""
        with suppress(ProcessLookupError):  # both have ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def said(self) -> str:
        return self.messages.read_text(errors="replace").strip() or "without a word"

    def wait_until_ready(self) -> int:
        """The server's process id, which is not the tool's."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Wrong(f"the server ended at start: {self.said()}")
            if "ready: " in self.said():
                return int((self.folder / "pid").read_text())
            time.sleep(0.01)
        raise Wrong(f"the server was not ready within {START_SECONDS} s: {self.said()}")

    def stop(self) -> None:
        try:
            if self.process.poll() is None:
                os.kill(self.pid, signal.SIGTERM)
            status = self.process.wait(STOP_SECONDS)
        except (ProcessLookupError, subprocess.TimeoutExpired) as error:
            self.kill()
            raise Wrong(f"the server did not end as it should: {error}; {self.said()}") from None
        if status != 0:
            raise Wrong(f"the server ended with status {status}: {self.said()}")


@dataclass(frozen=True)
class Measured:
    per_request: dict[str, float]  # by system call or function, most first
    answers: int                   # that came and were right
    output: Path                   # what the tool wrote in the longer run


def count(binary: Path, tool: Tool, row: Row, rounds: int, root: Path, folder: Path
          ) -> tuple[Counter[str], Client]:
    """What the server did, from its start to its end, to answer so many rounds."""
    server = Server(binary, tool, row, root, folder)
    try:
        client = Client(row, server.port, server.pid)
        client.rounds(rounds)
    except (OSError, ValueError) as error:
        raise Wrong(f"{error!r}; the server said: {server.said()}") from error
    finally:
        server.stop()
    client.close()  # only now: the server may see it late or never, and counts must not differ
    return tool.read(server.output.read_text(errors="replace")), client


def measure(binary: Path, tool: Tool, row: Row, root: Path, folder: Path) -> Measured:
    """The difference of two runs, in which start, warming up and end drop out."""
    folder.mkdir()
    few, _ = count(binary, tool, row, row.warm_rounds, root, folder / "few")
    many, client = count(binary, tool, row, row.warm_rounds + row.rounds, root, folder / "many")
    many.subtract(few)
    requests = row.rounds * row.requests_a_round
    return Measured({name: n / requests for name, n in many.most_common() if n != 0},
                    client.answers, folder / "many" / OUTPUT)
