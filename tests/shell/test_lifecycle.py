"""lifecycle.sh, run for real: what the Auto Scaling group is told, when, and what the worker is told before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from retrain.subprocesses import with_pdeathsig
from tests.infra.assembly import ROOT
from tests.shell.http_stand_ins import AutoScaling, Metadata, serving
from tests.shell.machine import RECORDER
from tests.waiting import until

INSTANCE = "i-0123456789abcdef0"
TARGET = "autoscaling/target-lifecycle-state"
START, STOP = "start --no-block nunchi-worker.service", "stop nunchi-worker.service"


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Machine:
    """A machine of a group: its metadata, the group, its worker's socket, and `systemctl` as a recorder."""

    def __init__(self, folder: Path, metadata: Metadata, group: AutoScaling) -> None:
        self.metadata, self.group = metadata, group
        self._folder = folder
        (folder / "systemctl").write_text(RECORDER)
        (folder / "systemctl").chmod(0o755)

    @property
    def systemctl(self) -> list[str]:
        calls = self._folder / "systemctl.calls"
        return calls.read_text().splitlines() if calls.exists() else []

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    @contextmanager
    def script(self) -> Generator[None, None, None]:
        """lifecycle.sh, for as long as the block lasts."""
        environ = {
            "PATH": f"{self._folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL_AUTO_SCALING": self.group.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_REGION": "us-east-1",
            "NUNCHI_IMDS": self.metadata.url,
            "NUNCHI_INSTANCE": INSTANCE,
            "NUNCHI_SOCKET": str(self._folder / "worker.sock"),
            "NUNCHI_POLL_S": "0.05",
            "RUNTIME_DIRECTORY": str(self._folder),
        }
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                with_pdeathsig(["bash", str(ROOT / "shell/lifecycle.sh")]),
                env=environ,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        try:
            yield
            assert process.poll() is None, self.log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @contextmanager
    def worker(self) -> Generator[None, None, None]:
        """A worker that is ready, for as long as the block lasts."""
        with ThreadingUnixStreamServer(str(self._folder / "worker.sock"), _Ready) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield
            server.shutdown()
            thread.join()

    def replace_aws(self, script: str) -> None:
        """Another `aws` than the real one."""
        (self._folder / "aws").write_text(f"#!/bin/bash\n{script}\n")
        (self._folder / "aws").chmod(0o755)

    def wants(self, target: str, *, waiting_in: str | None) -> None:
        self.metadata.entries[TARGET] = target
        self.group.waiting_in = waiting_in

    def is_told(self, *hooks: str) -> None:
        """Wait until the group has been told of these hooks, in this order, and of no others."""
        wanted = [(hook, "CONTINUE") for hook in hooks]
        until(lambda: len(self.group.told) >= len(wanted), within_s=60, what=f"the group is told {hooks}")
        assert self.group.told == wanted

    def looks_again(self) -> None:
        """Wait until the script has come round once more, in a state in which it starts the worker."""
        before = len(self.systemctl)
        until(lambda: len(self.systemctl) >= before + 2, within_s=60, what="it looks again")


@pytest.fixture
def machine() -> Iterator[Machine]:
    metadata, group = Metadata({}), AutoScaling(group="workers", instance_id=INSTANCE)
    with tempfile.TemporaryDirectory(prefix="nunchi-") as folder, serving(metadata), serving(group):
        yield Machine(Path(folder), metadata, group)


def test_the_group_waits_for_a_worker_that_is_ready_and_for_one_that_has_finished(machine: Machine) -> None:
    """Each hook is completed once; the worker is stopped before the group may end the machine."""
    with machine.script():
        machine.wants("InService", waiting_in="launching")
        machine.looks_again()
        assert machine.group.told == []  # nobody is ready yet
        with machine.worker():
            machine.is_told("launching")
            assert STOP not in machine.systemctl
            machine.wants("Terminated", waiting_in="terminating")
            machine.is_told("launching", "terminating")
    assert machine.systemctl.count(STOP) == 1
    assert machine.systemctl[-1] == STOP


def test_a_warm_pool_gets_a_machine_that_has_been_ready_and_gives_it_back(machine: Machine) -> None:
    """Into the pool, into service, back into the pool, and away. `Warmed:Stopped` is the word for two of these."""
    with machine.script(), machine.worker():
        machine.wants("Warmed:Stopped", waiting_in="launching")
        machine.is_told("launching")
        machine.wants("InService", waiting_in="launching")
        machine.is_told("launching", "launching")
        assert STOP not in machine.systemctl
        machine.wants("Warmed:Stopped", waiting_in="terminating")
        machine.is_told("launching", "launching", "terminating")
        assert machine.systemctl[-1] == STOP
        machine.wants("Warmed:Terminated", waiting_in="terminating")
        machine.is_told("launching", "launching", "terminating", "terminating")


def test_started_again_it_remembers_what_it_told(machine: Machine) -> None:
    """Otherwise it would take the way back into the pool for the way into it, and complete the wrong hook."""
    with machine.worker():
        with machine.script():
            machine.wants("InService", waiting_in="launching")
            machine.is_told("launching")
            until(lambda: "launching is completed" in machine.log, within_s=60, what="it has written that down")
        with machine.script():
            machine.wants("Warmed:Stopped", waiting_in="terminating")
            machine.is_told("launching", "terminating")


def test_no_answer_of_aws_is_the_last_word(machine: Machine) -> None:
    """No metadata, a throttled call, a hook that has yet to begin: it asks again."""
    with machine.worker(), machine.script():
        until(lambda: "waits for the hooks" in machine.log, within_s=60, what="it has started")
        machine.group.failing = 2
        machine.wants("InService", waiting_in=None)
        until(lambda: "No active Lifecycle Action" in machine.log, within_s=60, what="it was too early")
        assert "Rate exceeded" in machine.log
        machine.wants("InService", waiting_in="launching")
        machine.is_told("launching")


def test_a_hook_that_never_comes_is_not_asked_for_all_day(machine: Machine) -> None:
    """A dozen times; then it was told before, or has timed out."""
    machine.replace_aws(
        """case $2 in
               describe*) echo workers ;;
               *) echo "ValidationError: No active Lifecycle Action found" && exit 1 ;;
           esac"""
    )
    with machine.worker(), machine.script():
        machine.wants("InService", waiting_in=None)
        until(lambda: "workers does not wait in its hook launching" in machine.log, within_s=60, what="it gives up")
        assert machine.log.count("launching could not be completed") == 11
        machine.wants("Terminated", waiting_in=None)
        until(lambda: STOP in machine.systemctl, within_s=60, what="the worker is stopped all the same")
