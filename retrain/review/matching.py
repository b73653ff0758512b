"""Matching of the boxes that were shown with those that a person left, and the kinds of correction. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from contracts.boxes import LabelledBox, iou, match_greedily

SAME_PERSON: Final = 0.5  # intersection over union from which two boxes are of one person, as in Pascal VOC
SAME_BOX: Final = 0.9  # intersection over union from which a box counts as unchanged: a touched box moves by a pixel


class Change(StrEnum):
    """What a person changed in the model's boxes."""

    LABEL = "label"
    BOX = "box"
    ADDED = "added"
    REMOVED = "removed"


def matched(shown: Sequence[LabelledBox], checked: Sequence[LabelledBox]) -> list[int | None]:
    """For each shown person the index of the same one in `checked`, or None. Best overlaps first; then equal labels."""
    scores = [
        ((overlap, person.label == other.label), left, right)
        for left, person in enumerate(shown)
        for right, other in enumerate(checked)
        if (overlap := iou(person.box, other.box)) >= SAME_PERSON
    ]
    matches = match_greedily(scores)
    return [matches.get(left) for left in range(len(shown))]


def changes(shown: Sequence[LabelledBox], checked: Sequence[LabelledBox]) -> tuple[Change, ...]:
    """The kinds of correction between the shown people and those that a person left, in the order of `Change`."""
    matches = matched(shown, checked)
    kinds = set()
    for person, match in zip(shown, matches, strict=True):
        if match is None:
            kinds.add(Change.REMOVED)
            continue
        if checked[match].label != person.label:
            kinds.add(Change.LABEL)
        if iou(person.box, checked[match].box) < SAME_BOX:
            kinds.add(Change.BOX)
    if len(checked) > sum(match is not None for match in matches):
        kinds.add(Change.ADDED)
    return tuple(kind for kind in Change if kind in kinds)
