"""Exit statuses that several commands share, and the errors that end a command with them.

0 is success, 1 any other error, 2 an invalid argument. The help of each command names its own.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from enum import IntEnum

import typer
from rich.markup import escape

from contracts.errors import NunchiError
from ops.display import err


class Exit(IntEnum):
    """What is wrong with the kiosk, run, dataset or review that a command names."""

    EXISTS = 3
    UNKNOWN = 4
    INVALID = 5


@contextmanager
def exits(
    statuses: Mapping[type[NunchiError], int], *, argument: type[NunchiError] | tuple[type[NunchiError], ...]
) -> Generator[None, None, None]:
    """Within the block, an error of `statuses` is printed and ends the command with its status.

    Errors of the types in `argument` are usage errors: exit status 2.
    """
    try:
        yield
    except argument as error:
        raise typer.BadParameter(str(error)) from None
    except tuple(statuses) as error:
        err.print(f"[red]nunchi:[/] {escape(str(error))}")
        raise typer.Exit(next(status for kind, status in statuses.items() if isinstance(error, kind))) from None
