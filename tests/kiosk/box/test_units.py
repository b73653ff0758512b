"""The units of a kiosk box, as systemd reads them, and what starts a silent page again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

BOX = Path("kiosk/box")
UNITS = ("nunchi-kiosk.service", "nunchi-screen.service", "nunchi-screen-watch.service", "nunchi-screen-watch.timer")


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not on this machine; the units are not checked")
    return found


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_no_fault_with_the_units_of_the_box(systemd_analyze: str, tmp_path: Path, name: str) -> None:
    """Every word is known, every program is there: any Python, any browser."""
    home = tmp_path / "opt"
    shutil.copytree(BOX, home / "kiosk" / "box")
    (home / "venv/bin").mkdir(parents=True)
    (home / "venv/bin/python").symlink_to("/bin/true")
    for one in UNITS:
        text = (BOX / one).read_text().replace("/opt/nunchi", str(home)).replace("/usr/bin/cage", "/bin/true")
        (tmp_path / one).write_text(text)

    told = subprocess.run(
        [systemd_analyze, "verify", "--man=no", "--recursive-errors=no", tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.parametrize(("name", "most"), [("nunchi-kiosk.service", 15), ("nunchi-screen-watch.service", 30)])
def test_a_program_of_the_box_that_is_taken_over_reaches_little(systemd_analyze: str, name: str, most: int) -> None:
    """By systemd's own review of the sandbox, in tenths of its scale."""
    told = subprocess.run(
        [systemd_analyze, "security", "--offline=true", f"--threshold={most}", "--no-pager", BOX / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("health", "restarts"),
    [('{"cloud":"ok","page":"ok"}', False), ('{"cloud":"off","page":"silent"}', True), (None, False)],
)
def test_a_silent_page_is_started_again_and_no_other(tmp_path: Path, health: str | None, restarts: bool) -> None:
    """An agent that does not answer is no reason: the cart is in the browser."""
    asked = tmp_path / "asked"
    answer = "exit 7" if health is None else f"echo '{health}'"
    for name, script in (("curl", answer), ("systemctl", f'echo "$@" >> {asked}')):
        program = tmp_path / name
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)

    subprocess.run([BOX / "screen-watch.sh"], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=True, timeout=60)

    assert asked.exists() is restarts
    assert not restarts or asked.read_text() == "restart nunchi-screen.service\n"


def test_the_page_gets_its_camera_and_reaches_nothing_else() -> None:
    """The browser's policy names the agent's address only."""
    policy = json.loads((BOX / "chromium-policy.json").read_text())
    addresses = {address for name, value in policy.items() if name.endswith(("Urls", "Allowlist")) for address in value}

    assert addresses == {"http://127.0.0.1:8080"}
    assert policy["URLBlocklist"] == ["*"]
    assert "http://127.0.0.1:8080/" in (BOX / "nunchi-screen.service").read_text()
