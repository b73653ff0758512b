"""Label messages as people see them: a table of photos, or a line each, with the screen that a kiosk would show."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from contracts.messages import STEPS, Status
from ops.display import UNLIMITED
from recipes.kiosk.message import LabelMessage
from recipes.kiosk.screen import customer_of, elder_probability, screen_of

_STEPS: Final = tuple(step for step in STEPS if step != "label")  # the rules take too little time for a column
_MIN_WIDTH_FOR_SCREEN: Final = 60  # columns of a terminal; a narrower one shows no screen
_UNKNOWN: Final = "·"  # a step that was not timed, a person without answers
_CAPTION: Final = "Times in milliseconds; total: from the start of the upload to the label over MQTT."
_COLOURS: Mapping[Status, str] = {
    Status.LABELLED: "green",
    Status.NO_PERSON: "yellow",
    Status.UNSURE: "yellow",
    Status.REJECTED: "red",
}
_SCREEN: Final = "screen: easy (large letters, voice) from a probability of {:g} of an elder on."
_IN_WORDS: Final = {
    Status.NO_PERSON: "no_person: no face was found; it must look at the camera, and be 40 pixels wide or more.",
    Status.UNSURE: (
        "unsure: a person was found, but no label is likelier right than wrong; the age alone may decide the screen."
    ),
    Status.REJECTED: (
        "rejected: the file can't be read as a photo, for the reason beside it; send JPEG, PNG or WebP. "
        "The next photo works."
    ),
}


def legend(statuses: Iterable[Status], elder_from: float) -> list[str]:
    """What stands below a table of answers: a sentence for each status that needs one, and the screen's rule."""
    seen = set(statuses)
    return [*(text for status, text in _IN_WORDS.items() if status in seen), _SCREEN.format(elder_from)]


def answer_of(message: LabelMessage) -> str:
    """The label, or the status of a message without one, coloured."""
    text = str(message.label or message.status)
    return f"[{_COLOURS[message.status]}]{text}[/]"


def answers_table(width: int, rows: Sequence[Sequence[str]]) -> Table:
    """A table of `answer_row`s for a terminal of `width` columns.

    Without room for all, the steps' times are omitted; on a terminal under 60 columns P(elder) and screen, too. A name
    that is still too long is folded: it is always whole.
    """
    table = _table(rows, steps=_STEPS, with_screen=True)
    if Console(width=UNLIMITED).measure(table).maximum > width:
        table = _table(rows, steps=(), with_screen=width >= _MIN_WIDTH_FOR_SCREEN)
    table.caption = (
        _CAPTION if width >= len(_CAPTION) else Text(_CAPTION, "table.caption", overflow="fold", no_wrap=False)
    )
    return table


def _table(rows: Sequence[Sequence[str]], *, steps: Sequence[str], with_screen: bool) -> Table:
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", caption_justify="left")
    table.add_column("photo", overflow="fold")
    table.add_column("answer", overflow="fold", min_width=12)
    table.add_column("sure", justify="right", no_wrap=True)
    if with_screen:
        table.add_column("elder", justify="right", no_wrap=True)
        table.add_column("screen", no_wrap=True)
    for step in steps:
        table.add_column(step, justify="right", style="dim", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    for name, answer, sure, elder, screen, *times, total in rows:
        table.add_row(name, answer, sure, *((elder, screen) if with_screen else ()), *(times if steps else ()), total)
    return table


def answer_row(name: str, message: LabelMessage, total_ms: float, *, elder_from: float) -> list[str]:
    """A row of `answers_table`; times in milliseconds. `elder_from`: of the screen's rule."""
    reason = f" {message.reason}" if message.status is Status.REJECTED else ""
    return [
        _name(name),
        f"{answer_of(message)}{reason}",
        "" if message.confidence is None else f"{message.confidence:.3f}",
        _elder(message),
        screen_of(message, elder_from),
        *(f"{message.steps_ms[step]:.0f}" if step in message.steps_ms else _UNKNOWN for step in _STEPS),
        f"{total_ms:.0f}",
    ]


def no_answer_row(name: str) -> list[str]:
    """A row of `answers_table` for a photo without an answer."""
    return [_name(name), "[red]no answer[/]", *[""] * (len(_STEPS) + 4)]


def _name(name: str) -> str:
    """A file's name; macOS takes Korean letters apart, and a terminal would not join them in a table's columns."""
    return escape(unicodedata.normalize("NFC", name))


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
