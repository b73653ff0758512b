"""closed.sh: which day it is at the shop, and whether the machine is powered off."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.infra.assembly import ROOT
from tests.shell.machine import RECORDER

# At every moment it is another day there: 25 hours lie between them.
EARLY, LATE = "Pacific/Kiritimati", "Pacific/Niue"


def closed(folder: Path, **environ: str) -> tuple[list[str], str]:
    """What systemd was told, and what was said."""
    systemctl = folder / "systemctl"
    systemctl.write_text(RECORDER)
    systemctl.chmod(0o755)
    done = subprocess.run(
        [ROOT / "shell/closed.sh"],
        env={"PATH": f"{folder}:{os.environ['PATH']}", **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    calls = folder / "systemctl.calls"
    return (calls.read_text().splitlines() if calls.exists() else []), done.stdout + done.stderr


def around_today(zone: str) -> str:
    """Yesterday, today and tomorrow there: midnight may come while a test runs."""
    here = datetime.now(ZoneInfo(zone))
    return ",".join(f"{here + timedelta(days=days):%Y-%m-%d}" for days in (-1, 0, 1))


def test_on_a_closed_day_the_machine_powers_off(tmp_path: Path) -> None:
    calls, said = closed(tmp_path, NUNCHI_CLOSED_DATES=around_today("Asia/Seoul"), NUNCHI_ZONE="Asia/Seoul")
    assert calls == ["poweroff --no-block"]
    assert "is a closed day, the machine powers off" in said


def test_the_day_is_that_of_the_shop(tmp_path: Path) -> None:
    """The same dates close the one shop now, and the other not before tomorrow."""
    today = datetime.now(ZoneInfo(EARLY))
    dates = f"{today:%Y-%m-%d},{today + timedelta(days=1):%Y-%m-%d}"
    calls, said = closed(tmp_path, NUNCHI_CLOSED_DATES=dates, NUNCHI_ZONE=LATE)
    assert (calls, "is not a closed day" in said) == ([], True)
    calls, _ = closed(tmp_path, NUNCHI_CLOSED_DATES=dates, NUNCHI_ZONE=EARLY)
    assert calls == ["poweroff --no-block"]


@pytest.mark.parametrize(
    "environ", [{}, {"NUNCHI_CLOSED_DATES": ""}, {"NUNCHI_CLOSED_DATES": "1999-01-01,2999-01-01,x"}]
)
def test_on_any_other_day_nothing_happens(tmp_path: Path, environ: dict[str, str]) -> None:
    calls, said = closed(tmp_path, **environ)
    assert (calls, "is not a closed day" in said) == ([], True)


def test_in_mode_queue_the_group_decides(tmp_path: Path) -> None:
    """It would only start another machine."""
    calls, said = closed(
        tmp_path, NUNCHI_CLOSED_DATES=around_today("UTC"), NUNCHI_UPLOAD_QUEUE_URL="https://sqs.example/queue"
    )
    assert (calls, "the Auto Scaling group decides" in said) == ([], True)


def test_a_zone_that_there_is_not_is_named_and_keeps_no_shop_from_opening(tmp_path: Path) -> None:
    """It would silently be UTC."""
    calls, said = closed(tmp_path, NUNCHI_ZONE="Asia/Soul", NUNCHI_CLOSED_DATES="1999-01-01")
    assert (calls, "there is no time zone Asia/Soul" in said) == ([], True)
