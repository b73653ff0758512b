"""Step 3's shell: what it tells the worker, and what it says of each answer. Run for real, against a real socket."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from contracts.tickets import MAX_TICKETS
from tests.infra.assembly import ROOT

TICKET = "demo/01jd8v2k5e9m3x7q4r6t0w1y2z@1795324300123"


class Worker(ThreadingUnixStreamServer):
    """A worker's socket that answers as it is told, and remembers what it was asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Answer)
        self.path, self.status, self.asked = path, 202, list[tuple[str, str, str]]()


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Worker)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"so says the worker\n")

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests look at what was asked."""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path / "worker.sock") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=["curl", "python3"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH of nothing but bash, and the one program that can speak HTTP."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("bash", request.param):
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not on this machine; the other one is tried")
        (folder / tool).symlink_to(found)
    return str(folder)


def infer(path: str, tickets: str | None, at: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    given = {} if tickets is None else {"SSM_Tickets": tickets}
    return subprocess.run(
        [shutil.which("bash") or "bash", ROOT / "shell" / "infer.sh"],
        env={"PATH": path, "NUNCHI_SOCKET": str(at), **given},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_tickets_reach_the_worker_as_they_are(path: str, worker: Worker, tmp_path: Path) -> None:
    """A full command, byte for byte."""
    line = " ".join([TICKET] * MAX_TICKETS)
    answer = infer(path, line, worker.path, tmp_path)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "infer: accepted\n", "")
    assert worker.asked == [("/infer", "text/plain", line)]


@pytest.mark.parametrize(
    ("status", "code_and_words"),
    [
        (400, (3, "refused the tickets as malformed: so says the worker")),
        (503, (4, "its sweep will find these photos: so says the worker")),
        (404, (7, "answered 404")),
    ],
)
def test_each_refusal_has_its_exit_code_and_its_words(
    path: str, worker: Worker, tmp_path: Path, status: int, code_and_words: tuple[int, str]
) -> None:
    """Run Command's history then shows which it was."""
    worker.status = status
    answer = infer(path, TICKET, worker.path, tmp_path)
    code, words = code_and_words
    assert (answer.returncode, answer.stdout) == (code, "")
    assert words in answer.stderr


def test_without_a_worker_it_says_so(path: str, tmp_path: Path) -> None:
    """No socket: it never started. A socket that nobody listens on: it was killed."""
    missing = infer(path, TICKET, tmp_path / "none.sock", tmp_path)
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "dead.sock"))
    dead = infer(path, TICKET, tmp_path / "dead.sock", tmp_path)
    assert (missing.returncode, dead.returncode) == (5, 5)
    assert f"no worker answers at {tmp_path}/none.sock" in missing.stderr


@pytest.mark.parametrize("tickets", [None, ""])
def test_without_tickets_it_names_the_likely_cause(
    path: str, worker: Worker, tmp_path: Path, tickets: str | None
) -> None:
    """An SSM agent that does not know ENV_VAR leaves the variable out."""
    answer = infer(path, tickets, worker.path, tmp_path)
    assert (answer.returncode, worker.asked) == (2, [])
    assert "SSM agent 3.3.2746.0" in answer.stderr


def test_without_a_program_that_speaks_http_it_says_so(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert infer(str(tmp_path / "empty"), TICKET, worker.path, tmp_path).returncode == 6


@pytest.mark.parametrize(
    "hostile",
    [
        "$(touch x)",
        "`touch x`",
        "a; touch x",
        '"; touch x #',
        "@/etc/passwd",
        "-o x",
        "--output x",
        "a\ntouch x",
        "*",
        "%s",
    ],
)
def test_hostile_text_is_carried_and_never_run(path: str, worker: Worker, tmp_path: Path, hostile: str) -> None:
    """The document's pattern refuses it before; this shell would not be harmed by it either. The worker refuses it."""
    worker.status = 400
    before = sorted(tmp_path.iterdir())
    answer = infer(path, hostile, worker.path, tmp_path)
    assert (answer.returncode, [body for _, _, body in worker.asked]) == (3, [hostile])
    assert sorted(tmp_path.iterdir()) == before


def test_the_environment_cannot_steer_it_elsewhere(worker: Worker, tmp_path: Path) -> None:
    """Neither a proxy nor a curl configuration of whoever runs it."""
    (tmp_path / ".curlrc").write_text("url = file:///etc/passwd\n")
    answer = subprocess.run(
        [ROOT / "shell" / "infer.sh"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "http_proxy": "http://127.0.0.1:1",
            "NUNCHI_SOCKET": str(worker.path),
            "SSM_Tickets": TICKET,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "infer: accepted\n", "")
