"""The access log, read by those who will: Python's json, and GoAccess where it is installed."""

import contextlib
import json
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from common import REMUDA

DEADLINE_S = 20
GOACCESS = shutil.which("goaccess")
HOSTILE = (
    b'"', b"\\", b'"},{"a":"', b"\\u0022", b"\x01\x1f\x7f", b"\xff\xfe", b"\xc3\xa9", b"\xc3", b"\xed\xa0\x80",
    b"\xf0\x9f\x90\x8e", b"\xe2\x80\xa8", b"\xc2\x85", b"\t", b"</script>", b"%00", b"\x00", b"{", b"$status",
)


@contextlib.contextmanager
def serving(folder: Path, log: str):
    """The port of a server that logs in this way; once it is left, the log is whole."""
    (folder / "www").mkdir()
    (folder / "www/index.html").write_text("home")
    config = folder / "c.yaml"
    config.write_text(
        f"listen: 127.0.0.1:0\nroot: www\nworkers: 2\npid_file: off\ncontrol_socket: off\n"
        f"error_log: error.log\naccess_log: {log}\n"
    )
    process = subprocess.Popen([REMUDA, "-c", config, "--foreground"])
    try:
        yield wait_for_port(folder / "error.log", process)
    finally:
        process.terminate()
        if process.wait(DEADLINE_S) != 0:
            raise AssertionError((folder / "error.log").read_text())


def wait_for_port(log: Path, process: subprocess.Popen) -> int:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end and process.poll() is None:
        text = log.read_text() if log.exists() else ""
        if "ready:" in text:
            return int(re.findall(r"listening on 127\.0\.0\.1:(\d+)", text)[0])
        time.sleep(0.02)
    raise AssertionError("it does not serve")


def send(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as s:
        answer = b""
        with contextlib.suppress(ConnectionError):
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            while part := s.recv(65536):
                answer += part
        return answer


def hostile_requests(count: int):
    chance = random.Random(5)
    for i in range(count):
        some = [bytes(b"".join(chance.choices(HOSTILE, k=3))) for _ in range(4)]
        if i % 3 == 0:
            some[3] = chance.randbytes(24)
        yield (
            b"GET /?%b HTTP/1.1\r\nHost: a\r\nReferer: %b\r\nUser-Agent: %b\r\nX: %b\r\n"
            b"Connection: close\r\n\r\n" % (some[0] if i % 2 else b"q", some[1], some[2], some[3])
        )
        yield b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: %b\r\n\r\n" % HOSTILE[i % len(HOSTILE)]


class Logs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def lines(self) -> list[bytes]:
        return (self.folder / "a.log").read_bytes().split(b"\n")[:-1]

    def test_json_is_json_whatever_a_client_sends(self):
        answers = 0
        with serving(self.folder, "{to: a.log, format: json}") as port:
            for request in hostile_requests(300):
                answers += len(re.findall(rb"^HTTP/1\.1 ", send(port, request), re.MULTILINE))
        read = [json.loads(line.decode()) for line in self.lines()]
        self.assertEqual(len(read), answers)
        self.assertEqual({type(r["status"]) for r in read}, {int})
        self.assertEqual({type(r["request_time"]) for r in read}, {float})
        self.assertGreater(sum(r["status"] == 200 for r in read), 50)
        self.assertGreater(sum(r["status"] == 400 for r in read), 50)

    def test_json_tells_what_was_sent(self):
        agent = 'a "b" \\ é € 🐎'
        with serving(self.folder, "{to: a.log, format: json}") as port:
            send(port, f"GET /?x HTTP/1.1\r\nHost: h\r\nUser-Agent: {agent}\r\n\r\n".encode())
        (line,) = self.lines()
        told = json.loads(line)
        expected = {"user_agent": agent, "uri": "/?x", "host": "h", "status": 200, "remote_user": "",
                    "body_bytes_sent": 4, "method": "GET", "protocol": "HTTP/1.1", "scheme": "http"}
        self.assertEqual({k: told[k] for k in expected}, expected)

    @unittest.skipIf(GOACCESS is None, "no goaccess")
    def test_goaccess_reads_the_default_format(self):
        with serving(self.folder, "a.log") as port:
            for request in hostile_requests(30):
                send(port, request)
            send(port, b"GET /none HTTP/1.1\r\nHost: a\r\nReferer: http://b/\r\n\r\n" * 20)
        good = [line for line in self.lines() if b'"GET ' in line]
        (self.folder / "good.log").write_bytes(b"\n".join(good) + b"\n")
        r = subprocess.run(
            [GOACCESS, self.folder / "good.log", "--log-format=COMBINED", "--no-global-config",
             "-o", self.folder / "report.json", f"--invalid-requests={self.folder}/invalid"],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
        )
        self.assertEqual(r.returncode, 0, r.stderr)
        general = json.loads((self.folder / "report.json").read_text())["general"]
        self.assertEqual(general["failed_requests"], 0, (self.folder / "invalid").read_text())
        self.assertEqual(general["valid_requests"], len(good))


if __name__ == "__main__":
    unittest.main()
