"""What commands import: nothing that they don't need, because a person waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ops.__main__ import app

ROOT = Path(__file__).parents[2]
COMMANDS = tuple(typer.main.get_group(app).commands)
# Models, pictures, pages, templates: half a second and more each.
COMPUTES = {
    "PIL",
    "aws_cdk",
    "cv2",
    "imagehash",
    "jinja2",
    "jsii",
    "matplotlib",
    "moto",
    "numpy",
    "onnxruntime",
}
COMPUTES |= {"scipy", "sklearn"}
ASKS_AWS = {"boto3", "botocore", "s3transfer"}
HEARS_LABELS = {"aiomqtt", "paho"}
HEAVY = COMPUTES | ASKS_AWS | HEARS_LABELS
# These ask AWS, and import boto3 for their help, too.
ABOUT_AWS = {
    "preflight",
    "doctor",
    "train",
    "calibrate",
    "judge",
    "remains",
    "kiosk",
    "menu",
    "dataset",
    "review",
    "weights",
}
PRINTS_MODULES = """
import atexit, sys
atexit.register(lambda: print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr))
from ops.__main__ import main
main()
"""


def loaded(*arguments: str, state: Path | None = None) -> set[str]:
    """The packages that are loaded when a command, in a process of its own, has ended."""
    ran = subprocess.run(
        [sys.executable, "-c", PRINTS_MODULES, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | ({} if state is None else {"NUNCHI_STATE": str(state)}),
        capture_output=True,
        text=True,
        check=False,
    )
    *_, last = ran.stderr.splitlines()
    assert last.startswith("loaded: "), ran.stderr
    assert "typer" in last.split()
    return set(last.split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], []], ids=["--help", "nothing"])
def test_the_help_of_all_imports_typer_and_little_of_ours(arguments: list[str]) -> None:
    packages = loaded(*arguments)
    assert packages & (HEAVY | {"pydantic", "rich", "asyncio", "urllib3"}) == set()
    assert packages & {"kiosk", "worker", "retrain", "registry", "fleet", "lambdas"} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_nothing_that_computes(command: str) -> None:
    """And boto3 only where the command asks AWS."""
    forbidden = COMPUTES if command in ABOUT_AWS else COMPUTES | ASKS_AWS
    assert loaded(command, "--help") & forbidden == set()


@pytest.mark.parametrize(
    ("command", "needed"),
    [("config check", set()), ("cost", set()), ("status", set()), ("down", set()), ("watch", HEARS_LABELS)],
)
def test_a_light_command_imports_what_it_needs(command: str, needed: set[str], tmp_path: Path) -> None:
    """Of what is heavy. Typer checks arguments with pydantic, which none escapes."""
    assert loaded(*command.split(), state=tmp_path / "state") & HEAVY == needed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_help_is_one(command: str) -> None:
    """A module or a name that there is not would show only when somebody runs the command."""
    ran = CliRunner().invoke(app, [command, "--help"], prog_name="nunchi")
    assert (ran.exit_code, ran.output.splitlines()[0].startswith(f"Usage: nunchi {command} ")) == (0, True)
