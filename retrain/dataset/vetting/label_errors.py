"""Labels that the teacher contradicts. A model's label without a person's look goes out; a person's stays, marked.

cleanlab finds label errors by confident learning, but is AGPL-3.0, and this room is Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contracts.boxes import Box, iou_of_corners
from contracts.labels import Label
from retrain.judge.predictions import PredictedPerson

SAME_PERSON: Final = 0.3  # intersection over union: people draw boxes less tightly than models


def contradiction(labelled: Sequence[tuple[Label, Box]], seen: Sequence[PredictedPerson], *, sure: float) -> str | None:
    """What the teacher says against the labels, in words; None when nothing.

    A label is contradicted only by a teacher that is `sure`; that somebody is there at all, by one who sees nobody.
    """
    pairs = sorted(
        (
            (iou_of_corners(box.corners, one.box), place, other)
            for place, (_, box) in enumerate(labelled)
            for other, one in enumerate(seen)
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    match: dict[int, int] = {}
    for share, place, other in pairs:
        if share >= SAME_PERSON and place not in match and other not in match.values():
            match[place] = other
    said = []
    for place, (label, _) in enumerate(labelled):
        if place not in match:
            said.append(f"nobody is seen where {label} is labelled")
            continue
        one = seen[match[place]]
        if one.label is not label and one.confidence >= sure:
            said.append(f"{label} is seen as {one.label}, at {one.confidence:.2f}")
    for other, one in enumerate(seen):
        if other not in match.values() and one.confidence >= sure:
            said.append(f"{one.label} is seen at {one.confidence:.2f}, and not labelled")
    return "; ".join(said) or None
