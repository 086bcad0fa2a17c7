"""Completions, as a person meets them: a shell on a terminal, and the tab key."""

import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from common import REMUDA, REMUDACTL, ROOT

COMPLETIONS = ROOT / "scripts/completions"
PROMPT = "ready> "
DEADLINE_S = 10


class Shell:
    """An interactive shell without anybody's own settings."""

    def __init__(self, argv: list[str], folder: Path, setup: str):
        path = f"{REMUDA.parent}:{REMUDACTL.parent}:{os.environ['PATH']}"
        env = {"PATH": path, "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self.unread = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, env)
        self.type(setup + "\n")
        # In two words, so that the echo of what is typed is not taken for the answer.
        self.type("echo set''up-done\n")
        self.read_until("setup-done")
        self.read_until(PROMPT)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def read_until(self, what: str) -> str:
        end = time.monotonic() + DEADLINE_S
        while what not in self.unread:
            if not select.select([self.fd], [], [], max(0.0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {what!r} in {self.unread!r}")
            self.unread += os.read(self.fd, 65536).decode(errors="replace")
        before, self.unread = self.unread.split(what, 1)
        return before

    def complete(self, line: str) -> list[str]:
        """What tab makes of `line`: echo shows the words, so that nothing is run."""
        self.type(f"{line}\t")
        time.sleep(0.4)  # a list of candidates has no end that could be waited for
        self.type("\x01echo '<<' \x05 '>''>'\n")
        text = self.read_until(">>")
        self.read_until(PROMPT)
        return re.split(r"\s+", text)

    def close(self) -> None:
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Completions:
    """The same for both shells."""

    def setUp(self):
        if shutil.which(self.argv[0]) is None:
            self.skipTest(f"no {self.argv[0]}")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for name in ("here.yaml", "here.txt"):
            (Path(self.folder.name) / name).touch()
        self.shell = Shell(self.argv, Path(self.folder.name), self.setup)
        self.addCleanup(self.shell.close)

    def test_verbs(self):
        words = self.shell.complete("remudactl re")
        for verb in ("reload", "reopen", "restart"):
            self.assertIn(verb, words)
        self.assertNotIn("stop", words)
        self.assertIn("status", self.shell.complete("remudactl sta"))  # start and status
        self.assertIn("quit", self.shell.complete("remudactl -c here.yaml q"))
        self.assertIn("reopen", self.shell.complete("remuda -c here.yaml -s reo"))
        self.assertIn("trace", self.shell.complete("remudactl tra"))
        self.assertIn("purge", self.shell.complete("remudactl pur"))

    def test_filters_of_a_trace(self):
        self.assertIn("slower=", self.shell.complete("remudactl trace slo"))
        self.assertIn("status=", self.shell.complete("remudactl -c here.yaml trace host=a sta"))

    def test_arguments_of_verbs(self):
        self.assertIn("level", self.shell.complete("remudactl log le"))
        self.assertIn("notice", self.shell.complete("remudactl -j log level not"))
        self.assertIn("here.txt", self.shell.complete("remudactl purge here.t"))
        self.assertIn("lingering", self.shell.complete("remudactl connections 5 li"))
        self.assertIn("purge", self.shell.complete("remudactl pu"))
        self.assertIn("connections", self.shell.complete("remuda -c here.yaml -s con"))
        self.assertIn("debug", self.shell.complete("remuda -c here.yaml -s log level deb"))

    def test_options(self):
        words = self.shell.complete("remuda --d")
        self.assertIn("--daemon", words)
        self.assertIn("--dump", words)
        self.assertIn("--foreground", self.shell.complete("remuda --for"))
        self.assertIn("explain", self.shell.complete("remuda -c here.yaml expl"))

    def test_a_config_is_a_yaml_file(self):
        for command in ("remuda", "remudactl"):
            words = self.shell.complete(f"{command} -c he")
            self.assertIn("here.yaml", words)
            self.assertNotIn("here.txt", words)

    def test_every_option_of_the_help(self):
        text = subprocess.run([REMUDA, "-h"], check=True, capture_output=True, text=True).stdout
        options = set(re.findall(r"^ +(?:-\w, )?(--[a-z]+)", text, re.MULTILINE))
        self.assertGreater(len(options), 12)
        self.assertEqual(options - set(self.shell.complete("remuda --")), set())


class Bash(Completions, unittest.TestCase):
    argv = ["bash", "--norc", "--noprofile", "-i"]
    setup = (
        f"PS1='{PROMPT}'; bind 'set completion-query-items 0'; bind 'set page-completions off';"
        f" bind 'set show-all-if-ambiguous on'; . {COMPLETIONS}/remuda.bash"
    )


class Zsh(Completions, unittest.TestCase):
    argv = ["zsh", "-f", "-i"]
    setup = (
        f"PS1='{PROMPT}'; unsetopt ZLE_PROMPT_CR PROMPT_SP AUTO_MENU; LISTMAX=1000; bindkey -e;"
        f" fpath=({COMPLETIONS} $fpath); autoload -Uz compinit; compinit -u -D"
    )


if __name__ == "__main__":
    unittest.main()
