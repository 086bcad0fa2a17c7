"""scripts/remuda.service, without a systemd that runs: what can be known of a unit beforehand.

Its system call filter is checked against what the server does: a call that it does not let through
would fail with EPERM under systemd, and nowhere else.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from common import REMUDA, ROOT
from test_install import make

UNIT = ROOT / "scripts/remuda.service"
DEADLINE_S = 30
HAS_SYSTEMD = shutil.which("systemd-analyze") is not None


def analyze(*words) -> str:
    r = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True)
    if r.returncode != 0:
        raise AssertionError(r.stderr)
    return r.stdout + r.stderr


def call_sets() -> dict[str, set[str]]:
    """systemd's "@name": the system calls, and other sets, in it."""
    sets, name = {}, None
    for line in analyze("syscall-filter", "--no-pager").splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = set()
        elif name is not None and re.match(r"\s+[@\w]", line):
            sets[name].add(line.strip())
        elif not line.startswith(" "):
            name = None
    return sets


def expand(sets: dict[str, set[str]], name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    return set().union(*(expand(sets, member) for member in sets[name]))


def allowed_calls() -> set[str]:
    sets, allowed = call_sets(), set()
    for rule in re.findall(r"(?m)^SystemCallFilter=(.*)$", UNIT.read_text()):
        names = set().union(*(expand(sets, name) for name in rule.lstrip("~").split()))
        allowed = allowed - names if rule.startswith("~") else allowed | names
    return allowed | expand(sets, "@default")


@unittest.skipUnless(HAS_SYSTEMD, "no systemd-analyze")
class Service(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_exposure_is_what_the_readme_says(self):
        told = analyze("security", "--offline=true", "--no-pager", str(UNIT))
        figure = float(re.search(r"Overall exposure level for remuda.service: ([\d.]+)", told)[1])
        readme = " ".join((ROOT / "README.md").read_text().split())
        said = re.search(r"systemd-analyze security [^`]*remuda.service` says ([\d.]+\d)", readme)
        self.assertLessEqual(figure, float(said[1]))

    def test_systemd_understands_every_line(self):
        make("install", f"PREFIX={self.folder}")
        unit = self.folder / "lib/systemd/system/remuda.service"
        told = analyze("verify", "--man=no", str(unit))
        self.assertEqual([line for line in told.splitlines() if "remuda" in line], [])

    @unittest.skipIf("undefined" in str(REMUDA), "a sanitizer makes calls of its own")
    @unittest.skipIf(shutil.which("strace") is None, "no strace")
    def test_lets_through_what_the_server_does(self):
        config = self.write_site()
        log, trace = self.folder / "error.log", self.folder / "trace"
        strace = ["strace", "-f", "-qq", "-e", "signal=none", "-o"]
        argv = [*strace, trace, REMUDA, "-c", config, "--foreground"]
        server = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        try:
            self.wait(lambda: log.exists() and "ready" in log.read_text())
            self.live(config, log, [*strace, self.folder / "trace.verb"])
            subprocess.run([REMUDA, "-c", config, "-s", "quit"], check=True, stdout=subprocess.PIPE)
            self.assertEqual(server.wait(DEADLINE_S), 0)
        finally:
            self.end(server)
        text = trace.read_text() + (self.folder / "trace.verb").read_text()
        calls = set(re.findall(r"(?m)^\d+ +(\w+)\(", text))
        self.assertIn("accept4", calls)
        self.assertIn("execve", calls)
        self.assertEqual(calls - allowed_calls(), set())

    def write_site(self) -> Path:
        site = self.folder / "site"
        (site / "list").mkdir(parents=True)
        (site / "index.html").write_text("hello")
        (site / "long.css").write_text("a line that says the same\n" * 100)
        (site / "large.bin").write_bytes(bytes(3 << 20))
        config = self.folder / "remuda.yaml"
        config.write_text(
            f"listen: ['127.0.0.1:0', 'unix:{self.folder}/web.sock']\nroot: {site}\nworkers: 2\n"
            f"pid_file: {self.folder}/remuda.pid\nerror_log: {self.folder}/error.log\n"
            f"access_log: {self.folder}/access.log\nworker_cpu_affinity: auto\n"
            "worker_rlimit_nofile: 1000\nroutes:\n  - {path: /list, listing: on}\n"
        )
        return config

    def live(self, config: Path, log: Path, strace: list) -> None:
        """All that a server meets in its life."""
        port = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())[1]
        for path in ("/", "/long.css", "/long.css", "/large.bin", "/list/", "/none"):
            ask = urllib.request.Request(
                f"http://127.0.0.1:{port}{path}", headers={"Accept-Encoding": "gzip"}
            )
            try:
                with urllib.request.urlopen(ask, timeout=DEADLINE_S) as answer:
                    answer.read()
            except urllib.error.HTTPError as e:
                self.assertEqual(e.code, 404)
        for verb in ("reload", "reopen", "status"):
            subprocess.run(
                [*strace, REMUDA, "-c", config, "-s", verb], check=True, stdout=subprocess.PIPE
            )
        master = (self.folder / "remuda.pid").read_text().strip()
        children = Path(f"/proc/{master}/task/{master}/children")
        before = children.read_text().split()
        os.kill(int(before[0]), signal.SIGKILL)
        self.wait(lambda: len(set(children.read_text().split()) - set(before)) == 1)

    def end(self, strace: subprocess.Popen) -> None:
        """A strace that is killed would leave its server behind."""
        pid_file = self.folder / "remuda.pid"
        if strace.poll() is None and pid_file.exists():
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        strace.wait(DEADLINE_S)

    def wait(self, is_so) -> None:
        end = time.monotonic() + DEADLINE_S
        while not is_so():
            self.assertLess(time.monotonic(), end, "it takes too long")
            time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
