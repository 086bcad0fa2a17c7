"""scripts/migrating-from-nginx.md: its blocks load, and both servers answer them alike.

Each section has one nginx block and one YAML block. They run as they stand in the page, but for
the folders and the port, which are the test's own.
"""

import contextlib
import gzip
import http.client
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from common import REMUDA, ROOT

PAGE = ROOT / "scripts/migrating-from-nginx.md"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
DEADLINE_S = 20
LONG = "a line that says the same\n" * 100
# Password "horse", by `openssl passwd -6`.
USERS = (
    "ann:$6$remuda$yUGPsg4VeKxpzCt6OeSaG.9mqYG9V7TygA."
    "VgUrqk4NvPvmEXOll5GTbiWXiqhgpM6cHD5S63t3HwfHa14EPC.\n"
)
FILES = {
    "srv/example/index.html": "home",
    "srv/example/about.html": "about",
    "srv/example/new.html": "new",
    "srv/example/long.css": LONG,
    "srv/example/made.css": LONG,
    "srv/example/style.css": "p {}",
    "srv/example/404.html": "not here",
    "srv/example/403.html": "not you",
    "srv/example/.secret": "hush",
    "srv/example/sub/index.html": "sub",
    "srv/example/posts/7.html": "post 7",
    "srv/example/staff/index.html": "staff",
    "srv/example/inside/index.html": "inside",
    "srv/example/api/index.html": "api",
    "srv/net/index.html": "net",
    "srv/mirror/disk.zip": "bytes",
    "srv/mirror/sub/one": "1",
    "etc/web/users": USERS,
    "var/log/web/access.log": "",
}


@dataclass
class Ask:
    target: str
    status: int  # what both give
    host: str = "example.org"
    body: str | None = None
    method: str = "GET"
    send: bytes | None = None
    fields: dict = field(default_factory=dict)
    same: tuple = ()  # fields that are equal, beside the usual ones
    settles: bool = False  # ask until the file has been compressed


ANN = {"Authorization": "Basic YW5uOmhvcnNl"}
GZIP = {"Accept-Encoding": "gzip"}
CODED = ("Content-Encoding", "Vary")
FAR = {"X-Forwarded-For": "203.0.113.7"}

ASKS = {
    1: [
        Ask("/", 200, body="home"),
        Ask("/about.html", 200, body="about", same=("Last-Modified", "Accept-Ranges")),
        Ask("/sub", 301),
        Ask("/sub/", 200, body="sub"),
        Ask("/none", 404),
        Ask("/", 405, method="POST", send=b""),
        Ask("/about.html", 206, body="bou", fields={"Range": "bytes=1-3"}, same=("Content-Range",)),
    ],
    2: [
        Ask("/", 200, body="home"),
        Ask("/", 200, host="www.example.org", body="home"),
        Ask("/", 200, host="a.example.net", body="net"),
        Ask("/", 404, host="elsewhere.example"),
        Ask("/about.html", 404, host="elsewhere.example"),
    ],
    3: [
        Ask("/a/b?c=d", 301, host="www.example.org"),
        Ask("/old.html", 301),
        Ask("/blog/7", 200, body="post 7"),
        Ask("/blog/x", 404),
        Ask("/", 200, body="home"),
    ],
    4: [
        Ask("/about", 200, body="about"),
        Ask("/about.html", 200, body="about"),
        Ask("/some/view", 200, body="home"),
        Ask("/posts/7.html", 200, body="post 7"),
        Ask("/posts/8.html", 404),
        Ask("/posts-old", 200, body="home"),
    ],
    5: [
        Ask("/none", 404, body="not here"),
        Ask("/health", 200, body="ok"),
        Ask("/gone/away", 410),
        Ask("/.secret", 404),
        Ask("/", 200, body="home"),
    ],
    6: [
        Ask("/", 200, same=("Cache-Control", "X-Frame-Options", "Expires")),
        Ask("/style.css", 200, same=("Cache-Control", "X-Frame-Options")),
        Ask("/none", 404, same=("X-Frame-Options",)),
    ],
    7: [
        Ask("/downloads/disk.zip", 200, body="bytes"),
        Ask("/downloads/sub/one", 200, body="1"),
        Ask("/downloads/", 200),
        Ask("/downloads-old", 404),
        Ask("/", 200, body="home"),
    ],
    8: [
        Ask("/staff/", 401),
        Ask("/staff/", 200, body="staff", fields=ANN),
        Ask("/staff/", 401, fields={"Authorization": "Basic YW5uOmNvdw=="}),
        Ask("/inside/", 403),
        Ask("/", 200, body="home"),
    ],
    9: [
        Ask("/api/", 200, body="api", fields=FAR),
        Ask("/api/", 200, fields=FAR),
        Ask("/api/", 200, fields=FAR),
        Ask("/api/", 429, fields=FAR),
        Ask("/api/", 200, fields={"X-Forwarded-For": "203.0.113.8"}),
        Ask("/", 413, method="POST", send=b"x" * 70000),
    ],
    10: [
        Ask("/long.css", 200, body=LONG, fields=GZIP, same=CODED, settles=True),
        Ask("/made.css", 200, body="made before", fields=GZIP, same=("Content-Encoding",)),
        Ask("/long.css", 200, body=LONG, same=("Content-Encoding",)),
        Ask("/style.css", 200, body="p {}", fields=GZIP, same=("Content-Encoding",)),
    ],
    11: [
        Ask("/", 200, body="home"),
        Ask('/none?"', 404),
        Ask("/sub/", 200, body="sub"),
        Ask("/sub/none", 404),
        Ask("/api/", 200, body="api"),
    ],
}


