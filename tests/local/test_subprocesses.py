"""Processes that the cloud owns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.environment import ROOT
from local.ports import free_ports
from local.subprocesses import Child
from retrain.subprocesses import with_pdeathsig
from tests.waiting import until

pytestmark = pytest.mark.anyio


def child(tmp_path: Path, script: str) -> Child:
    return Child("script", ["bash", "-c", script], environ=os.environ, cwd=tmp_path, log=tmp_path / "log")


async def test_a_child_is_stopped_with_everything_that_it_started(tmp_path: Path) -> None:
    """Even a grandchild that ignores the polite signal."""
    one = child(tmp_path, "trap '' TERM; bash -c 'trap \"\" TERM; echo $$ > inner; sleep 600; sleep 600' & wait; wait")
    await one.start()
    inner = tmp_path / "inner"
    until(lambda: inner.exists() and inner.read_text().strip(), within_s=60, what="the grandchild")
    await one.stop(grace_s=0.2)
    assert one.pid is None
    until(lambda: not Path(f"/proc/{inner.read_text().strip()}/exe").exists(), within_s=60, what="the grandchild's end")


async def test_a_child_may_finish_its_work_within_the_grace(tmp_path: Path) -> None:
    """SIGTERM first; what it says then is in the log."""
    one = child(tmp_path, "trap 'echo finished; exit 0' TERM; touch ready; while :; do sleep 0.05; done")
    await one.start()
    until((tmp_path / "ready").exists, within_s=60, what="the child")
    await one.stop(grace_s=60)
    assert await one.ended() == 0
    assert (tmp_path / "log").read_text() == "finished\n"


async def test_the_error_of_a_child_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """So that nobody has to look for the file first."""
    one = child(tmp_path, "echo no such thing; exit 3")
    await one.start()
    assert await one.ended() == 3
    await one.stop(grace_s=0)
    assert str(one.failure("ended")) == f"script ended; the end of {tmp_path}/log:\n  no such thing"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_command_with_pdeathsig_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """kill -9 leaves the parent no time to end it."""
    imports = "import subprocess, sys; from retrain.subprocesses import with_pdeathsig"
    program = f"{imports}; subprocess.run(with_pdeathsig(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", program, "bash", "-c", f"echo $$ > {tmp_path}/pid; sleep 600"], cwd=ROOT
    ) as p:
        pid = tmp_path / "pid"
        until(lambda: pid.exists() and pid.read_text().strip(), within_s=60, what="the command")
        p.send_signal(signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists(), within_s=60, what="the command's end")


def test_a_command_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    """The parent may die between the fork and prctl."""
    command = with_pdeathsig(["touch", str(tmp_path / "started")])
    command[command.index(str(os.getpid()))] = "1"
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    assert not (tmp_path / "started").exists()


def test_free_ports_are_different() -> None:
    """Asked for together, because one alone may be given twice."""
    assert len(set(free_ports(20))) == 20
