"""make install and make uninstall: everything comes, works where it was put, and goes again."""

import os
import re
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from common import ROOT

EXPECTED = """
bin/remudactl
etc/remuda/remuda.yaml
lib/systemd/system/remuda.service
sbin/remuda
share/bash-completion/completions/remuda
share/bash-completion/completions/remudactl
share/man/man5/remuda.yaml.5
share/man/man8/remuda.8
share/man/man8/remudactl.8
share/remuda/full.yaml
share/remuda/www/404.html
share/remuda/www/index.html
share/zsh/site-functions/_remuda
""".split()


def make(*words: str) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    r = subprocess.run(["make", "-s", *words], cwd=ROOT, env=env, capture_output=True, text=True)
    if r.returncode != 0:
        raise AssertionError(f"make {words}: {r.stderr}")
    return r.stdout


def files_below(folder: Path) -> list[str]:
    found = (p for p in folder.rglob("*") if not p.is_dir())
    return sorted(str(p.relative_to(folder)) for p in found)


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_stage_holds_everything_and_names_the_prefix_alone(self):
        before = os.umask(0o077)  # what is installed is everybody's to read all the same
        try:
            make("install", "PREFIX=/opt/remuda", f"DESTDIR={self.folder}")
        finally:
            os.umask(before)
        prefix = self.folder / "opt/remuda"
        found = files_below(prefix)
        self.assertEqual([name for name in EXPECTED if name not in found], [])
        for name in found:
            path = prefix / name
            self.assertTrue(path.stat().st_mode & 0o004, name)
            # What our own files name: below the prefix, and there.
            if name.startswith("share/remuda/") or name == "sbin/remuda":
                continue
            text = path.read_text()
            self.assertNotIn(str(self.folder), text, name)
            for named in re.findall(r"(?<![\w.])(/[\w/.]*/remuda/[\w.]+\.yaml)", text):
                self.assertTrue((self.folder / named[1:]).exists(), f"{name}: {named}")
            for named in re.findall(r"(?<![\w.])(/[\w/]*/sbin/remuda)\b", text):
                self.assertEqual(named, "/opt/remuda/sbin/remuda", name)

        make("uninstall", "PREFIX=/opt/remuda", f"DESTDIR={self.folder}")
        self.assertEqual(files_below(self.folder), ["opt/remuda/etc/remuda/remuda.yaml"])

    def test_usr_has_its_config_in_etc(self):
        make("install", "PREFIX=/usr", f"DESTDIR={self.folder}")
        self.assertTrue((self.folder / "etc/remuda/remuda.yaml").exists())
        self.assertIn("/etc/remuda/remuda.yaml", (self.folder / "usr/bin/remudactl").read_text())
        make("uninstall", "PREFIX=/usr", f"DESTDIR={self.folder}")
        self.assertEqual(files_below(self.folder), ["etc/remuda/remuda.yaml"])

    def test_what_is_installed_runs_and_a_config_is_kept(self):
        make("install", f"PREFIX={self.folder}")
        config = self.folder / "etc/remuda/remuda.yaml"
        text = config.read_text()
        text = re.sub(r"(?m)^listen:.*", "listen: 127.0.0.1:0", text)
        text = re.sub(r"(?m)^pid_file:.*", f"pid_file: {self.folder}/remuda.pid", text)
        text += f"error_log: {self.folder}/error.log\n"
        config.write_text(text)
        make("install", f"PREFIX={self.folder}")
        self.assertEqual(config.read_text(), text)

        ctl = self.folder / "bin/remudactl"
        env = {k: v for k, v in os.environ.items() if k not in ("REMUDA_CONFIG", "REMUDA_BINARY")}
        subprocess.run([ctl, "start"], check=True, env=env, stdout=subprocess.DEVNULL)
        try:
            log = (self.folder / "error.log").read_text()
            port = re.search(r"listening on 127\.0\.0\.1:(\d+)", log).group(1)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                self.assertIn(b"Remuda is running", answer.read())
        finally:
            subprocess.run([ctl, "quit"], check=True, env=env, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    unittest.main()
