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
from pathlib import Path

from clients import Missing
from workloads import FILES, Workload

HERE = Path(__file__).resolve().parent
START_SECONDS = 10
STOP_SECONDS = 5


class Broken(Exception):
    """A server that does not start, or does not answer as it must."""


def fill_in(template: str, values: dict[str, object]) -> str:
    text = (HERE / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def version_of(*command: str) -> str:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout)
    return found[0] if found else "unknown"


class Server:
    """One column of the bench. A workload may need a form of the server of its own."""

    name: str
    has_validators = True  # its answers must carry Date, ETag and Last-Modified

    def find(self) -> None:
        """Raises Missing when the server cannot be run here."""

    def version(self) -> str:
        raise NotImplementedError

    def form(self, w: Workload) -> str:
        """Workloads with the same form share a process."""
        return ""

    def command(self, w: Workload, port: int, root: Path, folder: Path) -> list[str]:
        """What to run, in the foreground; config files go into `folder`."""
        raise NotImplementedError


class Remuda(Server):
    name = "remuda"

    def __init__(self, binary: Path):
        self.binary = binary

    def find(self) -> None:
        if not os.access(self.binary, os.X_OK):
            raise Missing(f"remuda is not built: `make` makes it (looked for {self.binary})")

    def version(self) -> str:
        return version_of(str(self.binary), "-V")

    def command(self, w: Workload, port: int, root: Path, folder: Path) -> list[str]:
        config = folder / "remuda.yaml"
        config.write_text(fill_in("remuda.yaml.in", {"PORT": port, "ROOT": root}))
        return [str(self.binary), "-c", str(config), "--foreground"]


class Nginx(Server):
    """With sendfile and tcp_nopush, with neither, or (None) as suits the workload."""

    def __init__(self, name: str, sendfile: bool | None):
        self.name = name
        self.sendfile = sendfile
        self.binary = ""

    def find(self) -> None:
        # Debian keeps nginx in sbin, which a user's PATH does not name.
        path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin"
        self.binary = shutil.which("nginx", path=path) or ""
        if not self.binary:
            raise Missing("nginx is not installed: apt-get install nginx-light")

    def version(self) -> str:
        return version_of(self.binary, "-v")

    def form(self, w: Workload) -> str:
        # With tcp_nopush a client that waits for all answers of a batch gets the last after 40 ms.
        sendfile = w.pipeline == 1 if self.sendfile is None else self.sendfile
        return "sendfile" if sendfile else "copy"

    def command(self, w: Workload, port: int, root: Path, folder: Path) -> list[str]:
        config = folder / "nginx.conf"
        user = ""
        if os.geteuid() == 0:  # as Remuda runs: as whoever started the bench
            user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};"
        config.write_text(fill_in("nginx.conf.in", {
            "PORT": port, "ROOT": root, "DIR": folder, "USER": user,
            "SENDFILE": "off" if self.form(w) == "copy" else "on"}))
        return [self.binary, "-p", str(folder), "-c", str(config), "-e", "stderr"]


class Floor(Server):
    name = "floor"
    has_validators = False

    def __init__(self, binary: Path):
        self.binary = binary

    def find(self) -> None:
        if not os.access(self.binary, os.X_OK):
            raise Missing("the floor server is not built: `make bench` makes it "
                          f"(looked for {self.binary})")

    def version(self) -> str:
        return ""

    def form(self, w: Workload) -> str:
        return f"{w.file} closes" if w.closes else w.file

    def command(self, w: Workload, port: int, root: Path, folder: Path) -> list[str]:
        closes = ["-c"] if w.closes else []
        return [str(self.binary), *closes, str(port), str(root / w.file)]


def known_servers(remuda: Path, floor: Path) -> dict[str, Server]:
    servers = (Remuda(remuda), Nginx("nginx", None), Nginx("nginx-sendfile", True),
               Nginx("nginx-copy", False), Floor(floor))
    return {server.name: server for server in servers}


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
        folder.mkdir()
        command = server.command(w, self.port, root, folder)
        with open(self.messages, "wb") as messages:
            # A session of its own: Ctrl-C reaches bench/run alone, which ends its servers.
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages,
                start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def url(self, w: Workload) -> str:
        return f"http://127.0.0.1:{self.port}/{w.file}"

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
        """The answer must be the file, and carry what a server of files owes its clients."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", f"/{w.file}")
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"no answer for /{w.file}: {error!r}") from None
        finally:
            connection.close()
        if answer.status != 200:
            raise Broken(f"{answer.status} for /{w.file}")
        if body != FILES[w.file]:
            raise Broken(f"/{w.file}: {len(body)} bytes that are not the file's")
        needed = ("Date", "ETag", "Last-Modified") if self.server.has_validators else ()
        lacking = [name for name in needed if answer.getheader(name) is None]
        if lacking:
            raise Broken(f"/{w.file} comes without {', '.join(lacking)}")

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
