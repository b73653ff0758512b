"""Label messages as people see them: a table of photos, or a line each, with the screen that a kiosk would show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from contracts.messages import STEPS, LabelMessage, Status
from contracts.screen import customer_of, elder_probability, screen_of

_STEPS: Final = tuple(step for step in STEPS if step != "label")  # the rules take too little time for a column
_MIN_WIDTH_FOR_STEPS: Final = 95  # columns of a terminal; a narrower one shows no times of steps
_MIN_WIDTH_FOR_SCREEN: Final = 60  # and a still narrower one no screen
_UNKNOWN: Final = "·"  # a step that was not timed, a person without answers
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
    """A table of photos, labels and screens, for a terminal of `width` columns; a narrow one omits columns."""
    steps, with_screen = _steps_for(width), _has_screen(width)
    photo_width = max(15, width - 80) if steps else max(12, width - (52 if with_screen else 37))
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", caption_justify="left")
    table.add_column("photo", max_width=photo_width, overflow="ellipsis", no_wrap=True)
    table.add_column("answer", overflow="fold", min_width=12)
    table.add_column("sure", justify="right", no_wrap=True)
    if with_screen:
        table.add_column("elder", justify="right", no_wrap=True)
        table.add_column("screen", no_wrap=True)
    for step in steps:
        table.add_column(step, justify="right", style="dim", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.caption = (
        _CAPTION if width >= len(_CAPTION) else Text(_CAPTION, "table.caption", overflow="fold", no_wrap=False)
    )
    for row in rows:
        table.add_row(*row)
    return table


def answer_row(name: str, message: LabelMessage, total_ms: float, *, width: int, elder_from: float) -> list[str]:
    """A row of `answers_table` of the same width; times in milliseconds. `elder_from`: of the screen's rule."""
    reason = f" {message.reason}" if message.status is Status.REJECTED else ""
    return [
        escape(name),
        f"{answer_of(message)}{reason}",
        "" if message.confidence is None else f"{message.confidence:.3f}",
        *((_elder(message), screen_of(message, elder_from)) if _has_screen(width) else ()),
        *(f"{message.steps_ms[step]:.0f}" if step in message.steps_ms else _UNKNOWN for step in _steps_for(width)),
        f"{total_ms:.0f}",
    ]


def _steps_for(width: int) -> tuple[str, ...]:
    return _STEPS if width >= _MIN_WIDTH_FOR_STEPS else ()


def _has_screen(width: int) -> bool:
    return width >= _MIN_WIDTH_FOR_SCREEN


def _elder(message: LabelMessage) -> str:
    """The customer's P(elder); empty without a customer."""
    probability = elder_probability(message)
    if probability is None:
        return "" if customer_of(message) is None else _UNKNOWN
    return f"{probability:.3f}"


def message_line(message: LabelMessage, *, elder_from: float) -> str:
    """A message as one line."""
    confidence = "" if message.confidence is None else f" {message.confidence:.3f}"
    reason = f" {message.reason}" if message.reason else ""
    probability = elder_probability(message)
    elder = "" if probability is None else f", elder {probability:.3f}"
    screen = f"{screen_of(message, elder_from)} screen{elder}"
    total_ms = sum(message.steps_ms.values())
    return f"{message.reference}  {answer_of(message)}{confidence}{reason}  {screen}  [dim]{total_ms:.0f} ms[/]"
