"""Standard output and standard error as consoles, and what commands share: JSON lines, tables, progress."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.markup import escape
from rich.table import Table

Say = Callable[[int, int, str], None]  # done, total (0: unknown), and a note

UNLIMITED: Final = 100_000  # columns of a file or a pipe
LINE_EVERY_S: Final = 10.0  # between two lines about progress, off a terminal


class OutputConsole(Console):
    """A console that limits the width of tables on a terminal only, or to COLUMNS where that is set."""

    @property
    def options(self) -> ConsoleOptions:
        """Of a renderable; a file and a pipe have no limit of columns."""
        options = super().options
        limited = self.is_terminal or "COLUMNS" in os.environ
        return options if limited else options.update_width(UNLIMITED)


out = OutputConsole(highlight=False, soft_wrap=True)
err = OutputConsole(stderr=True, highlight=False, soft_wrap=True)


def echo_json(*rows: dict[str, Any]) -> None:
    """Print each row as a line of JSON, for programs."""
    for row in rows:
        typer.echo(json.dumps(row))


def show_command(title: str, command: str) -> None:
    """Print a command to paste, or a file to open, under a title such as Next."""
    out.print(f"[bold]{title}[/]\n  {escape(command)}")


def counted(number: int, noun: str) -> str:
    """A number and its noun, such as `1 photo`, `1,200 photos`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted_are(number: int, noun: str) -> str:
    """A number, its noun and the verb, such as `1 photo is`, `2 photos are`."""
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def padded(text: str, columns: int) -> str:
    """The text, with spaces up to that many columns of a terminal; Korean letters take two."""
    return text + " " * (columns - cell_len(text))


def plain_table(*columns: str, right: Collection[str] = ()) -> Table:
    """A table without lines; the columns in `right` hold numbers and are aligned right.

    On a narrow terminal texts are folded, and numbers are not.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold", no_wrap=column in right
        )
    return table


@contextmanager
def progress_bars(*, one: bool = False, shown: bool = True) -> Generator[Say, None, None]:
    """Progress on standard error: a bar for each different note, or `one` whose note changes.

    Off a terminal a line every LINE_EVERY_S seconds takes the place of the bars.
    """
    if not shown:
        yield lambda _done, _total, _note: None
        return
    if not err.is_terminal:
        yield ProgressLines(time.monotonic, lambda text: err.print(text, markup=False))
        return
    from rich.progress import Progress  # noqa: PLC0415 - most commands show none

    with Progress(console=err, transient=True) as bars:
        tasks = {}

        def say(done: int, total: int, note: str) -> None:
            name = "" if one else note
            if name not in tasks:
                tasks[name] = bars.add_task(note, total=None)
            bars.update(tasks[name], completed=done, total=total or None, description=note)

        yield say


class ProgressLines:
    """Prints progress as lines, LINE_EVERY_S seconds apart: what is quicker prints none."""

    def __init__(self, clock_s: Callable[[], float], show: Callable[[str], None]) -> None:
        self._clock_s = clock_s
        self._show = show
        self._shown_at = clock_s()

    def __call__(self, done: int, total: int, note: str) -> None:
        """Report `done` of `total` (0: unknown)."""
        now_s = self._clock_s()
        if now_s - self._shown_at >= LINE_EVERY_S:
            self._shown_at = now_s
            self._show(f"{note}: {done:,} of {total:,}" if total else note)
