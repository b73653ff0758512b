"""YOLO label files: one line per person, `class x_centre y_centre width height`, in fractions of the picture.

A class is a number in the file, and a name everywhere else: `classes` says which, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from contracts.box_rules import People, box_of_corners, class_number, number, people_of
from contracts.boxes import Box, LabelledBox
from contracts.classes import Classes
from contracts.errors import InvalidBox, InvalidLabelFile

_FIELDS: Final = 5
_REMEDY: Final = "the picture is left out. Write `class x_centre y_centre width height`"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a label file, whose class may be anybody's. `number`: of the line, from 1."""

    number: int
    class_number: int
    box: Box


def format_labels(people: Iterable[LabelledBox], classes: Classes) -> str:
    """The text of a label file; empty for a picture without people. Confidences are not part of it.

    ValueError for a label that is none of the classes.
    """
    return "".join(_line(classes.index(person.label), person.box) for person in people)


def parse_labels(text: str, classes: Classes) -> tuple[LabelledBox, ...]:
    """The people of a label file, in its order, by the rules of `box_rules.py`.

    InvalidLabelFile names the first invalid line. A text of `format_labels` is formatted again to the same bytes, so
    that digests over label files hold.
    """
    return read_labels(text, classes).boxes


def read_labels(text: str, classes: Classes) -> People:
    """The people of a label file, and the number of its doubled lines. InvalidLabelFile as `parse_labels`."""
    people = []
    for row in read_rows(text, classes):
        if row.class_number >= len(classes):
            raise InvalidLabelFile(
                f"line {row.number} is of class {row.class_number}, not a class from 0 to {len(classes) - 1}; {_REMEDY}"
            )
        people.append(LabelledBox(classes[row.class_number], row.box))
    return each_once(people)


def read_rows(text: str, classes: Classes) -> Iterator[Row]:
    """The lines of a label file, of any class number. InvalidLabelFile names the first invalid one, and the classes."""
    for place, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != _FIELDS:
            raise InvalidLabelFile(f"line {place} {_described(line, fields, classes)}; {_REMEDY}")
        try:
            label = class_number(fields[0])
            x, y, width, height = map(number, fields[1:])
            box = box_of_corners(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        except InvalidBox as error:
            raise InvalidLabelFile(f"line {place} is {line.strip()[:80]!r}: {error}; {_REMEDY}") from None
        yield Row(place, label, box)


def each_once(people: Iterable[LabelledBox]) -> People:
    """Each person once; InvalidLabelFile when two labels have the same box."""
    try:
        return people_of(people)
    except InvalidBox as error:
        raise InvalidLabelFile(f"{error}; the picture is left out. Delete the wrong one") from None


def _described(line: str, fields: list[str], classes: Classes) -> str:
    """What an invalid line may be, for an error."""
    count = len(fields) - 1
    if count == _FIELDS:
        return f"is {line.strip()[:80]!r}, which has a confidence or another number besides a class and four fractions"
    if count > _FIELDS and count % 2 == 0:
        return "is an outline of points (segments, a turned box or keypoints), not a box; export boxes"
    return f"is {line.strip()[:80]!r}, not a class from 0 to {len(classes) - 1} and four fractions"


def _line(number: int, box: Box) -> str:
    return (
        f"{number} {(box.x0 + box.x1) / 2:.6f} {(box.y0 + box.y1) / 2:.6f} "
        f"{box.x1 - box.x0:.6f} {box.y1 - box.y0:.6f}\n"
    )
