"""Standard output and standard error as consoles, and what commands share: JSON lines, tables, progress bars."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Say = Callable[[int, int, str], None]  # done, total (0: unknown), and a note

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def echo_json(*rows: dict[str, Any]) -> None:
    """Print each row as a line of JSON, for programs."""
    for row in rows:
        typer.echo(json.dumps(row))


def show_command(title: str, command: str) -> None:
    """Print a command to paste, or a file to open, under a title such as Next."""
    out.print(f"[bold]{title}[/]\n  {escape(command)}")


def plain_table(*columns: str, right: Collection[str] = ()) -> Table:
    """A table without lines; the columns in `right` hold numbers and are aligned right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


@contextmanager
def progress_bars(*, one: bool = False, shown: bool = True) -> Generator[Say, None, None]:
    """A bar on standard error for each different note, or `one` whose note changes; none unless on a terminal."""
    from rich.progress import Progress  # noqa: PLC0415 - most commands show none

    with Progress(console=err, transient=True, disable=not (shown and err.is_terminal)) as bars:
        tasks = {}

        def say(done: int, total: int, note: str) -> None:
            name = "" if one else note
            if name not in tasks:
                tasks[name] = bars.add_task(note, total=None)
            bars.update(tasks[name], completed=done, total=total or None, description=note)

        yield say
