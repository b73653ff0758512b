"""`nunchi --help`, which teaches."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ops.__main__ import app
from ops.commands.photo import SendExit, send
from ops.lazy import LazyCommand

COMMANDS = ("up", "down", "status", "send", "watch", "demo", "doctor")
WITHOUT_A_STATE = ("cost", "kiosk", "dataset", "review", "weights", "config")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_and_takes_a_state_folder(command: str) -> None:
    """So that several clouds live side by side, and nobody has to guess."""
    told = CliRunner().invoke(app, [command, "--help"])
    assert told.exit_code == 0
    assert f"Example: {'nunchi ' + command if command != 'status' else 'aws'}" in " ".join(told.output.split())
    assert "--state" in told.output


def leaves(command: Any, path: str = "nunchi") -> Iterator[tuple[str, str]]:
    """Every command that does something, and its help."""
    if isinstance(command, LazyCommand):
        command = command.loaded
    for name, one in getattr(command, "commands", {}).items():
        yield from leaves(one, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command.help or ""


@pytest.mark.parametrize(("command", "told"), list(leaves(typer.main.get_command(app))))
def test_every_command_of_a_group_shows_an_example_too(command: str, told: str) -> None:
    """Of itself, also where its group shows one; `status` shows what its answer is good for."""
    if command != "nunchi status":
        assert f"Example: {command}" in " ".join(told.split())


def test_the_help_of_all_names_every_command() -> None:
    """And where to begin."""
    told = CliRunner().invoke(app, ["--help"]).output
    assert {*COMMANDS, *WITHOUT_A_STATE} <= set(re.findall(r"^  (\w+) ", told, flags=re.MULTILINE))
    assert "..." not in told.partition("Commands:")[2]
    assert "Begin with: nunchi up --detach" in told


def groups(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that has commands."""
    if isinstance(command, LazyCommand):
        command = command.loaded
    for name, one in getattr(command, "commands", {}).items():
        yield from groups(one, (*path, name))
    if hasattr(command, "commands"):
        yield path


@pytest.mark.parametrize("words", list(groups(typer.main.get_command(app))), ids=" ".join)
def test_no_summary_is_cut_at_80_columns(words: tuple[str, ...]) -> None:
    """A sentence that is too long goes on in the next line."""
    told = CliRunner().invoke(app, [*words, "--help"], terminal_width=80).output
    commands = told.partition("Commands:\n")[2]
    assert commands
    assert "..." not in commands
    assert max(map(len, commands.splitlines())) <= 80


def test_an_example_stays_in_one_line_to_be_copied() -> None:
    for command, told in leaves(typer.main.get_command(app)):
        [example] = [line for line in inspect.cleandoc(told).splitlines() if line.startswith("Example:")]
        shown = CliRunner().invoke(app, [*command.split()[1:], "--help"], terminal_width=80).output
        assert example in shown.replace("\n  ", "\n")


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"nunchi {version('nunchi')}\n"


def test_the_exit_statuses_of_send_are_documented() -> None:
    """Each number of the code is in the help, and no other."""
    documented = inspect.cleandoc(send.__doc__ or "").split("Exit status:")[1].split("Example:")[0]
    assert {int(number) for number in re.findall(r"\b\d\b", documented)} == {*SendExit, 1, 2}


@pytest.mark.parametrize(("command", "usage"), [("send", "[OPTIONS] {PHOTO}..."), ("demo", "[OPTIONS] [PHOTO]...")])
def test_the_usage_names_photos_once(command: str, usage: str) -> None:
    """As every other command writes its arguments."""
    assert f"nunchi {command} {usage}\n" in CliRunner().invoke(app, [command, "--help"], prog_name="nunchi").output
