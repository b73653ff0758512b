"""`nunchi`, as a user has it: what it says, how it ends, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.environment import ROOT
from local.ports import LOOPBACK, free_ports
from local.state import StateDir
from tests.end_to_end.conftest import Running, run_nunchi
from tests.end_to_end.photos import face_file
from tests.end_to_end.processes import listening, processes_of
from tests.waiting import until

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc")


def test_status_is_the_object_that_strangers_join_by(cloud: Running) -> None:
    """Every field that the README promises, and files that only their owner reads."""
    status = cloud.status
    assert status["state"] == "up"
    assert {"s3", "ssm", "sqs", "iot"} <= status["endpoints"].keys()
    assert status["buckets"].keys() == {"images", "dataset", "weights"}
    assert status["queues"].keys() == {"uploads", "dead"}
    assert {"host", "port", "ca", "cert", "key", "topic"} <= status["mqtt"].keys()
    assert (status["kiosk"], status["mqtt"]["topic"]) == ("demo", "nunchi/demo/label")
    assert {"pid", "socket", "model"} <= status["worker"].keys()
    assert Path(status["mqtt"]["key"]).stat().st_mode & 0o777 == 0o600


def test_a_second_up_says_that_it_is_up_and_with_what(cloud: Running) -> None:
    """It starts nothing, and succeeds if the cloud is what was asked for."""
    has = cloud.status["mqtt"]["port"]
    again = cloud.nunchi("up", "--detach", f"--mqtt-port={has}")
    assert (again.returncode, again.stderr) == (0, "")
    assert "is up already" in again.stdout
    assert cloud.status["endpoints"]["s3"] in again.stdout


@pytest.mark.parametrize("options", [["--training"], ["--mode", "queue"], ["--port", "1024"]])
def test_a_second_up_with_other_options_fails_with_the_command_that_changes_them(
    cloud: Running, options: list[str]
) -> None:
    """It does not pass over what it was asked for and can't have."""
    again = cloud.nunchi("up", "--detach", *options)
    told, words = " ".join(again.stderr.split()), " ".join(options)
    assert (again.returncode, "is up already" in again.stdout) == (3, True)
    assert f"It was started without {words}" in told
    assert f"nunchi down --state {cloud.state} && nunchi up --detach {words} --state {cloud.state}" in told


