"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local.state import StateDir

StateOption = Annotated[
    Path,
    typer.Option(
        "--state",
        envvar="NUNCHI_STATE",
        help="Folder of the cloud: its keys, logs, addresses. Several clouds live side by side in several folders.",
        file_okay=False,
        parser=Path,
        metavar="DIR",
    ),
]
DEFAULT_STATE = Path(".nunchi")
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output, one object a line.")]


def state_dir(path: Path) -> StateDir:
    """The state folder of the option."""
    return StateDir(path)
