"""The rules for the boxes of people that enter, wherever they come from: one reader for every entrance.

Label files (`yolo.py`), Label Studio's export and an imported folder all pass their numbers through here, so that a box
which one entrance accepts is accepted by the others, with the same corners:

- a number is finite; a class number is whole, `0.0` like `0`;
- a corner that lies up to EDGE outside of the picture is moved to its edge: rounding to three decimals and a hand at
  the border do that. Further outside, the box is invalid;
- a box has an area that six decimals can hold;
- a box that stands twice with one label counts once; with two labels it is invalid, since only a person can tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from contracts.boxes import Box, LabelledBox
from contracts.errors import InvalidBox

EDGE: Final = 0.005  # of the picture's side
SAME: Final = 0.001  # of the picture's side: corners of one box that was rounded to three decimals differ by less
_NOISE: Final = 1e-9  # of computing a corner in floats
# Fractions are written with six decimals: a box at an edge may leave the picture by half of the last two.
_ROUNDING: Final = 2e-6
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf(?:inity)?)", re.ASCII | re.I)


@dataclass(frozen=True, slots=True)
class People:
    """The people of a picture, in their order. `doubled`: the number of boxes that stood there again."""

    boxes: tuple[LabelledBox, ...]
    doubled: int = 0


def number(value: Any) -> float:
    """A number from JSON or from text; InvalidBox when it is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidBox(f"{value!r} is not a number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise InvalidBox(f"{value[:40]!r} is not a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise InvalidBox(f"{str(value)[:40]!r} is not a finite number")
    return result


def class_number(value: Any) -> int:
    """A class number, 0 or greater; InvalidBox when it is none, as 0.5 is."""
    result = number(value)
    if result < 0 or result != int(result):
        raise InvalidBox(f"{str(value)[:40]!r} is not a class number, which is a whole one from 0")
    return int(result)


def box_of(x: float, y: float, width: float, height: float) -> Box:
    """The box from its upper left corner and its size, in fractions of the picture. InvalidBox by the rules above."""
    return box_of_corners(x, y, x + width, y + height)


def box_of_corners(x0: float, y0: float, x1: float, y1: float) -> Box:
    """The box from two opposite corners, in fractions of the picture. InvalidBox by the rules above."""
    corners = (x0, y0, x1, y1)
    if not all(map(math.isfinite, corners)):
        raise InvalidBox("a box has a corner that is not a finite number")
    outside = max(-min(corners), max(corners) - 1)
    if outside > EDGE + _NOISE:
        raise InvalidBox(
            f"a box leaves the picture by {outside:.4g} of its side, and at most {EDGE} is moved to the edge"
        )
    if x1 <= x0 or y1 <= y0:
        raise InvalidBox("a box has no area")
    (x0, x1), (y0, y1) = _cut(x0, x1), _cut(y0, y1)
    if round(x1 - x0, 6) <= 0 or round(y1 - y0, 6) <= 0:
        raise InvalidBox("a box has no area")
    return Box(x0, y0, x1, y1)


def people_of(boxes: Iterable[LabelledBox]) -> People:
    """Each box once. InvalidBox when two labels have the same box."""
    kept: list[LabelledBox] = []
    doubled = 0
    for person in boxes:
        same = next((other for other in kept if is_same_box(person.box, other.box)), None)
        if same is None:
            kept.append(person)
        elif same.label == person.label:
            doubled += 1
        else:
            raise InvalidBox(f"the same box is labelled {same.label} and {person.label}")
    return People(tuple(kept), doubled)


def is_same_box(first: Box, second: Box) -> bool:
    """Whether two boxes are one box, rounded differently."""
    return all(abs(a - b) <= SAME + _NOISE for a, b in zip(first.corners, second.corners, strict=True))


def _cut(low: float, high: float) -> tuple[float, float]:
    """Two opposite sides, cut at the edges of the picture.

    A box that was rounded beyond an edge by half a decimal would then have a width between two decimals, and
    `format_labels` could write either: its other side moves outwards by half of such a cut.
    """
    below, above = max(-low, 0.0), max(high - 1, 0.0)
    if below <= _ROUNDING and above <= _ROUNDING:
        low, high = low - above / 2, high + below / 2
    return min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)
