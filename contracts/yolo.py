"""YOLO label files: one line per person, `class x_centre y_centre width height`, in fractions of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable

from contracts.boxes import Box, LabelledBox
from contracts.errors import InvalidLabelFile, InvalidMessage
from contracts.labels import LABELS, Label

# Fractions are written with six decimals: a box at an edge may leave the picture by half of the last two.
_SLACK = 2e-6


def format_labels(people: Iterable[LabelledBox]) -> str:
    """The text of a label file; empty for a picture without people. Confidences are not part of it."""
    return "".join(_line(person.label, person.box) for person in people)


def parse_labels(text: str) -> tuple[LabelledBox, ...]:
    """The people of a label file, in its order. InvalidLabelFile names the first invalid line.

    A text of `format_labels` is formatted again to the same bytes, so that digests over label files hold.
    """
    people = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        fields = _fields(line)
        if fields is None:
            raise InvalidLabelFile(
                f"line {number} is {line.strip()[:80]!r}, not a class from 0 to {len(LABELS) - 1} and four fractions; "
                "the picture is left out. Write `class x_centre y_centre width height`"
            )
        label, x, y, width, height = fields
        people.append(LabelledBox(label, _box(number, x, y, width, height)))
    return tuple(people)


def _line(label: Label, box: Box) -> str:
    return (
        f"{label.yolo_class} {(box.x0 + box.x1) / 2:.6f} {(box.y0 + box.y1) / 2:.6f} "
        f"{box.x1 - box.x0:.6f} {box.y1 - box.y0:.6f}\n"
    )


def _fields(line: str) -> tuple[Label, float, float, float, float] | None:
    try:
        class_number, *numbers = line.split()
        x, y, width, height = map(float, numbers)
        return (LABELS[int(class_number)], x, y, width, height) if int(class_number) >= 0 else None
    except (IndexError, ValueError):
        return None


def _box(number: int, x: float, y: float, width: float, height: float) -> Box:
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    if not all(math.isfinite(corner) and -_SLACK <= corner <= 1 + _SLACK for corner in corners):
        raise InvalidLabelFile(
            f"line {number} has a box that leaves the picture; the picture is left out. Fractions go from 0 to 1"
        )
    x0, y0, x1, y1 = corners
    (x0, x1), (y0, y1) = _cut(x0, x1), _cut(y0, y1)
    try:
        if round(x1 - x0, 6) == 0 or round(y1 - y0, 6) == 0:
            raise InvalidMessage("a side that a label file can't hold")
        return Box(x0, y0, x1, y1)
    except InvalidMessage:
        raise InvalidLabelFile(f"line {number} has a box without area; the picture is left out. Draw it anew") from None


def _cut(low: float, high: float) -> tuple[float, float]:
    """Two opposite sides, cut at the edges of the picture; the other side moves outwards by half of the cut.

    A box that was rounded beyond an edge by half a decimal would otherwise have a width between two decimals, and
    `format_labels` could write either.
    """
    below, above = max(-low, 0.0), max(high - 1, 0.0)
    return min(max(low - above / 2, 0.0), 1.0), min(max(high + below / 2, 0.0), 1.0)
