"""YOLO label files: one line per person, `class x_centre y_centre width height`, in fractions of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable

from contracts.errors import InvalidLabelFile, InvalidMessage
from contracts.labels import LABELS, Label
from contracts.messages import Box

# Fractions are written with six decimals: a box at an edge may leave the picture by half of the last two.
_SLACK = 2e-6


def format_labels(people: Iterable[tuple[Label, Box]]) -> str:
    """The text of a label file; empty when nobody is in the picture."""
    return "".join(
        f"{label.yolo_class} {(box.x0 + box.x1) / 2:.6f} {(box.y0 + box.y1) / 2:.6f} "
        f"{box.x1 - box.x0:.6f} {box.y1 - box.y0:.6f}\n"
        for label, box in people
    )


def parse_labels(text: str) -> list[tuple[Label, Box]]:
    """Who a label file says is there, in its order; InvalidLabelFile names the line that is none."""
    people = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parsed = _parsed(line)
        if parsed is None:
            raise InvalidLabelFile(
                f"line {number} is {line.strip()[:80]!r}, not a class from 0 to {len(LABELS) - 1} and four fractions; "
                "the picture is left out. Write `class x_centre y_centre width height`"
            )
        label, x, y, width, height = parsed
        people.append((label, _box(number, x, y, width, height)))
    return people


def _parsed(line: str) -> tuple[Label, float, float, float, float] | None:
    try:
        kind, *numbers = line.split()
        x, y, width, height = map(float, numbers)
        return (LABELS[int(kind)], x, y, width, height) if int(kind) >= 0 else None
    except (IndexError, ValueError):
        return None


def _box(number: int, x: float, y: float, width: float, height: float) -> Box:
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    if not all(math.isfinite(one) and -_SLACK <= one <= 1 + _SLACK for one in corners):
        raise InvalidLabelFile(
            f"line {number} has a box that leaves the picture; the picture is left out. Fractions go from 0 to 1"
        )
    try:
        return Box(*(min(max(one, 0.0), 1.0) for one in corners))
    except InvalidMessage:
        raise InvalidLabelFile(f"line {number} has a box without area; the picture is left out. Draw it anew") from None
