"""What the documents tell a newcomer to type does what they show."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipes.kiosk.message import LabelMessage
from tests.end_to_end.conftest import Running

ROOT = Path(__file__).parents[2]
TOOLS = f"{Path(sys.executable).parent}:{ROOT / 'node_modules' / '.bin'}:{os.environ['PATH']}"


def run_block(script: str, cloud: Running, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A block of shell lines, as somebody would paste them with that cloud up."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=cwd,
        env={**os.environ, "PATH": TOOLS, "NUNCHI_STATE": str(cloud.state), "COLUMNS": "110"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def answers(text: str) -> list[list[str]]:
    """Photo and answer of each row of the table that `nunchi demo` and `nunchi send` print."""
    return [line.split()[:2] for line in text.splitlines() if re.match(r"\S+\.jpg\s+[a-z_]+\s", line)]


def commands_below(heading: str) -> list[str]:
    """The lines of the README's block below a heading, without prompt and comment."""
    block = re.search(rf"## {heading}\n\n```console\n(.*?)```", _text("README.md"), re.DOTALL)
    assert block is not None
    return [line.removeprefix("$ ").partition("#")[0].strip() for line in block[1].splitlines()]


def test_the_demo_answers_as_the_readme_shows(cloud: Running) -> None:
    """Times differ; photos, labels and the order of things don't."""
    shown = re.search(r"<!-- output: make demo -->\n```console\n\$ make demo\n(.*?)```", _text("README.md"), re.DOTALL)
    assert shown is not None
    done = run_block("nunchi demo", cloud, ROOT)
    assert done.returncode == 0, done.stderr
    assert answers(done.stdout) == answers(shown[1]) != []


def test_the_demo_says_in_words_what_became_of_a_file_that_is_no_photo(cloud: Running) -> None:
    """Every photo was answered: that is success."""
    done = run_block("nunchi demo README.md", cloud, ROOT)
    assert done.returncode == 0, done.stderr
    assert "rejected: the file can't be read as a photo" in done.stdout


@pytest.fixture
def clone(cloud: Running, tmp_path: Path) -> Iterator[Path]:
    """A git repository with the samples, in which somebody tries the documents; its kiosks are removed afterwards."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    kiosks = kiosks_of(cloud)
    yield tmp_path
    for kiosk in kiosks_of(cloud) - kiosks:
        cloud.nunchi("kiosk", "remove", kiosk, "--yes", "--local")


def kiosks_of(cloud: Running) -> set[str]:
    told = cloud.nunchi("kiosk", "list", "--local", "--json")
    return {json.loads(line)["kiosk"] for line in told.stdout.splitlines()}


def unignored(clone: Path) -> list[str]:
    """What `git add .` would take up."""
    told = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=clone, capture_output=True, text=True, check=True
    )
    return told.stdout.split()


def test_every_nunchi_command_of_the_readme_works_and_works_again(cloud: Running, clone: Path) -> None:
    """`up`, `watch` and `down` have tests of their own; the others run here twice in a row, as they are written.

    No key lies where git would take it up.
    """
    commands = commands_below("Local cloud")
    assert [command.split()[1] for command in commands] == ["up", "watch", "send", "status", "kiosk", "doctor", "down"]
    for _ in range(2):
        for command in commands:
            verb = command.split()[1]
            if verb in ("up", "watch", "down"):
                assert run_block(f"nunchi {verb} --help", cloud, clone).returncode == 0
            else:
                done = run_block(command, cloud, clone)
                assert done.returncode == (3 if verb == "send" else 0), done.stderr  # one sample has no person: 3
    assert len(list(clone.glob("till-*/till-*.key.pem"))) == 2
    assert unignored(clone) == ["samples"]


def test_the_commands_that_the_readme_gives_an_operator_are_those_of_the_first_hour(
    cloud: Running, tmp_path: Path
) -> None:
    """Those of docs/operating.md, which has a test of its own; two of them need no cloud."""
    commands = commands_below("Deployment")
    assert [" ".join(command.split()[:2]) for command in commands] == [
        "nunchi config",
        "nunchi cost",
        "cdk deploy",
        "nunchi kiosk",
        "nunchi doctor",
    ]
    for command in commands[:2] * 2:
        done = run_block(command, cloud, tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_kiosk_maker_hears_a_label_with_anybodys_tools_and_hears_the_next(cloud: Running, clone: Path) -> None:
    """The block of docs/kiosk-makers.md, pasted whole, twice in one shell: a new kiosk and a new photo each time."""
    if shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto_sub is not installed (apt-get install mosquitto-clients)")
    block = re.search(r"<!-- run by tests/end_to_end -->\n```\n(.*?)```", _text("docs/kiosk-makers.md"), re.DOTALL)
    assert block is not None
    done = run_block(f"{block[1]}\n{block[1]}", cloud, clone)
    assert done.returncode == 0, done.stderr
    messages = [LabelMessage.from_json(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [message.label for message in messages] == ["elder_female"] * 2, done.stdout
    assert len({message.reference for message in messages}) == 2
    # Ids are made of the second of the day: the time is plausible, so it is believed.
    assert all(message.captured_at.microsecond == 0 for message in messages)
    assert unignored(clone) == ["samples"]


def test_the_curl_of_the_operators_notes_shows_the_workers_health(cloud: Running, tmp_path: Path) -> None:
    block = re.search(r"```console\n\$ (curl --unix-socket .*?)\n```", _text("docs/operating.md"), re.DOTALL)
    assert block is not None
    done = run_block(block[1], cloud, tmp_path)
    assert json.loads(done.stdout)["state"] == "ready", done.stderr


def _text(document: str) -> str:
    return (ROOT / document).read_text()