def test_a_cloud_is_found_from_a_folder_below_it(cloud: Running, tmp_path: Path) -> None:
    """As git finds its repository."""
    below = tmp_path / "shop1" / "photos"
    below.mkdir(parents=True)
    (tmp_path / ".nunchi").symlink_to(cloud.state)
    environ = {name: value for name, value in os.environ.items() if name != "NUNCHI_STATE"}
    told = subprocess.run(
        [sys.executable, "-m", "ops", "status", "--json"],
        cwd=below,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (told.returncode, json.loads(told.stdout)["endpoints"]) == (0, cloud.status["endpoints"])


def test_send_tells_one_object_a_photo_and_ends_by_the_worst(cloud: Running, tmp_path: Path) -> None:
    """A face has people in its answer; a file that is no image is uploaded all the same, and rejected."""
    rubbish = tmp_path / "rubbish.jpg"
    rubbish.write_text("no image")
    sent = cloud.nunchi("send", "--json", str(face_file(tmp_path)), str(rubbish))
    face, other = (json.loads(line) for line in sent.stdout.splitlines())
    assert sent.returncode == 5, sent.stderr
    assert face["people"]
    assert face["total_ms"] > 0
    assert (face["screen"] in ("easy", "standard"), other["screen"]) == (True, "standard")
    assert (other["photo"], other["status"], other["reason"]) == (str(rubbish), "rejected", "not_an_image")


def test_send_says_what_it_could_not_hear_in_time(cloud: Running, tmp_path: Path) -> None:
    """No answer in the time given, here of a worker that hangs, is exit status 6."""
    worker = cloud.record.worker.pid
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    try:
        sent = cloud.nunchi("send", "--json", "--timeout", "0.5", str(face_file(tmp_path)))
    finally:
        os.kill(worker, signal.SIGCONT)
    assert (sent.returncode, json.loads(sent.stdout)["status"]) == (6, "no_answer")


def test_send_refuses_a_missing_file_before_anything_is_sent(cloud: Running, tmp_path: Path) -> None:
    """Exit status 2, and the file's name."""
    sent = cloud.nunchi("send", str(face_file(tmp_path)), str(tmp_path / "missing.jpg"))
    assert sent.returncode == 2
    assert "missing.jpg" in sent.stderr
    assert sent.stdout == ""


def test_watch_shows_messages_until_it_is_interrupted(cloud: Running, tmp_path: Path) -> None:
    """One JSON object a line; Ctrl-C is its proper end."""
    with subprocess.Popen(
        [sys.executable, "-m", "ops", "watch", "--json"],
        cwd=ROOT,
        env={**os.environ, "NUNCHI_STATE": str(cloud.state), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        os.set_blocking(watching.stdout.fileno(), False)
        heard: list[str] = []

        def has_heard() -> bool:  # it may subscribe only after the first photo was told
            assert watching.stdout is not None
            cloud.nunchi("send", str(face_file(tmp_path)))
            heard.extend(watching.stdout.readlines())
            return bool(heard)

        try:
            until(has_heard, within_s=60, what="a message that `watch` shows")
        finally:
            watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 0
    assert json.loads(heard[0])["kiosk_id"] == "demo"


@linux
def test_down_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    """Nor does it fail when nothing is up any more."""
    started = run_nunchi(tmp_path, "up", "--detach")
    assert started.returncode == 0, started.stderr
    status = json.loads(run_nunchi(tmp_path, "status", "--json").stdout)
    ports = [int(url.rpartition(":")[2]) for url in set(status["endpoints"].values())] + [status["mqtt"]["port"]]
    assert all(listening(port) for port in ports)
    assert run_nunchi(tmp_path, "down").returncode == 0
    assert processes_of(tmp_path) == {}
    assert not any(listening(port) for port in ports)
    assert not list(tmp_path.rglob("*.pem"))
    again = run_nunchi(tmp_path, "down")
    assert (again.returncode, "No cloud is up" in again.stdout) == (0, True)
    none = run_nunchi(tmp_path, "status", "--json")
    assert (none.returncode, json.loads(none.stdout)) == (3, {"state": "down"})


@linux
def test_a_cloud_whose_owner_is_killed_leaves_no_process(tmp_path: Path) -> None:
    """Not even with kill -9, and the folder can be used again."""
    started = run_nunchi(tmp_path, "up", "--detach")
    assert started.returncode == 0, started.stderr
    state = StateDir(tmp_path)
    owner = state.holder()
    assert owner is not None
    os.kill(owner, signal.SIGKILL)
    until(lambda: not processes_of(tmp_path), within_s=60, what="the end of every process")
    assert json.loads(run_nunchi(tmp_path, "status", "--json").stdout) == {"state": "down"}
    assert run_nunchi(tmp_path, "down").returncode == 0


@linux
@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGINT, ["--detach"]), (signal.SIGTERM, []), (signal.SIGKILL, [])],
    ids=["Ctrl-C of --detach", "kill", "kill -9"],
)
def test_an_up_that_is_interrupted_while_it_starts_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, options: list[str]
) -> None:
    """In the middle of the deployment."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f"# {tmp_path}: no synthesis is kept for this text\n")
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    with started_up(tmp_path, *options) as starting:
        assert starting.stderr is not None
        for line in starting.stderr:
            if "deploying" in line:
                break
        until(
            lambda: any("infra.app" in command for command in processes_of(tmp_path).values()),
            within_s=60,
            what="the CDK's synthesis",
        )
        starting.send_signal(number)
        starting.communicate(timeout=300)
    until(lambda: not processes_of(tmp_path), within_s=60, what="the end of every process")
    assert starting.returncode == {signal.SIGINT: 130, signal.SIGTERM: 130, signal.SIGKILL: -9}[number]


@linux
@pytest.mark.parametrize("options", [["--detach"], []], ids=["detached", "staying"])
def test_an_up_that_is_interrupted_before_its_cloud_has_the_lock_leaves_nothing(
    tmp_path: Path, options: list[str]
) -> None:
    """Ctrl-C in the first second, when no lock tells of the process that is to run the cloud."""
    with started_up(tmp_path, *options) as starting:
        until(
            lambda: any("-m local" in command for command in processes_of(tmp_path).values()),
            within_s=60,
            what="the supervisor",
        )
        starting.send_signal(signal.SIGINT)
        _, told = starting.communicate(timeout=300)
    assert (starting.returncode, "nothing is left running" in told) == (130, True), told
    assert processes_of(tmp_path) == {}


@linux
def test_a_second_interrupt_does_not_break_off_the_stopping(tmp_path: Path) -> None:
    """It is told that the first one is still at work."""
    with started_up(tmp_path, "--detach") as starting:
        state = StateDir(tmp_path)
        until(state.holder, within_s=60, what="the supervisor")
        supervisor = state.holder()
        assert supervisor is not None
        assert starting.stderr is not None
        os.kill(supervisor, signal.SIGSTOP)
        try:
            for word in ("stopping; the worker finishes", "still stopping"):
                starting.send_signal(signal.SIGINT)
                assert any(word in line for line in starting.stderr)
            starting.send_signal(signal.SIGTERM)
        finally:
            os.kill(supervisor, signal.SIGCONT)
        _, told = starting.communicate(timeout=300)
    assert (starting.returncode, "nothing is left running" in told) == (130, True), told
    assert processes_of(tmp_path) == {}


def started_up(state: Path, *options: str) -> subprocess.Popen[str]:
    """`nunchi up` that is on its way."""
    return subprocess.Popen(
        [sys.executable, "-m", "ops", "up", "--state", str(state), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_port_in_use_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    """The message says which option, and what to do; `status` remembers it."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        started = run_nunchi(tmp_path, "up", "--detach", f"--port={port}")
    assert started.returncode == 1
    assert f"port {port} (--port) can't be used" in started.stderr
    assert started.stderr.strip().endswith("nothing was started. Choose another, or omit --port for a free one")
    assert StateDir(tmp_path).holder() is None
    assert f"the last one failed: port {port} (--port)" in run_nunchi(tmp_path, "status").stdout


def test_one_port_for_two_servers_is_refused(tmp_path: Path) -> None:
    """The broker would not start, and the cloud be up without it."""
    (port,) = free_ports(1)
    started = run_nunchi(tmp_path, "up", "--detach", f"--port={port}", f"--mqtt-port={port}")
    assert started.returncode == 1
    assert f"--port and --mqtt-port are both {port}; nothing was started" in started.stderr


def test_a_missing_tool_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bash nothing would run a command's script."""
    monkeypatch.setenv("PATH", str(tmp_path))
    started = run_nunchi(tmp_path, "up", "--detach")
    assert started.returncode == 1
    assert "bash (install it with your system's packages)" in started.stderr


def test_without_a_cloud_a_command_says_how_to_start_one(tmp_path: Path) -> None:
    """One line, no traceback, exit status 1."""
    sent = run_nunchi(tmp_path, "send", str(face_file(tmp_path)))
    up = f"nunchi up --detach --state {tmp_path}"
    assert sent.returncode == 1
    assert sent.stderr.strip() == f"nunchi: no cloud is up in {tmp_path}; start it with `{up}`"
