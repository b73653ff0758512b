"""Which drawn box is which shown one, and what a person changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from contracts.boxes import Box, iou
from contracts.labels import Label

SAME_PERSON: Final = 0.5  # intersection over union from which two boxes are of one person, as in Pascal VOC
SAME_BOX: Final = 0.9  # from which nobody corrected anything: a touched box moves by a pixel

People = Sequence[tuple[Label, Box]]


class Change(StrEnum):
    """What a person did to the people that the model showed."""

    LABEL = "label"
    BOX = "box"
    ADDED = "added"
    REMOVED = "removed"


def matched(shown: People, checked: People) -> list[int | None]:
    """For each person shown the place in `checked` of the same one, or None. Best overlaps first; then equal labels."""
    pairs = sorted(
        (
            (-shared, label is not now, place, other)
            for place, (label, box) in enumerate(shown)
            for other, (now, drawn) in enumerate(checked)
            if (shared := iou(box, drawn)) >= SAME_PERSON
        ),
    )
    found: list[int | None] = [None] * len(shown)
    taken: set[int] = set()
    for _, _, place, other in pairs:
        if found[place] is None and other not in taken:
            found[place] = other
            taken.add(other)
    return found


def changes(shown: People, checked: People) -> tuple[Change, ...]:
    """The kinds of correction between what was shown and what a person left, in the order of `Change`."""
    found = matched(shown, checked)
    kinds = set()
    for (label, box), other in zip(shown, found, strict=True):
        if other is None:
            kinds.add(Change.REMOVED)
            continue
        now, drawn = checked[other]
        if now is not label:
            kinds.add(Change.LABEL)
        if iou(box, drawn) < SAME_BOX:
            kinds.add(Change.BOX)
    if len(checked) > sum(other is not None for other in found):
        kinds.add(Change.ADDED)
    return tuple(kind for kind in Change if kind in kinds)
