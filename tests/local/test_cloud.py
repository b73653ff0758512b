"""What a start waits for."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from config.mode import Mode
from local.environment import search_path
from local.errors import ChildFailed, InvalidOptions, PortTaken
from local.options import CloudOptions
from local.ports import require_different
from local.subprocesses import Child
from local.workers import reached_broker

pytestmark = pytest.mark.anyio


@contextmanager
def worker_that_says(socket: Path, connected: Iterator[bool]) -> Generator[None, None, None]:
    """Something that answers /health, with one `broker_connected` after the other."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"broker_connected": next(connected)}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with socketserver.UnixStreamServer(str(socket), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


def child(folder: Path) -> Child:
    environ = {"PATH": search_path({})}
    return Child(
        "worker", ["bash", "-c", "echo refused; sleep 60"], environ=environ, cwd=folder, log=folder / "worker.log"
    )


async def test_a_start_waits_until_the_worker_has_reached_the_broker(tmp_path: Path) -> None:
    """Not only until it takes photos: whose label nobody would hear."""
    worker, answers = child(tmp_path), iter([False, False, True])
    await worker.start()
    try:
        with worker_that_says(tmp_path / "worker.sock", answers):
            await reached_broker(worker, tmp_path / "worker.sock", "127.0.0.1:1", within_s=60)
    finally:
        await worker.stop(grace_s=0)
    assert list(answers) == []


async def test_a_worker_that_does_not_reach_the_broker_fails_the_start(tmp_path: Path) -> None:
    """With the broker's address and the end of the worker's log."""
    worker = child(tmp_path)
    await worker.start()
    try:
        with (
            worker_that_says(tmp_path / "worker.sock", iter(lambda: False, True)),
            pytest.raises(ChildFailed, match=r"reach the MQTT broker at 127.0.0.1:1 within 0.5 s(.|\n)*refused"),
        ):
            await reached_broker(worker, tmp_path / "worker.sock", "127.0.0.1:1", within_s=0.5)
    finally:
        await worker.stop(grace_s=0)


def test_two_servers_on_one_port_are_refused() -> None:
    """Two free ports are not two equal ones."""
    require_different(None, None, "--a and --b")
    require_different(1, 2, "--a and --b")
    with pytest.raises(PortTaken, match="--a and --b are both 9876; nothing was started"):
        require_different(9876, 9876, "--a and --b")


def test_several_workers_are_for_mode_queue() -> None:
    """In mode command a Run Command goes to one instance: the others would stand idle, and nobody would see why."""
    assert CloudOptions(mode=Mode.QUEUE, workers=3).workers == 3
    with pytest.raises(InvalidOptions, match=r"--workers 3 needs mode queue: .* nothing was started. Add --mode queue"):
        CloudOptions(mode=Mode.COMMAND, workers=3)
