"""Which Python the machines run on, and that the next one is ready for them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.infra.assembly import ROOT
from tests.infra.test_compute import user_data

PIN = r"^([a-z0-9-]+)(?:\[\S+\])?==([^\s;\\]+)"
BOOT_SCRIPTS = ("shell/boot.sh", "shell/boot-train.sh")


@pytest.mark.parametrize(("script", "training"), [("shell/boot.sh", False), ("shell/boot-train.sh", True)])
@pytest.mark.parametrize("mode", ["compute", "queue_compute"])
def test_a_machine_installs_the_python_that_its_boot_script_runs(
    request: pytest.FixtureRequest, mode: str, script: str, training: bool
) -> None:
    """By its own name: what AL2023 calls python3 is another one, and may change."""
    [default] = re.findall(r"^python=\$\{NUNCHI_PYTHON:-(\S+)\}$", (ROOT / script).read_text(), re.MULTILINE)
    [packages] = re.findall(r"dnf install (.+)$", user_data(request.getfixturevalue(mode), training=training), re.M)
    assert [package for package in packages.split() if package.startswith("python")] == [default]
    assert re.fullmatch(r"python3\.[0-9]+", default)


def test_setup_boot_scripts_and_locks_have_one_oldest_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    makefile = (ROOT / "Makefile").read_text()
    refused = [re.findall(r"version_info < \((\d+), (\d+)\)", text) for text in (makefile, *map(read, BOOT_SCRIPTS))]
    assert refused == [[("3", "11")]] * 3
    assert set(re.findall(r"--python-version (\S+)", makefile)) == {"3.11"}
    assert project == ">=3.11"


@pytest.mark.parametrize("version", ["3.11", "3.12"])
@pytest.mark.parametrize("room", ["worker", "retrain", "retrain/trainer"])
def test_what_machines_install_has_wheels_for_this_python_and_the_next_on_al2023(
    tmp_path: Path, room: str, version: str
) -> None:
    """The locked versions, and nothing built from source; AL2023 has glibc 2.34. Without the network, from a cache."""
    resolved = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--offline", "--no-header"),
            *("--python-version", version, "--python-platform", "x86_64-manylinux_2_34", "--only-binary", ":all:"),
            *("-c", f"{room}/requirements.txt", f"{room}/requirements.in", "-o", str(tmp_path / "resolved.txt")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if resolved.returncode != 0 and re.search("needs to be downloaded|not found in the cache|network", resolved.stderr):
        pytest.skip("the installer's cache lacks a package's metadata")
    assert resolved.returncode == 0, resolved.stderr
    pins = set(re.findall(PIN, (tmp_path / "resolved.txt").read_text(), re.MULTILINE))
    assert len(pins) > 20
    assert pins <= set(re.findall(PIN, read(f"{room}/requirements.txt"), re.MULTILINE))


def read(path: str) -> str:
    return (ROOT / path).read_text()
