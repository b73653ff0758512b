"""The state folder: who holds it, what it holds, what is left."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from config.mode import Mode
from contracts.private_folder import is_private
from local.errors import CloudBusy, CloudDown
from local.record import CloudState, Mqtt, Record, ScreenRecord, WorkerRecord
from local.state import Hold, StateDir
from tests.waiting import until


def record(folder: Path) -> Record:
    mqtt = Mqtt("127.0.0.1", 8883, folder / "ca.pem", folder / "c.pem", folder / "k.pem", "nunchi/demo/label", "demo")
    return Record(
        region="ap-northeast-2",
        endpoints={"s3": "http://127.0.0.1:1"},
        buckets={"images": "i"},
        tables={"orders": "o"},
        queues={"uploads": "u"},
        mqtt=mqtt,
        device=mqtt,
        kiosk="demo",
        mode=Mode.COMMAND,
        recipe="kiosk",
        workers=(WorkerRecord("i-1", 1, folder / "worker.sock", {"name": "m", "version": "1", "digest": "d"}),),
        credentials_url="https://127.0.0.1:1/role-aliases/a/credentials",
        gate=0.9,
    )


def hold_for_ever(path: Path) -> None:
    with Hold(StateDir(path)):
        signal.pause()


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """The file is what `nunchi status --json` prints."""
    assert Record.from_json(record(tmp_path).to_json()) == record(tmp_path)
    screen = replace(record(tmp_path), screen=ScreenRecord("http://127.0.0.1:1", "counter"))
    assert Record.from_json(screen.to_json()) == screen
    assert record(tmp_path).state is CloudState.UP


def test_whoever_knows_one_worker_finds_the_first_where_it_always_was(tmp_path: Path) -> None:
    """`nunchi status --json | jq .worker.pid`, with any number of workers."""
    first, second = (WorkerRecord(f"i-{number}", number, tmp_path / f"{number}.sock") for number in (1, 2))
    status = json.loads(replace(record(tmp_path), workers=(first, second)).to_json())
    assert (status["worker"]["pid"], status["instance"]) == (1, "i-1")
    assert [worker["instance"] for worker in status["workers"]] == ["i-1", "i-2"]


def test_every_worker_has_a_socket_of_its_own_and_none_is_left(tmp_path: Path) -> None:
    """Also in a folder too deep for one."""
    for folder in (tmp_path, tmp_path / ("deep" * 30)):
        state = StateDir(folder)
        state.prepare()
        sockets = [state.socket_of(number) for number in (1, 2, 16)]
        for path in sockets:
            assert len(os.fsencode(path)) < 104
            path.touch()
        assert len(set(sockets)) == 3
        state.clear()
        assert [path for path in sockets if path.exists()] == []


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
    until(lambda: state.holder() == process.pid, within_s=60, what="the lock")
    state.write(record(tmp_path))
    assert state.read() == record(tmp_path)
    process.kill()
    process.join()
    assert state.holder() is None
    with pytest.raises(CloudDown, match="no cloud is up in"):
        state.read()


def test_preparing_removes_what_an_earlier_cloud_left(tmp_path: Path) -> None:
    """Keys above all."""
    state = StateDir(tmp_path)
    state.prepare()
    (state.certs / "demo.key.pem").write_text("secret")
    (state.worker / "outbox").write_text("old")
    state.write(record(tmp_path))
    state.prepare()
    assert is_private(tmp_path)
    assert {path.name: list(path.iterdir()) for path in tmp_path.iterdir() if path.is_dir()} == {
        "certs": [],
        "logs": [],
        "tmp": [],
        "screen": [],
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
    assert sorted(path.name for path in state.path.iterdir()) == [".gitignore", "logs"]


def test_two_that_look_at_once_do_not_take_each_other_for_a_holder(tmp_path: Path) -> None:
    """Though the number of a holder that was killed is still there, and belongs to somebody else by now."""
    state = StateDir(tmp_path)
    state.lock.write_text(str(os.getppid()))
    with state.lock.open() as another_look:
        fcntl.flock(another_look, fcntl.LOCK_SH)
        assert state.holder() is None


def test_a_look_does_not_keep_a_cloud_from_starting(tmp_path: Path) -> None:
    """It takes no longer than the look."""
    state = StateDir(tmp_path)
    state.lock.touch()
    look = state.lock.open()
    fcntl.flock(look, fcntl.LOCK_SH)
    over = threading.Timer(0.2, look.close)
    over.start()
    with Hold(state):
        assert state.holder() == os.getpid()
    over.join()


def test_a_holder_leaves_no_name_behind(tmp_path: Path) -> None:
    """Nor does a follower of the next one hear its last words."""
    state = StateDir(tmp_path)
    with Hold(state):
        state.progress.touch()
    assert state.lock.read_text() == ""
    with Hold(state):
        assert not state.progress.exists()


def test_the_folder_of_a_running_cloud_is_cleared_by_nobody_else(tmp_path: Path) -> None:
    """A `down` that comes while another cloud starts would take its keys."""
    state = StateDir(tmp_path)
    with Hold(state):
        state.prepare()
        state.clear_unless_held()
        assert state.certs.is_dir()
    state.clear_unless_held()
    assert not state.certs.exists()


def test_what_lies_in_the_folder_is_its_owners(tmp_path: Path) -> None:
    """Photos' labels and logs are nobody else's; a folder that was there keeps its mode."""
    state = StateDir(tmp_path / "new")
    with Hold(state):
        pass
    assert [path.stat().st_mode & 0o777 for path in (state.path, state.lock)] == [0o700, 0o600]
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    StateDir(there).make()
    assert there.stat().st_mode & 0o777 == 0o755


def test_a_command_to_paste_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is the one that the command takes by itself."""
    monkeypatch.chdir(tmp_path)
    assert StateDir(Path(".nunchi")).command("down") == "nunchi down"
    assert StateDir(Path("my cloud")).command("down") == f"nunchi down --state '{tmp_path}/my cloud'"
