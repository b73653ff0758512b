"""What the decisions of all recipes share: thresholds, the nearest subject, the draw for review, rounding. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.formulas.draws import stable_draw
from contracts.messages import DatasetTree
from contracts.names import Reference

# A head twice as far from the middle line as another must be 1.5 times as tall to be the customer all the same.
CENTRE_WEIGHT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of `decide`; all are fractions, 0-1."""

    gate: float
    unsure_below: float
    review_share: float


def customer_of(boxes: Sequence[Box]) -> int:
    """The index of the person who is being served: the one whose head is tall and near the middle line.

    Score = height × (1 - CENTRE_WEIGHT × distance of the head's centre from the middle line, 0-0.5). Height stands for
    nearness: heads differ little in size, distances to the camera much. Of equal scores, the leftmost wins.
    """

    def score(box: Box) -> float:
        return (box.y1 - box.y0) * (1 - CENTRE_WEIGHT * abs((box.x0 + box.x1) / 2 - 0.5))

    return max(range(len(boxes)), key=lambda index: (score(boxes[index]), -index))


def review_or_none(reference: Reference, thresholds: Thresholds) -> DatasetTree:
    """Whether a photo that does not teach is drawn for people to look at.

    Drawn by its name: a rerun draws the same, and no photo is drawn twice.
    """
    return DatasetTree.REVIEW if stable_draw(str(reference)) < thresholds.review_share else DatasetTree.NONE


def rounded_down(confidence: float) -> float:
    """With four decimals; down, because a confidence must not pass a gate by being written short."""
    return math.floor(confidence * 10_000) / 10_000


def rounded(box: Box) -> Box:
    """With five decimals, where it is thicker than that."""
    try:
        return Box(*(round(corner, 5) for corner in box.corners))
    except InvalidMessage:
        return box  # thinner than the rounding
