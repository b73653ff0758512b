"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local.state import DEFAULT_FOLDER, StateDir, nearest

DEFAULT_STATE = Path(DEFAULT_FOLDER)


def _found(given: Path) -> Path:
    """The folder that was named; for the default, that of the cloud that is up here or in a folder above."""
    if given != DEFAULT_STATE:
        return given
    found = nearest(Path.cwd())
    return given if found == given.absolute() else found


StateOption = Annotated[
    Path,
    typer.Option(
        "--state",
        envvar="NUNCHI_STATE",
        callback=_found,
        help="Folder of the cloud: its keys, logs, addresses. Several clouds live side by side in several folders. "
        "Default: .nunchi here, or in the nearest folder above in which a cloud is up.",
        file_okay=False,
        metavar="DIR",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output, one object a line.")]
LocalOption = Annotated[
    bool, typer.Option("--local", help="The cloud in --state. Otherwise AWS, in the region of nunchi.toml.")
]


def command_group(text: str) -> typer.Typer:
    """A group of commands with that help."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)


def in_cloud(command: str, local: bool, state: Path) -> str:
    """A `nunchi` command on the same cloud, ready to paste."""
    return StateDir(state).command(f"{command} --local") if local else f"nunchi {command}"
