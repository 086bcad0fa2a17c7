"""The servers whose facts are taken: started with what a fact needs, looked at from outside."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

from servers import Broken, cpu_ns, free_port, process_tree

START_SECONDS = 10
STOP_SECONDS = 5
RETRY_SECONDS = 0.0005  # until a server that starts can be spoken to

REMUDA = """\
workers: {workers}
listen: 127.0.0.1:{port}
root: '{root}'
access_log: off
keepalive_requests: 1000000000
keepalive_timeout: 600s
open_file_cache: {{max: {cached_files}, valid: 60s}}
pid_file: '{folder}/remuda.pid'
control_socket: '{folder}/remuda.sock'
"""

# As its manual advises, but for tcp_nopush: with it the last answer to a batch comes 40 ms late.
NGINX = """\
{user}
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log /dev/null crit;
events {{ worker_connections 16384; }}
http {{
    types {{ text/html html; application/octet-stream bin; }}
    access_log off;
    log_not_found off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile {sendfile};
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    open_file_cache max={cached_files} inactive=600s;
    open_file_cache_valid 60s;
    open_file_cache_errors on;
    server {{
        listen 127.0.0.1:{port} backlog=4096 deferred{reuseport};
        root {root};
    }}
}}
"""


def request(path: str, closes: bool = False) -> bytes:
    close = "Connection: close\r\n" if closes else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{close}\r\n".encode()


def read_answer(s: socket.socket) -> bytes:
    """Head and body, by Content-Length."""
    data = b""
    while True:
        part = s.recv(65536)
        if not part:
            raise Broken("closed before the answer was whole")
        data += part
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if end and length is not None and len(body) >= int(length[1]):
            return data


class Subject:
    """A server that can be started, by its name and its form."""

    def __init__(self, name: str, binary: Path, sendfile: bool = True):
        self.name = name
        self.binary = binary
        self.sendfile = sendfile  # nginx only

    def command(self, folder: Path, port: int, root: Path, workers: int,
                cached_files: int) -> list[str]:
        values = {"folder": folder, "port": port, "root": root, "workers": workers,
                  "cached_files": cached_files}
        if self.name == "remuda":
            config = folder / "remuda.yaml"
            config.write_text(REMUDA.format(**values))
            return [str(self.binary), "-c", str(config), "--foreground"]
        user = ""
        if os.geteuid() == 0:  # as Remuda runs: as whoever started this
            user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};"
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(
            **values, user=user, sendfile="on" if self.sendfile else "off",
            reuseport=" reuseport" if workers > 1 else ""))
        return [str(self.binary), "-p", str(folder), "-c", str(config), "-e", "stderr"]


def find_nginx() -> Path | None:
    # Debian keeps nginx in sbin, which a user's PATH does not name.
    path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin"
    found = shutil.which("nginx", path=path)
    return Path(found) if found else None


def is_socket(fd: Path) -> bool:
    try:
        return os.readlink(fd).startswith("socket:")
    except OSError:  # closed meanwhile
        return False


class Memory:
    """Sums over processes, in bytes, of what /proc/PID/smaps_rollup tells in kB."""

    def __init__(self, pids: set[int]):
        sums: Counter[str] = Counter()
        for pid in pids:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            for name, kb in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE):
                sums[name] += int(kb) * 1024
        self.pss = sums["Pss"]
        self.private = sums["Private_Clean"] + sums["Private_Dirty"]


class Running:
    """A started server; `stop` ends it and all that it started. `with` does that too."""

    def __init__(self, subject: Subject, folder: Path, root: Path, *, workers: int = 1,
                 cached_files: int = 10000, cpus: set[int], first_path: str = "/index.html"):
        self.subject = subject
        self.port = free_port()
        self.folder = folder
        folder.mkdir()
        command = subject.command(folder, self.port, root, workers, cached_files)
        messages = folder / "messages"
        own_cpus = os.sched_getaffinity(0)
        with open(messages, "wb") as output:
            os.sched_setaffinity(0, cpus)  # what the child inherits: cheaper than preexec_fn
            began = time.monotonic()
            try:
                self.process = subprocess.Popen(
                    command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    start_new_session=True)
            finally:
                os.sched_setaffinity(0, own_cpus)
        try:
            self.first_answer(began + START_SECONDS, first_path)
            self.start_seconds = time.monotonic() - began  # from exec to the first answer
        except BaseException:
            self.stop()
            said = messages.read_text(errors="replace").strip()
            if said:
                print(f"{subject.name}: {said}")
            raise

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def first_answer(self, deadline: float, path: str) -> None:
        while True:
            try:
                self.ask(path)
                return
            except (ConnectionError, socket.timeout) as error:
                if self.process.poll() is not None:
                    raise Broken(f"{self.subject.name} ended at start") from None
                if time.monotonic() > deadline:
                    raise Broken(f"{self.subject.name} does not answer: {error}") from None
                time.sleep(RETRY_SECONDS)

    def ask(self, path: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), START_SECONDS) as s:
            s.sendall(request(path, closes=True))
            return read_answer(s)

    def pids(self) -> set[int]:
        return process_tree(self.process.pid)

    def memory(self) -> Memory:
        return Memory(self.pids())

    def make_real_time(self) -> None:
        """Before all others on its CPU, where that is allowed: latencies are then the server's."""
        try:
            for pid in self.pids():
                os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            pass  # bench/facts says so

    def cpu_seconds(self) -> float:
        return (cpu_ns(self.pids()) or 0) / 1e9

    def worker_pids(self) -> list[int]:
        return sorted(self.pids() - {self.process.pid})

    def status(self) -> list[tuple[int, int]]:
        """Open connections and requests of each worker, as Remuda itself counts them."""
        done = subprocess.run(
            [str(self.subject.binary), "-c", str(self.folder / "remuda.yaml"), "-s", "status"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        rows = re.findall(r"^worker \d+: serving.*?(\d+) connections, (\d+) requests", done.stdout,
                          re.MULTILINE)
        if not rows:
            raise Broken(f"remuda -s status tells no workers: {done.stdout.strip()}")
        return [(int(connections), int(requests)) for connections, requests in rows]

    def sockets(self) -> list[int]:
        """Open sockets of each worker, for a server that does not count."""
        counts = []
        for pid in self.worker_pids():
            folder = Path(f"/proc/{pid}/fd")
            counts.append(sum(is_socket(fd) for fd in folder.iterdir()))
        return counts

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
