"""Standard output and standard error as consoles, and the tables and progress bars that commands share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

Say = Callable[[int, int, str], None]  # done, total (0: unknown), and a note

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def plain_table(*columns: str, right: Collection[str] = ()) -> Table:
    """A table without lines; the columns in `right` hold numbers and are aligned right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


@contextmanager
def progress_bar(note: str = "", *, shown: bool = True) -> Generator[Say, None, None]:
    """One bar on standard error, whose note changes; nothing where that is not a terminal."""
    from rich.progress import Progress  # noqa: PLC0415 - most commands show none

    with Progress(console=err, transient=True, disable=not (shown and err.is_terminal)) as bar:
        task = bar.add_task(note, total=None)

        def say(done: int, total: int, note: str) -> None:
            bar.update(task, completed=done, total=total or None, description=note)

        yield say


@contextmanager
def progress_bars() -> Generator[Say, None, None]:
    """A bar on standard error for each different note; nothing where that is not a terminal."""
    from rich.progress import Progress  # noqa: PLC0415 - most commands show none

    with Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks = {}

        def say(done: int, total: int, note: str) -> None:
            if note not in tasks:
                tasks[note] = bars.add_task(note)
            bars.update(tasks[note], completed=done, total=total)

        yield say
