"""Label messages as people see them: a table of photos, or a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from contracts.messages import STEPS, LabelMessage, Status

_STEPS: Final = tuple(step for step in STEPS if step != "label")  # the rules take too little time for a column
_MIN_WIDTH_FOR_STEPS: Final = 80  # columns of a terminal; a narrower one shows no times of steps
_CAPTION: Final = "Times in milliseconds; total: from the start of the upload to the label over MQTT."
_COLOURS: Mapping[Status, str] = {
    Status.LABELLED: "green",
    Status.NO_PERSON: "yellow",
    Status.UNSURE: "yellow",
    Status.REJECTED: "red",
}


def answer_of(message: LabelMessage) -> str:
    """The label, or the status of a message without one, coloured."""
    text = str(message.label or message.status)
    return f"[{_COLOURS[message.status]}]{text}[/]"


def answers_table(width: int, rows: Sequence[Sequence[str]]) -> Table:
    """A table of photos and their labels, for a terminal of `width` columns; a narrow one omits the steps."""
    steps = _steps_for(width)
    photo_width = max(15, width - 65) if steps else max(12, width - 37)
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", caption_justify="left")
    table.add_column("photo", max_width=photo_width, overflow="ellipsis", no_wrap=True)
    table.add_column("answer", overflow="fold", min_width=12)
    table.add_column("sure", justify="right", no_wrap=True)
    for step in steps:
        table.add_column(step, justify="right", style="dim", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.caption = (
        _CAPTION if width >= len(_CAPTION) else Text(_CAPTION, "table.caption", overflow="fold", no_wrap=False)
    )
    for row in rows:
        table.add_row(*row)
    return table


def answer_row(name: str, message: LabelMessage, total_ms: float, *, width: int) -> list[str]:
    """A row of `answers_table` of the same width; times in milliseconds."""
    reason = f" {message.reason}" if message.status is Status.REJECTED else ""
    return [
        escape(name),
        f"{answer_of(message)}{reason}",
        "" if message.confidence is None else f"{message.confidence:.3f}",
        *(f"{message.steps_ms[step]:.0f}" if step in message.steps_ms else "·" for step in _steps_for(width)),
        f"{total_ms:.0f}",
    ]


def _steps_for(width: int) -> tuple[str, ...]:
    return _STEPS if width >= _MIN_WIDTH_FOR_STEPS else ()


def message_line(message: LabelMessage) -> str:
    """A message as one line."""
    confidence = "" if message.confidence is None else f" {message.confidence:.3f}"
    reason = f" {message.reason}" if message.reason else ""
    total_ms = sum(message.steps_ms.values())
    return f"{message.reference}  {answer_of(message)}{confidence}{reason}  [dim]{total_ms:.0f} ms[/]"
