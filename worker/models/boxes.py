"""From a YOLO's output tensor to one box a person: decoding its head, and non-maximum suppression (NMS).

NMS is written here because the worker depends on no library that has it (torchvision, OpenCV), ONNX Runtime has it only
as an operator inside a graph, and none of them defines which of two equal boxes stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from contracts.errors import NunchiError
from worker.models.letterbox import Corners

# Boxes of one picture that are compared. NMS takes the square of it: a bad network must not take minutes.
MAX_CANDIDATES: Final = 1000
# A sigmoid rounded to 8 bits may exceed its bounds a little.
SLACK: Final = 0.01

# What mean average precision (mAP) is measured on. The numbers are those of `yolo val` (ultralytics 8.4), so that it
# gives the published mAP for the same weights and photos.
MAP_MIN_SCORE: Final = 0.001
MAP_IOU: Final = 0.7  # of two boxes of one class that overlap more than this, the better one is kept
MAP_MAX_BOXES: Final = 300  # of a photo, the best of all classes
MAP_MAX_CANDIDATES: Final = 30_000  # boxes that are compared, the best


class InvalidOutput(NunchiError, ValueError):
    """The network's output is invalid for any photo; the photo counts as failed, and is tried again."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """n boxes with the likeliest class of each and its score, 0-1.

    `by_class` holds the scores of all classes, where they are needed after suppression, which ignores them.
    """

    boxes: Corners  # (n, 4)
    scores: NDArray[np.float64]  # (n,)
    classes: NDArray[np.intp]  # (n,)
    by_class: NDArray[np.float64] | None = None  # (n, classes), in their order

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: NDArray[Any]) -> Self:
        by_class = None if self.by_class is None else self.by_class[index]
        return type(self)(self.boxes[index], self.scores[index], self.classes[index], by_class)

    def ordered(self) -> Self:
        """The best first; equal scores by class and position, so that the network's own order does not matter."""
        x0, y0, x1, y1 = self.boxes.T
        return self[np.lexsort((y1, x1, y0, x0, self.classes, -self.scores))]


