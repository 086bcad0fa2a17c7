"""The container image, without a container engine: the files that scripts/stage-image makes, run in
a root and a process namespace of their own, as the user and with the words of the Dockerfile."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

from common import REMUDA, ROOT

DEADLINE_S = 20
SMALL_MIB = 16
DOCKERFILE = (ROOT / "scripts/Dockerfile").read_text().replace("\\\n", " ")

# What an engine sets up before it starts the entry point.
ENGINE = """
root=$1; user=$2; shift 2
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
ln -s /proc/self/fd/1 "$root/dev/stdout"
exec chroot --userspec="$user" "$root" "$@"
"""


def instruction(name: str) -> str:
    return re.findall(rf"^{name}\s+(.*)$", DOCKERFILE, re.MULTILINE)[-1].strip()


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def may_unshare() -> bool:
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL
    ).returncode == 0


@unittest.skipUnless(may_unshare(), "needs root and namespaces")
@unittest.skipIf("undefined" in str(REMUDA), "a sanitizer's libraries are not part of the image")
class Image(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "image"
        subprocess.run(
            ["scripts/stage-image", REMUDA, self.root], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        self.user = instruction("USER")
        self.config = self.root / "etc/remuda/remuda.yaml"
        text = self.config.read_text()
        self.assertRegex(text, rf"(?m)^listen: {instruction('EXPOSE')}$")
        # This machine's network is the test's: a port that the kernel chooses.
        self.config.write_text(re.sub(r"(?m)^listen:.*", "listen: 127.0.0.1:0", text))

    def start(self) -> tuple[subprocess.Popen, int, int]:
        """The engine's process, the server's process id, and its port."""
        words = json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD"))
        self.out, self.err = (Path(self.root.parent / name) for name in ("out", "err"))
        for path in (self.out, self.err):
            path.touch()
            os.chown(path, int(self.user.split(":")[0]), -1)
        with self.out.open("a") as out, self.err.open("a") as err:
            engine = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
                + ["sh", "-ec", ENGINE, "engine", self.root, self.user, *words],
                stdout=out,
                stderr=err,
            )
        self.addCleanup(engine.wait, DEADLINE_S)
        self.addCleanup(engine.kill)
        self.wait(lambda: "ready" in self.err.read_text())
        port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", self.err.read_text())[1])
        children = Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text()
        pid = int(children.split()[0])
        self.addCleanup(end, pid)  # --kill-child does not outlive the change of its user
        return engine, pid, port

    def wait(self, is_so) -> None:
        end = time.monotonic() + DEADLINE_S
        while not is_so():
            if time.monotonic() > end:
                self.fail(self.err.read_text())
            time.sleep(0.02)

    def healthcheck(self, pid: int) -> int:
        words = json.loads(re.search(r"CMD (\[.*\])", instruction("HEALTHCHECK"))[1])
        return subprocess.run(
            ["nsenter", f"--target={pid}", "--mount", "--pid"]
            + ["chroot", f"--userspec={self.user}", self.root, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode

    def test_is_small(self):
        size = sum(p.lstat().st_size for p in self.root.rglob("*"))
        self.assertLess(size, SMALL_MIB << 20)

    def test_serves_as_its_user_and_is_healthy_until_it_stops(self):
        engine, pid, port = self.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE_S) as answer:
            self.assertIn(b"Remuda is running", answer.read())
        status = Path(f"/proc/{pid}/status").read_text()
        uid, gid = self.user.split(":")
        self.assertRegex(status, rf"(?m)^Uid:\s+{uid}\s+{uid}\s")
        self.assertRegex(status, rf"(?m)^Gid:\s+{gid}\s+{gid}\s")
        self.assertRegex(status, r"(?m)^CapEff:\s+0+$")
        self.assertRegex(status, r"(?m)^NSpid:.*\s1$")  # the first process of its namespace
        self.assertNotIn("can be changed", self.err.read_text())
        self.wait(lambda: '"GET / HTTP/1.1" 200' in self.out.read_text())

        self.assertEqual(self.healthcheck(pid), 0)
        os.kill(pid, signal.Signals[instruction("STOPSIGNAL")])
        self.assertEqual(engine.wait(DEADLINE_S), 0)

    def test_is_not_healthy_when_the_master_does_not_answer(self):
        _, pid, _ = self.start()
        (self.root / "run/remuda/remuda.sock").unlink()
        self.assertNotEqual(self.healthcheck(pid), 0)


if __name__ == "__main__":
    unittest.main()
