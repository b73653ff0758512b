"""Boxes: a rectangle in an image, a box with its label, and how much two boxes overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar

from contracts.errors import InvalidMessage

Corners = tuple[float, float, float, float]  # x0, y0, x1, y1
Score = TypeVar("Score", float, tuple[float, bool])


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions of the upright image: x to the right, y down, 0-1."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (0 <= self.x0 < self.x1 <= 1 and 0 <= self.y0 < self.y1 <= 1):
            raise InvalidMessage(f"{self} is not a rectangle inside the image")

    @property
    def corners(self) -> Corners:
        return self.x0, self.y0, self.x1, self.y1


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A box and the name of its class. `confidence` is the model's, 0-1; None where unknown, or a person set it."""

    label: str
    box: Box
    confidence: float | None = None


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0-1."""
    return iou_of_corners(first.corners, second.corners)


def iou_of_corners(first: Corners, second: Corners) -> float:
    """Intersection over union of two rectangles in one unit, 0-1. They may leave the image."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    intersection = width * height
    # A product of two tiny sides can be too small for a float; then the boxes have no area worth comparing.
    union = _area(first) + _area(second) - intersection
    return min(1.0, intersection / union) if union > 0 else 0.0


def match_greedily(scores: Iterable[tuple[Score, int, int]]) -> dict[int, int]:
    """One-to-one pairs of a left and a right index, the highest scores first; of equal scores, the lower indices.

    `scores` holds (score, left, right) of each pair that may match. An index is used once on each side.
    """
    matches: dict[int, int] = {}
    used: set[int] = set()
    for _, left, right in sorted(sorted(scores, key=itemgetter(1, 2)), key=itemgetter(0), reverse=True):
        if left not in matches and right not in used:
            matches[left] = right
            used.add(right)
    return matches


def _area(corners: Corners) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])
