"""What is installed is what was locked: every package by version and hash, the CDK's command line among them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
LISTS = (
    "requirements.txt",
    "worker/requirements.txt",
    "retrain/requirements.txt",
    "retrain/trainer/requirements.txt",
    "day0/requirements.txt",
    "tests/retrain/review/requirements.txt",
    "kiosk/voice/requirements.txt",
    "voice_build/requirements.txt",
    "bench/peers/bentoml/requirements.txt",
    "bench/peers/litserve/requirements.txt",
    "bench/peers/ray_serve/requirements.txt",
)
EXACT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[a-z0-9,._-]+\])?==(?P<version>[A-Za-z0-9.!+_-]+)(?P<rest>.*)", re.DOTALL
)
NOT_CACHED = re.compile("not found in the cache|connectivity is disabled|network (?:was|is) disabled")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(path: str) -> list[str]:
    """The requirements of a list, each on one line, without comments."""
    joined = (ROOT / path).read_text().replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()]
    return [line for line in lines if line]


def locked(path: str) -> dict[tuple[str, str], tuple[str, frozenset[str]]]:
    """Each locked package, with its marker → version and hashes."""
    found = {}
    for line in requirements(path):
        match = EXACT.fullmatch(line)
        assert match is not None, f"{path}: {line[:60]!r} is not pinned to one version"
        marker, _, hashes = match["rest"].partition("--hash=")
        name = normal(match["name"])
        found[name, marker.strip(" ;")] = (match["version"], frozenset(HASH.findall("--hash=" + hashes)))
    return found


def asked(path: str) -> dict[str, str]:
    """The packages that a person asked for → version."""
    pins = [EXACT.fullmatch(line) for line in requirements(path) if not line.startswith("-r ")]
    assert None not in pins, f"{path}: not every package is pinned to one version"
    return {normal(pin["name"]): pin["version"] for pin in pins if pin is not None}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("path", LISTS)
def test_every_package_is_locked_to_one_version_with_its_hashes(path: str) -> None:
    """pip then takes nothing that differs by a byte, from whatever mirror, and at an instance's boot too."""
    packages = locked(path)
    assert len(packages) > 10
    assert [name for (name, _), (_, hashes) in packages.items() if not hashes] == []


@pytest.mark.parametrize("path", LISTS)
def test_no_list_takes_anything_from_elsewhere(path: str) -> None:
    """No other index, no address, no folder, no editable package."""
    assert [line for line in requirements(path) if line.startswith("-") or "://" in line or " @ " in line] == []


def test_an_instance_installs_versions_that_the_tests_ran_with() -> None:
    """The worker's list and that of a training are parts of the whole one, to the hash."""
    whole = {(name, *pin) for (name, _), pin in locked("requirements.txt").items()}
    for path in ("worker/requirements.txt", "retrain/requirements.txt"):
        assert [name for (name, _), pin in locked(path).items() if (name, *pin) not in whole] == []


@pytest.mark.parametrize("path", LISTS)
def test_the_lock_holds_what_was_asked_for(path: str) -> None:
    """Whoever changes the one and forgets `make lock` is told here."""
    wanted = path.replace(".txt", ".in")
    versions = {name: version for (name, _), (version, _) in locked(path).items()}
    assert {name: versions.get(name) for name in asked(wanted)} == asked(wanted)


@pytest.mark.parametrize("path", LISTS)
def test_compiling_the_lock_again_changes_nothing(path: str, tmp_path: Path) -> None:
    """As `make lock` does, but without the network: what it knows of packages is in its cache, or the test says so."""
    again = tmp_path / "requirements.txt"
    again.write_text((ROOT / path).read_text())
    of_the_whole = ("worker/requirements.txt", "retrain/requirements.txt", "day0/requirements.txt")
    constraints = ["-c", "requirements.txt"] if path in of_the_whole else []
    constraints += ["--override", "day0/overrides.txt"] if path.startswith("day0/") else []
    alone = ["--no-deps"] if path.startswith(("tests/", "kiosk/voice/", "voice_build/")) else []
    answer = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--offline", "--universal"),
            *("--python-version", "3.11", "--no-emit-index-url", "--generate-hashes", "--no-header"),
            *(*constraints, *alone),
            *(path.replace(".txt", ".in"), "-o", str(again)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if answer.returncode != 0 and NOT_CACHED.search(answer.stderr):
        pytest.skip("the installer's cache lacks a package's metadata; the pins alone were compared")
    assert answer.returncode == 0, answer.stderr
    assert without_comments(again.read_text()) == without_comments((ROOT / path).read_text())


@pytest.mark.parametrize("python", ["3.11", "3.12"])
@pytest.mark.parametrize("platform", ["x86_64-manylinux_2_34", "aarch64-manylinux_2_34"])
def test_every_package_of_an_instance_has_a_wheel_for_both_processors(
    platform: str, python: str, tmp_path: Path
) -> None:
    """An instance compiles nothing. Without the network, as above; docs/operating.md has the command that asks it."""
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("\n".join(requirements("worker/requirements.txt")))
    answer = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--offline", "--dry-run"),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(tmp_path / "site")),
            *("--python-platform", platform, "--python-version", python, "--requirement", str(wanted)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if answer.returncode != 0 and NOT_CACHED.search(answer.stderr):
        pytest.skip("the installer's cache lacks a package's metadata")
    assert (answer.returncode, answer.stderr) == (0, "")


def without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def test_every_package_of_the_cdks_command_line_is_locked_by_its_hash() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    foreign = {name: one for name, one in packages.items() if name}
    assert foreign
    assert [name for name, one in foreign.items() if not re.match("sha512-", one.get("integrity", ""))] == []
    assert {urlsplit(one["resolved"]).netloc for one in foreign.values() if "resolved" in one} <= {"registry.npmjs.org"}
    wanted = json.loads((ROOT / "package.json").read_text())
    for name, version in {**wanted.get("dependencies", {}), **wanted.get("devDependencies", {})}.items():
        assert foreign[f"node_modules/{name}"]["version"] == version


def test_every_way_to_install_asks_for_the_hashes() -> None:
    """An instance's boot says so; uv checks hashes that a list holds."""
    assert "--require-hashes" in (ROOT / "shell" / "boot.sh").read_text()
    assert "npm ci" in (ROOT / "Makefile").read_text()
