"""The servers under test: how to start them, what they cost, how they end."""

from __future__ import annotations

import grp
import http.client
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from clients import Missing
from workloads import FILES, INDEX, Workload

HERE = Path(__file__).resolve().parent
START_SECONDS = 10
STOP_SECONDS = 5


class Broken(Exception):
    """A server that does not start, or does not answer as it must."""


def fill_in(template: str, flags: set[str], values: dict[str, object]) -> str:
    """The template with its @NAME@s replaced; lines of @FLAG: or @!FLAG: only where it applies."""
    def kept(line: str) -> str:
        found = re.match(r"@(!?)([a-z]+): ", line)
        if not found:
            return line
        return line[found.end():] if (found[2] in flags) != bool(found[1]) else ""

    text = "".join(map(kept, (HERE / template).read_text().splitlines(keepends=True)))
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def version_of(*command: str) -> str:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout)
    return found[0] if found else "unknown"


@dataclass(frozen=True)
class Server:
    """One column of the bench: a program, and the template of its config."""

    name: str
    program: str                   # looked for on PATH, or a path
    how_to_get: str
    template: str                  # of bench/
    arguments: tuple[str, ...]     # @CONFIG@ is the config's path, @DIR@ its folder
    version_option: str
    flags: frozenset[str] = frozenset()  # of the template, in every workload
    has_validators: bool = True    # its answers carry Date, ETag and Last-Modified
    can: Callable[[Workload], bool] = lambda w: True  # whether it knows how

    def path(self) -> str | None:
        # Debian keeps servers in sbin, which a user's PATH does not name.
        places = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin"
        return shutil.which(self.program, path=places)

    def find(self) -> None:
        """Raises Missing when the server cannot be run here."""
        if self.path() is None:
            raise Missing(f"{self.name} is not there: {self.how_to_get}")

    def version(self) -> str:
        return version_of(self.path(), *self.version_option.split())

    def form(self, w: Workload) -> str:
        """Workloads with the same form share a process."""
        return "log" if w.log else ""

    def command(self, w: Workload, port: int, root: Path, folder: Path) -> list[str]:
        """What to run, in the foreground; config files go into `folder`."""
        flags = {*self.flags, *(["log"] if w.log else []),
                 *(["root"] if os.geteuid() == 0 else [])}  # runs as whoever started the bench
        config = folder / self.template.removesuffix(".in")
        config.write_text(fill_in(self.template, flags, {
            "PORT": port, "ROOT": root, "DIR": folder,
            "USER": pwd.getpwuid(os.geteuid()).pw_name,
            "GROUP": grp.getgrgid(os.getegid()).gr_name}))
        return [self.path(), *(argument.replace("@CONFIG@", str(config))
                               .replace("@DIR@", str(folder)) for argument in self.arguments)]


class Floor(Server):
    def version(self) -> str:
        return ""

    def form(self, w: Workload) -> str:
        return f"{w.status} {len(self.body(w))}{' closes' if w.closes else ''}"

    def body(self, w: Workload) -> bytes:
        return INDEX if w.expected is None else w.expected

    def command(self, w: Workload, port: int, root: Path, folder: Path) -> list[str]:
        (folder / "body").write_bytes(self.body(w))
        closes = ["-c"] if w.closes else []
        status = ["-s", f"{w.status} {http.client.responses[w.status]}"]
        return [self.path(), *closes, *status, str(port), str(folder / "body")]


def remuda(name: str, binary: Path) -> Server:
    return Server(name, str(binary), f"`make` makes it (looked for {binary})", "remuda.yaml.in",
                  ("-c", "@CONFIG@", "--foreground"), "-V")


def nginx(name: str, *flags: str) -> Server:
    return Server(name, "nginx", "apt-get install nginx-light", "nginx.conf.in",
                  ("-p", "@DIR@", "-c", "@CONFIG@", "-e", "stderr"), "-v", frozenset(flags))


def floor(binary: Path) -> Server:
    return Floor("floor", str(binary), f"`make bench` makes it (looked for {binary})", "", (), "",
                 has_validators=False)


def is_whole_small_file(w: Workload) -> bool:
    return w.status == 200 and w.files == 1 and len(FILES[w.file]) <= 10240 and not w.log