def sections() -> dict[int, tuple[str, str]]:
    """Number: (nginx block, YAML block)."""
    found = {}
    for text in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        number = re.match(r"(\d+)\. ", text)
        if number is None:
            continue
        (nginx,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
        (yaml,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        found[int(number[1])] = (nginx, yaml)
    return found


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def own(block: str, folder: Path, port: int) -> str:
    block = re.sub(r"(?<![\w.])/(srv|etc|var)/", rf"{folder}/\1/", block)
    return re.sub(r"(?m)^(\s*listen:? )80\b", rf"\g<1>127.0.0.1:{port}", block)


def make_files(folder: Path) -> None:
    folder.chmod(0o755)
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "srv/example/made.css.gz").write_bytes(gzip.compress(b"made before"))


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(f"{process.args[0]} does not serve: {log.read_text()}")


@contextlib.contextmanager
def running(argv: list, port: int, log: Path):
    with log.open("w") as out:
        process = subprocess.Popen([str(a) for a in argv], stdout=out, stderr=out)
    try:
        wait_for(port, process, log)
        yield
    finally:
        process.terminate()
        status = process.wait(DEADLINE_S)
    if status != 0:
        raise AssertionError(f"{process.args[0]} ended with {status}: {log.read_text()}")


def remuda(block: str, folder: Path, port: int):
    config = folder / "remuda.yaml"
    config.write_text(own(block, folder, port))
    return running([REMUDA, "-c", config, "--foreground"], port, folder / "remuda.log")


def nginx(block: str, folder: Path, port: int):
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; user root; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\ninclude /etc/nginx/mime.types; access_log off;\n"
        f"default_type application/octet-stream;\n"
        f"client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;\n"
        f"scgi_temp_path {folder}/scgi;\n{own(block, folder, port)}}}\n"
    )
    return running([NGINX, "-c", config, "-p", folder], port, folder / "nginx.log")


def one_answer(port: int, ask: Ask) -> dict:
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        c.request(ask.method, ask.target, ask.send, {"Host": ask.host, **ask.fields})
        r = c.getresponse()
        body = r.read()
    finally:
        c.close()
    if r.getheader("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    told = {"status": r.status}
    if ask.body is not None:
        told["body"] = body.decode()
    if r.getheader("Location") is not None:
        # nginx makes some of them absolute, with the port: the place is what counts.
        place = urlsplit(urljoin(f"http://{ask.host}{ask.target}", r.getheader("Location")))
        told["Location"] = (place.hostname, place.path, place.query)
    if r.status == 200:
        told["type"] = (r.getheader("Content-Type") or "").partition(";")[0]
    for name in ask.same:
        told[name] = r.getheader(name)
    return told


def answer(port: int, ask: Ask) -> dict:
    end = time.monotonic() + DEADLINE_S
    told = one_answer(port, ask)
    while ask.settles and not told.get("Content-Encoding") and time.monotonic() < end:
        time.sleep(0.05)
        told = one_answer(port, ask)
    return told


class Migration(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        make_files(self.folder)

    def test_every_block_loads(self):
        self.assertEqual(sorted(sections()), sorted(ASKS))
        for number, (_, yaml) in sections().items():
            config = self.folder / "c.yaml"
            config.write_text(own(yaml, self.folder, 8080))
            r = subprocess.run([REMUDA, "-t", "-c", config], capture_output=True, text=True)
            self.assertEqual(r.returncode, 0, f"{number}: {r.stderr}")

    def test_remuda_answers_as_expected(self):
        for number, (_, yaml) in sections().items():
            port = free_port()
            with self.subTest(number), remuda(yaml, self.folder, port):
                self.expect(number, port)

    @unittest.skipIf(NGINX is None, "no nginx")
    def test_nginx_answers_alike(self):
        for number, (theirs, ours) in sections().items():
            a, b = free_port(), free_port()
            with self.subTest(number), nginx(theirs, self.folder, a), remuda(
                ours, self.folder, b
            ):
                for ask in ASKS[number]:
                    self.assertEqual(answer(b, ask), answer(a, ask), f"{number}: {ask}")

    def logged(self, name: str) -> str:
        """What stands in a log, which is emptied; times are not the same, nor is the body of 404."""
        path = self.folder / "var/log/web" / name
        text = path.read_text()
        path.write_text("")
        text = re.sub(r"\[\d\d/\w{3}/\d{4}:[\d:]{8} [+-]\d{4}\]", "[time]", text)
        text = re.sub(r" \d+\.\d{3}s$", " time", text, flags=re.MULTILINE)
        return re.sub(r" 404 \d+ ", " 404 bytes ", text)

    @unittest.skipIf(NGINX is None, "no nginx")
    def test_nginx_logs_alike(self):
        theirs, ours = sections()[11]
        told = []
        for server, block in ((nginx, theirs), (remuda, ours)):
            port = free_port()
            with server(block, self.folder, port):
                for ask in ASKS[11]:
                    answer(port, ask)
            told.append([self.logged("access.log"), self.logged("bad.log")])
        self.assertEqual(told[1], told[0])
        self.assertEqual([text.count("\n") for text in told[1]], [2, 1], told[1])

    def expect(self, number: int, port: int):
        for ask in ASKS[number]:
            told = answer(port, ask)
            self.assertEqual(told["status"], ask.status, f"{number}: {ask}")
            self.assertEqual(told.get("body"), ask.body, f"{number}: {ask}")


if __name__ == "__main__":
    unittest.main()