class Head(StrEnum):
    """The layout of an export's output for one picture. Boxes are centre and size in pixels of the input."""

    V5 = "v5"  # (anchors, 4 + 1 + classes): box, objectness, each class of an object; yolov5's own export.py
    V8 = "v8"  # (4 + classes, anchors): box, each class; what ultralytics trains of yolov5n.yaml, "yolov5nu"

    def check(self, shape: tuple[int, ...], classes: int) -> None:
        """ValueError unless an output of this shape, (n, …, …), has this head's layout for so many classes."""
        rows = classes + (5 if self is Head.V5 else 4)
        axis = 2 if self is Head.V5 else 1
        if len(shape) != 3 or shape[axis] != rows:
            expected = ("n", "anchors", str(rows)) if axis == 2 else ("n", str(rows), "anchors")
            raise ValueError(
                f"a {self} head for {classes} classes has the output shape ({', '.join(expected)}), "
                f"this network {shape}"
            )

    def read(self, output: NDArray[np.float32], min_score: float) -> Candidates:
        """The boxes that score at least `min_score`, with the likeliest class and all scores. Raises InvalidOutput."""
        centres, scores = self._parts(output)
        best = scores.max(axis=0)
        (anchors,) = np.nonzero(best >= min_score)
        if len(anchors) > MAX_CANDIDATES:
            anchors = anchors[np.argsort(-best[anchors], kind="stable")[:MAX_CANDIDATES]]
        clipped = np.clip(best[anchors].astype(np.float64), 0, 1)
        chosen = scores[:, anchors]
        by_class = np.clip(chosen.T.astype(np.float64), 0, 1)
        return Candidates(_corners(centres[:, anchors]), clipped, chosen.argmax(axis=0), by_class)

    def read_all(self, output: NDArray[np.float32], min_score: float) -> Candidates:
        """Each box once for every class that scores more than `min_score`, as mAP needs it. Raises InvalidOutput."""
        centres, scores = self._parts(output)
        classes, anchors = np.nonzero(scores > min_score)
        clipped = np.clip(scores[classes, anchors].astype(np.float64), 0, 1)
        return Candidates(_corners(centres[:, anchors]), clipped, classes)

    def _parts(self, output: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Centre and size of each box, (4, n), and the score of each class, (classes, n)."""
        if not np.isfinite(output).all():
            raise InvalidOutput("the network's output has NaN or infinity; the photo gets no label from it")
        if self is Head.V5:
            columns = output.T
            centres, scores = columns[:4], columns[5:] * columns[4]
            bounded = columns[4:]
        else:
            centres, scores = output[:4], output[4:]
            bounded = scores
        if bounded.size and (bounded.min() < -SLACK or bounded.max() > 1 + SLACK):
            raise InvalidOutput(
                f"the network's scores are from {bounded.min():.3g} to {bounded.max():.3g}, not 0-1; "
                "the photo gets no label from it"
            )
        return centres, scores


@dataclass(frozen=True, slots=True)
class BoxFilter:
    """A manifest's `cut`: which of a YOLO's boxes are people. Scores are the network's own, overlaps are IoU."""

    confidence: float  # boxes with a lower score are dropped
    class_iou: float  # of two boxes of one class that overlap more than this, the better one is kept
    person_iou: float  # the same for the remaining boxes, whatever their classes

    def __post_init__(self) -> None:
        for name in ("confidence", "class_iou", "person_iou"):
            if not 0 < (value := getattr(self, name)) < 1:
                raise ValueError(f"the cut's {name} {value} is not between 0 and 1")

    def people(self, candidates: Candidates) -> Candidates:
        """One box a person, the best first. Two labels on one head must not become two people."""
        of_each_class = best_of_overlapping(candidates, self.class_iou, within_class=True)
        return best_of_overlapping(of_each_class, self.person_iou, within_class=False)


def best_of_overlapping(candidates: Candidates, max_iou: float, *, within_class: bool) -> Candidates:
    """Greedy non-maximum suppression: from the best down, each box drops those that overlap it by more than `max_iou`.

    `within_class`: only boxes of one class drop each other.
    """
    candidates = candidates.ordered()
    drops = overlaps(candidates.boxes, candidates.boxes) > max_iou
    if within_class:
        drops &= candidates.classes[:, None] == candidates.classes
    kept = np.ones(len(candidates), dtype=bool)
    for index in range(len(candidates)):
        if kept[index]:
            kept[index + 1 :] &= ~drops[index, index + 1 :]
    return candidates[kept]


def best_for_map(candidates: Candidates) -> Candidates:
    """The best MAP_MAX_BOXES boxes of all classes after NMS within each class, the best first.

    One row of overlaps at a time: a poorly trained network has thousands of boxes above the minimum score, and the
    square of their number would not fit in memory.
    """
    candidates = candidates.ordered()[np.arange(min(len(candidates), MAP_MAX_CANDIDATES))]
    kept = [
        of_class[_kept_for_map(candidates.boxes[of_class])]
        for of_class in (np.flatnonzero(candidates.classes == label) for label in np.unique(candidates.classes))
    ]
    # Indices in the order of all classes: the lowest are the best.
    best = np.sort(np.concatenate([*kept, np.empty(0, dtype=np.intp)]))[:MAP_MAX_BOXES]
    return candidates[best.astype(np.intp)]


def _kept_for_map(boxes: Corners) -> NDArray[np.intp]:
    """The indices of the boxes that NMS keeps, at most MAP_MAX_BOXES; `boxes` has the best first."""
    remaining = np.arange(len(boxes))
    kept: list[int] = []
    while len(remaining) and len(kept) < MAP_MAX_BOXES:
        best, remaining = remaining[0], remaining[1:]
        kept.append(int(best))
        remaining = remaining[overlaps(boxes[best][None], boxes[remaining])[0] <= MAP_IOU]
    return np.array(kept, dtype=np.intp)


def overlaps(first: Corners, second: Corners) -> NDArray[np.float64]:
    """Intersection over union of each with each, (n, m); 0 where a box has no area.

    The vectorised form of contracts.boxes.iou_of_corners: NMS compares up to a million pairs a photo.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=2)
    union = _areas(first)[:, None] + _areas(second) - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0))


def _corners(centres: NDArray[np.float32]) -> Corners:
    x, y, width, height = centres.astype(np.float64)
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def _areas(boxes: Corners) -> NDArray[np.float64]:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))
