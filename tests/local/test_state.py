"""The state folder: who holds it, what it holds, what is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from local.errors import CloudBusy, CloudDown
from local.record import Mqtt, Record, State, Worker
from local.state import Hold, StateDir
from tests.waiting import until


def record(folder: Path) -> Record:
    mqtt = Mqtt("127.0.0.1", 8883, folder / "ca.pem", folder / "c.pem", folder / "k.pem", "nunchi/demo/label", "demo")
    return Record(
        region="ap-northeast-2",
        endpoints={"s3": "http://127.0.0.1:1"},
        buckets={"images": "i"},
        queues={"uploads": "u"},
        mqtt=mqtt,
        device=mqtt,
        kiosk="demo",
        instance="i-1",
        worker=Worker(1, folder / "worker.sock", {"name": "m", "version": "1", "digest": "d"}),
    )


def hold_for_ever(path: Path) -> None:
    with Hold(StateDir(path)):
        signal.pause()


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """The file is what `nunchi status --json` prints."""
    assert Record.from_json(record(tmp_path).to_json()) == record(tmp_path)
    assert record(tmp_path).state is State.UP


def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    """The second is told, and the first goes on."""
    state = StateDir(tmp_path / "deep" / "folder")
    assert state.holder() is None
    with Hold(state):
        assert state.holder() == os.getpid()
        with pytest.raises(CloudBusy, match="another process runs a cloud"), Hold(state):
            pass
        assert state.holder() == os.getpid()
    assert state.holder() is None


def test_a_holder_that_is_killed_holds_nothing_any_more(tmp_path: Path) -> None:
    """Though its process id and its record are still in the folder."""
    state = StateDir(tmp_path)
    process = multiprocessing.get_context("spawn").Process(target=hold_for_ever, args=(tmp_path,))
    process.start()
    until(lambda: state.holder() == process.pid, within_s=20, what="the lock")
    state.write(record(tmp_path))
    assert state.read() == record(tmp_path)
    process.kill()
    process.join()
    assert state.holder() is None
    with pytest.raises(CloudDown, match="nothing is up in"):
        state.read()


def test_preparing_removes_what_an_earlier_cloud_left(tmp_path: Path) -> None:
    """Keys above all."""
    state = StateDir(tmp_path)
    state.prepare()
    (state.certs / "demo.key.pem").write_text("secret")
    (state.worker / "outbox").write_text("old")
    state.write(record(tmp_path))
    state.prepare()
    assert {path.name: list(path.iterdir()) for path in tmp_path.iterdir()} == {
        "certs": [],
        "logs": [],
        "tmp": [],
        "worker": [],
    }
    assert state.certs.stat().st_mode & 0o777 == 0o700


def test_a_folder_too_deep_for_a_socket_has_its_socket_elsewhere(tmp_path: Path) -> None:
    """The kernel takes about a hundred bytes; clearing up removes that folder, too."""
    state = StateDir(tmp_path / ("d" * 120))
    state.prepare()
    socket = state.socket
    assert len(os.fsencode(socket)) < 100
    assert socket.parent.is_dir()
    state.clear()
    assert not socket.parent.exists()
    assert [path.name for path in state.path.iterdir()] == ["logs"]