# Measured where they are installed, and never missed.
PEERS = (
    Server("lighttpd", "lighttpd", "apt-get install lighttpd", "lighttpd.conf.in",
           ("-D", "-f", "@CONFIG@"), "-v"),
    Server("h2o", "h2o", "apt-get install h2o", "h2o.conf.in", ("-c", "@CONFIG@"), "-v"),
    Server("haproxy", "haproxy", "apt-get install haproxy", "haproxy.cfg.in",
           ("-db", "-f", "@CONFIG@"), "-v", has_validators=False, can=is_whole_small_file),
    Server("caddy", "caddy", "apt-get install caddy", "Caddyfile.in",
           ("run", "--adapter", "caddyfile", "--config", "@CONFIG@"), "version",
           can=lambda w: not w.log),  # it writes no combined log
)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def process_tree(root: int) -> set[int]:
    """`root` and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        parent = int(stat.rpartition(")")[2].split()[1])  # the name before it may hold anything
        children.setdefault(parent, []).append(int(entry))
    found: set[int] = set()
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting.extend(children.get(pid, []))
    return found


def cpu_ns(pids: set[int]) -> int | None:
    """Time on a CPU of all threads, exact for those asleep. None: this system does not tell."""
    total = 0
    try:
        for pid in pids:
            for thread in os.listdir(f"/proc/{pid}/task"):
                text = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text()
                total += int(text.split()[0])
    except OSError:
        return None
    return total or None


class Running:
    """A server process, started and checked; `stop` ends it and all that it started."""

    def __init__(self, server: Server, w: Workload, root: Path, folder: Path, cpu: int):
        self.server = server
        self.port = free_port()
        self.messages = folder / "messages"
        self.access_log = folder / "access.log"
        self.etags: dict[str, str] = {}  # by file
        folder.mkdir()
        command = server.command(w, self.port, root, folder)
        home = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
        with open(self.messages, "wb") as messages:
            # A session of its own: Ctrl-C reaches bench/run alone, which ends its servers.
            self.process = subprocess.Popen(
                command, cwd=folder, env=os.environ | home, stdin=subprocess.DEVNULL,
                stdout=messages, stderr=messages, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def url(self, w: Workload) -> str:
        return f"http://127.0.0.1:{self.port}/{w.file}"

    def headers(self, w: Workload) -> list[str]:
        return [header.replace("{etag}", self.etags.get(w.file, "")) for header in w.headers]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.has_ended():
                said = self.messages.read_text(errors="replace").strip()
                raise Broken(f"ended at start: {said or 'without a word'}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise Broken(f"does not listen within {START_SECONDS} s") from None
                time.sleep(0.01)

    def check(self, w: Workload) -> None:
        """Its answers must be what is measured, and carry what a server of files owes."""
        if self.server.has_validators and w.status != 404:
            answer, _ = self.get(w.file, [])
            needed = ("Date", "ETag", "Last-Modified")
            lacking = [name for name in needed if answer.getheader(name) is None]
            if lacking:
                raise Broken(f"/{w.file} comes without {', '.join(lacking)}")
            self.etags[w.file] = answer.getheader("ETag")
        answer, body = self.get(w.file, self.headers(w))
        if answer.status != w.status:
            raise Broken(f"{answer.status} for /{w.file}, not {w.status}")
        if w.expected is not None and body != w.expected:
            raise Broken(f"/{w.file}: {len(body)} bytes that are not what was asked for")
        if w.log and self.server.name != "floor":
            self.wait_for_log()

    def get(self, file: str, headers: list[str]) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.putrequest("GET", f"/{file}", skip_accept_encoding=True)
            for header in headers:
                connection.putheader(*header.split(": ", 1))
            connection.endheaders()
            answer = connection.getresponse()
            return answer, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"no answer for /{file}: {error!r}") from None
        finally:
            connection.close()

    def wait_for_log(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.access_log.exists() or self.access_log.stat().st_size == 0:
            if time.monotonic() > deadline:
                raise Broken(f"nothing in its access log after {START_SECONDS} s")
            time.sleep(0.01)

    def empty_log(self) -> None:
        """Servers append to it, so that what follows starts anew."""
        if self.access_log.exists():
            os.truncate(self.access_log, 0)

    def has_ended(self) -> bool:
        # Without reaping: its id stays ours until stop() has dealt with the whole session.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, flags) is not None

    def stop(self) -> None:
        os.kill(self.process.pid, signal.SIGTERM)  # Popen's terminate() would reap
        deadline = time.monotonic() + STOP_SECONDS
        while not self.has_ended() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
