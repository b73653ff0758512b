"""From what a YOLO answers to one box a person: reading its head, and dropping boxes that mean the same head.

Suppression is written here because the libraries that have it (torchvision, OpenCV) are none of the worker's, ONNX
Runtime has it only as an operator inside a graph, and none of them says which of two equal boxes stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from contracts.errors import NunchiError
from contracts.labels import LABELS
from worker.models.letterbox import Corners

# Heads worth comparing in one picture. Suppression takes the square of it: a network gone wild must not take minutes.
MOST_CANDIDATES: Final = 1000
# A sigmoid rounded to 8 bits may pass its bounds by a hair.
SLACK: Final = 0.01


class InvalidOutput(NunchiError):
    """The network answered with what no photo can mean; that photo counts as failed, and is tried again."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """n boxes with the likeliest class of each and its score, 0-1."""

    boxes: Corners  # (n, 4)
    scores: NDArray[np.float64]  # (n,)
    classes: NDArray[np.intp]  # (n,)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: NDArray[Any]) -> Self:
        return type(self)(self.boxes[which], self.scores[which], self.classes[which])

    def ordered(self) -> Self:
        """The best first; equal scores by class and place, so that the network's own order decides nothing."""
        x0, y0, x1, y1 = self.boxes.T
        return self[np.lexsort((y1, x1, y0, x0, self.classes, -self.scores))]


class Head(StrEnum):
    """How an export lays its answer about one picture out. Boxes are centre and size in pixels of the input."""

    V5 = "v5"  # (anchors, 4 + 1 + classes): box, objectness, each class of an object; yolov5's own export.py
    V8 = "v8"  # (4 + classes, anchors): box, each class; what ultralytics trains of yolov5n.yaml, "yolov5nu"

    def check(self, shape: tuple[int, ...]) -> None:
        """ValueError unless an answer of this shape, (n, …, …), is this head's for our classes."""
        numbers = len(LABELS) + (5 if self is Head.V5 else 4)
        place = 2 if self is Head.V5 else 1
        if len(shape) != 3 or shape[place] != numbers:
            wanted = ("n", "anchors", str(numbers)) if place == 2 else ("n", str(numbers), "anchors")
            raise ValueError(
                f"a {self} head for our {len(LABELS)} classes answers ({', '.join(wanted)}), this network {shape}"
            )

    def read(self, answer: NDArray[np.float32], least: float) -> Candidates:
        """What scores at least `least` in the answer about one picture; InvalidOutput if it is none."""
        middles, chances = self._parts(answer)
        best = chances.max(axis=0)
        (heard,) = np.nonzero(best >= least)
        if len(heard) > MOST_CANDIDATES:
            heard = heard[np.argsort(-best[heard], kind="stable")[:MOST_CANDIDATES]]
        scores = np.clip(best[heard].astype(np.float64), 0, 1)
        return Candidates(_corners(middles[:, heard]), scores, chances[:, heard].argmax(axis=0))

    def read_all(self, answer: NDArray[np.float32], least: float) -> Candidates:
        """Each box once for every class of it that scores more than `least`, however many; InvalidOutput if it is none.

        That is what a YOLO is measured on, see raw.py.
        """
        middles, chances = self._parts(answer)
        classes, anchors = np.nonzero(chances > least)
        scores = np.clip(chances[classes, anchors].astype(np.float64), 0, 1)
        return Candidates(_corners(middles[:, anchors]), scores, classes)

    def _parts(self, answer: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Centre and size of each box, (4, n), and the score of each class, (classes, n)."""
        if not np.isfinite(answer).all():
            raise InvalidOutput("the network answered with NaN or infinity; this photo gets no label from it")
        if self is Head.V5:
            columns = answer.T
            middles, chances = columns[:4], columns[5:] * columns[4]
            bounded = columns[4:]
        else:
            middles, chances = answer[:4], answer[4:]
            bounded = chances
        if bounded.size and (bounded.min() < -SLACK or bounded.max() > 1 + SLACK):
            raise InvalidOutput(
                f"the network answered with scores from {bounded.min():.3g} to {bounded.max():.3g}, not 0-1; "
                "this photo gets no label from it"
            )
        return middles, chances


@dataclass(frozen=True, slots=True)
class BoxFilter:
    """Where a YOLO's boxes end to be people; scores are the network's own, overlaps are intersection over union."""

    confidence: float  # what scores less is nobody
    class_iou: float  # boxes of one class that overlap more than this are one
    person_iou: float  # whoever is left and overlaps more than this is one person, whatever the classes

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"a least confidence of {self.confidence} is not between 0 and 1")
        for iou in (self.class_iou, self.person_iou):
            if not 0 < iou < 1:
                raise ValueError(f"an overlap of {iou} is not between 0 and 1")

    def people(self, candidates: Candidates) -> Candidates:
        """One box a person, the best first. Two labels over one head must not be two people."""
        of_each_class = best_of_overlapping(candidates, self.class_iou, within_class=True)
        return best_of_overlapping(of_each_class, self.person_iou, within_class=False)


def best_of_overlapping(candidates: Candidates, most_iou: float, *, within_class: bool) -> Candidates:
    """Greedy non-maximum suppression: from the best down, each one drops those that overlap it by more than `most_iou`.

    `within_class`: only boxes of one class drop each other.
    """
    candidates = candidates.ordered()
    drops = overlaps(candidates.boxes, candidates.boxes) > most_iou
    if within_class:
        drops &= candidates.classes[:, None] == candidates.classes
    kept = np.ones(len(candidates), dtype=bool)
    for place in range(len(candidates)):
        if kept[place]:
            kept[place + 1 :] &= ~drops[place, place + 1 :]
    return candidates[kept]


def overlaps(some: Corners, others: Corners) -> NDArray[np.float64]:
    """Intersection over union of each with each, (n, m); 0 where a box has no area."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    union = _areas(some)[:, None] + _areas(others) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _corners(middles: NDArray[np.float32]) -> Corners:
    x, y, width, height = middles.astype(np.float64)
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def _areas(boxes: Corners) -> NDArray[np.float64]:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))
