"""What boot.sh installs beside the worker: units as systemd reads them, log shipping, log rotation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.assembly import ROOT
from tests.shell.service_manager import Unit
from worker.lifecycle import CONSUMER_STOP_S, PIPELINE_STOP_S

UNITS = ("nunchi-worker.service", "nunchi-lifecycle.service", "nunchi-closed.service")
# systemd's own scale: 0 nothing is reachable, 10 everything.
MOST_EXPOSED = {"nunchi-worker.service": 15, "nunchi-lifecycle.service": 25}


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip(
            "systemd-analyze is not on this machine; the units are read by tests/shell/service_manager.py alone"
        )
    return found


def unit(name: str) -> Unit:
    return Unit(ROOT / "shell" / name, Path("/"))


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_no_fault_with_the_units(systemd_analyze: str, tmp_path: Path, name: str) -> None:
    """Every word is known, every program is there: the code asset at another place, and any Python."""
    home = tmp_path / "opt"
    shutil.copytree(ROOT / "shell", home / "shell")
    (home / "venv/bin").mkdir(parents=True)
    (home / "venv/bin/python").symlink_to("/bin/true")
    for one in UNITS:
        (tmp_path / one).write_text((ROOT / "shell" / one).read_text().replace("/opt/nunchi", str(home)))
    told = subprocess.run(
        [systemd_analyze, "verify", "--man=no", "--recursive-errors=no", tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.parametrize(("name", "most"), MOST_EXPOSED.items())
def test_a_service_that_is_taken_over_reaches_little(systemd_analyze: str, name: str, most: int) -> None:
    """By systemd's own review of the sandbox, in tenths of its scale."""
    told = subprocess.run(
        [systemd_analyze, "security", "--offline=true", f"--threshold={most}", "--no-pager", ROOT / "shell" / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_systemd_waits_longer_than_the_worker_needs() -> None:
    """The patience for photos in hand, and the goodbyes: to the queue, twice to the broker, to a client's request."""
    assert int(unit(UNITS[0]).value("TimeoutStopSec")) > PIPELINE_STOP_S + CONSUMER_STOP_S + 2 + 2


def test_the_worker_is_started_again_whatever_ended_it() -> None:
    worker = unit(UNITS[0])
    assert [worker.value(name) for name in ("Restart", "StartLimitIntervalSec", "Type")] == ["always", "0", "notify"]


def test_every_log_that_is_written_is_shipped() -> None:
    """To the groups that the stacks know; what an entry of the worker's log is, the agent sees by its time."""
    config = json.loads((ROOT / "shell/cloudwatch-agent.json").read_text())
    shipped = {
        one["file_path"]: (one["log_group_name"], one["log_stream_name"])
        for one in config["logs"]["logs_collected"]["files"]["collect_list"]
    }
    assert shipped == {
        "/var/log/nunchi/worker.log": ("/nunchi/worker", "{instance_id}"),
        "/var/log/nunchi/lifecycle.log": ("/nunchi/worker", "{instance_id}-lifecycle"),
        "/var/log/cloud-init-output.log": ("/nunchi/worker", "{instance_id}-boot"),
        "/var/log/nunchi/metrics.log": ("/nunchi/metrics", "{instance_id}"),
    }
    written = {unit(name).value("StandardOutput").removeprefix("append:") for name in UNITS[:2]}
    assert written < shipped.keys()


def test_a_log_is_rotated_while_it_is_written(tmp_path: Path) -> None:
    """Whoever writes keeps the file open: it must be the same file afterwards, and empty."""
    logrotate = shutil.which("logrotate") or shutil.which("/usr/sbin/logrotate")
    if logrotate is None:
        pytest.skip("logrotate is not on this machine")
    log = tmp_path / "worker.log"
    config = tmp_path / "logrotate.conf"
    config.write_text((ROOT / "shell/logrotate.conf").read_text().replace("/var/log/nunchi", str(tmp_path)))
    with log.open("a") as writer:
        writer.write("before\n")
        writer.flush()
        subprocess.run(
            [logrotate, "--force", "--state", tmp_path / "state", config], check=True, capture_output=True, timeout=30
        )
        writer.write("after\n")
    assert log.read_text() == "after\n"
    assert len(list(tmp_path.glob("worker.log.1*"))) == 1


def test_a_script_says_what_it_reads() -> None:
    """Each variable from outside is explained at the top, where an operator looks."""
    for path in sorted((ROOT / "shell").glob("*.sh")):
        head, _, code = path.read_text().partition("\nset -euo pipefail\n")
        read = set(re.findall(r"\$\{((?:NUNCHI|AWS|RUNTIME)_[A-Z_]+)", code or head))
        assert read <= set(re.findall(r"(?:NUNCHI|AWS|RUNTIME)_[A-Z_]+", head)), path.name
