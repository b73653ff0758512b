"""Lazy commands: the module of a command is imported, by its name, when the command runs.

It imports what the command needs: boto3, pydantic, paho, for some numpy and onnxruntime. Together they take seconds,
which neither `nunchi --help` nor another command should wait for.
"""

from __future__ import annotations

import re
from functools import cached_property
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand
from typer.main import get_command, get_group

_EXAMPLE: Final = "Example:"
_VERBATIM: Final = "\b"  # Click does not fill the lines of a paragraph that begins with it


def load(target: str) -> Any:
    """The object that `module:name` names; imports the module."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _readable(command: Any) -> Any:
    """The command, or group, with help that keeps an example in one line, to copy, and a summary in whole words."""
    for each in getattr(command, "commands", {}).values():
        _readable(each)
    text = command.help or ""
    command.short_help = command.short_help or re.split(r"(?<=\.)\s", text, maxsplit=1)[0]
    command.help = text.replace(f"\n\n{_EXAMPLE}", f"\n\n{_VERBATIM}\n{_EXAMPLE}")
    return command


class LazyCommand(TyperCommand):
    """A command, or a group of commands, whose module is imported when it runs or shows its own help.

    `target`, as `module:name`, is a function or a Typer of several; `line` stands in the help of the group above.
    """

    def __init__(self, name: str, target: str, line: str) -> None:
        super().__init__(name, short_help=line)
        self._name = name
        self._target = target

    @cached_property
    def loaded(self) -> Any:
        """The command itself, with its options; or the group, with its commands."""
        target = load(self._target)
        if isinstance(target, typer.Typer):
            return _readable(get_group(target))
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(self._name)(target)
        return _readable(get_command(app))

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the loaded command, from which help, completion and the run go on."""
        return self.loaded.make_context(info_name, args, parent=parent, **extra)
