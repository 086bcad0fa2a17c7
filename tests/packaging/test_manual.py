"""The manual pages: well-formed, and nothing that -h tells is missing."""

import re
import shutil
import subprocess
import unittest
from pathlib import Path

from common import ROOT, REMUDA, REMUDACTL

SCRIPTS = ROOT / "scripts"
# "  log level [LEVEL]", then two spaces or the end of the line.
VERB = r"^  ([a-z]+)(?: [a-z]+)?(?: \[?[A-Z0-9,.]+\]?)*(?:  |$)"


def help_of(command: Path) -> str:
    return subprocess.run([command, "-h"], check=True, capture_output=True, text=True).stdout


def words_of(text: str) -> set[str]:
    """The verbs and options that a help text explains."""
    words = set(re.findall(VERB, text, re.MULTILINE))
    for line in re.findall(r"^ +(-.*?)(?:  .*)?$", text, re.MULTILINE):
        words.update(re.findall(r"(?:^|\s)(--?[A-Za-z]+)", line))
    return words


class Manual(unittest.TestCase):
    def test_says_what_the_help_says(self):
        for command in (REMUDA, REMUDACTL):
            words = words_of(help_of(command))
            self.assertGreater(len(words), 8, command)
            source = (SCRIPTS / f"{command.name}.8").read_text().replace("\\-", "-")
            text = re.sub(r'\\f[RBI]|"', "", source)
            for word in sorted(words):
                # The word begins what a .TP explains.
                tag = rf"^\.TP\n\.[BR]+I? (?:.*[ ,(])?{re.escape(word)}(?![A-Za-z])"
                self.assertRegex(text, re.compile(tag, re.MULTILINE), f"{command.name}: {word}")

    def test_is_well_formed(self):
        if shutil.which("mandoc") is None:
            self.skipTest("no mandoc")
        for page in sorted(SCRIPTS.glob("*.[58]")):
            r = subprocess.run(
                ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True
            )
            # remuda.yaml(5) is generated, and the same on every day.
            lines = [line for line in r.stdout.splitlines() if "missing date" not in line]
            self.assertEqual(lines, [], page.name)

    def test_settings_are_those_of_the_binary(self):
        made = subprocess.run([REMUDA, "--man"], check=True, capture_output=True, text=True).stdout
        self.assertEqual((SCRIPTS / "remuda.yaml.5").read_text(), made)


if __name__ == "__main__":
    unittest.main()
