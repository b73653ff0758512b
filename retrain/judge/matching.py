"""Matches a model's boxes with golden people by IoU: once for mean average precision, and once as served.

For mAP, boxes are matched as by `yolo val` (ultralytics 8.4): from the most confident down, each matches the unmatched
person of its own label with the highest IoU, if that reaches the threshold. As served, a box matches the person with
the highest IoU, and is right if the label is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.classes import Classes
from retrain.judge.golden import GoldenPhoto
from retrain.judge.predictions import Prediction

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]

THRESHOLDS: Final[Floats] = np.linspace(0.5, 0.95, 10)
MIN_IOU: Final = 0.5  # of a box and its person, as served


@dataclass(frozen=True, slots=True)
class GoldenPeople:
    """The m people of the golden photos."""

    photo: Places  # (m,) which photo
    label: Places  # (m,) class, 0-3


@dataclass(frozen=True, slots=True)
class RankedBoxes:
    """The n boxes of a model, the most confident first, and whether each is a true positive at each threshold."""

    photo: Places  # (n,)
    label: Places  # (n,)
    hit: Flags  # (n, thresholds)


@dataclass(frozen=True, slots=True)
class ServedMatches:
    """The matches as served: of each golden person, and of each box."""

    detected: Flags  # (m,) a box matches this person
    right: Flags  # (m,) and has their label
    photo: Places  # (n,) of each box
    confidence: Floats  # (n,)
    box_right: Flags  # (n,) it matches a person, and has their label
    truth: Places  # (n,) class of the person whom it matches, -1 for none


def people(photos: Sequence[GoldenPhoto], classes: Classes) -> GoldenPeople:
    """The golden people, photo by photo."""
    return GoldenPeople(
        np.array([place for place, photo in enumerate(photos) for _ in photo.people], dtype=np.intp),
        np.array([classes.index(person.label) for photo in photos for person in photo.people], dtype=np.intp),
    )


def ranked(photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction], classes: Classes) -> RankedBoxes:
    """Every box of the predictions, matched with people of the same photo and label."""
    rows: list[tuple[Places, Places, Floats, Flags]] = []
    for number, (photo, prediction) in enumerate(zip(photos, predictions, strict=True)):
        labels, confidences, boxes = _predicted(prediction, classes)
        truths, truth_boxes = _known(photo, classes)
        iou = _iou(truth_boxes, boxes) * (truths[:, None] == labels)
        rows.append((np.full(len(labels), number, dtype=np.intp), labels, confidences, _hits(iou)))
    place, label, confidence, hit = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.argsort(-confidence, kind="stable")
    return RankedBoxes(place[order], label[order], hit[order])


def served(photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction], classes: Classes) -> ServedMatches:
    """Match the boxes with people of any label, the most confident first."""
    rows: list[tuple[Flags, Flags, Places, Floats, Flags, Places]] = []
    for number, (photo, prediction) in enumerate(zip(photos, predictions, strict=True)):
        labels, confidences, boxes = _predicted(prediction, classes)
        truths, truth_boxes = _known(photo, classes)
        free = _iou(truth_boxes, boxes)
        person_of = np.full(len(labels), -1, dtype=np.intp)
        for box in range(len(labels)):
            if len(truths) and free[(best := int(free[:, box].argmax())), box] >= MIN_IOU:
                person_of[box] = best
                free[best] = 0
        matched = person_of >= 0
        truth = np.full(len(labels), -1, dtype=np.intp)
        truth[matched] = truths[person_of[matched]]
        is_right = truth == labels
        detected, right = (np.isin(np.arange(len(truths)), person_of[boxes]) for boxes in (matched, is_right))
        rows.append((detected, right, np.full(len(labels), number, dtype=np.intp), confidences, is_right, truth))
    return ServedMatches(*(np.concatenate(column) for column in zip(*rows, strict=True)))


# worker/models/boxes.py has the same: retrain must not import the worker, and contracts has no numpy.
def _iou(some: Floats, others: Floats) -> Floats:
    """Intersection over union of every pair, (n, m); 0 where a box has no area."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=2)
    union = _areas(some)[:, None] + _areas(others) - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0))


def _hits(iou: Floats) -> Flags:
    """Whether each box, the most confident first, matches a person at each threshold; `iou` is (people, boxes)."""
    hit = np.zeros((iou.shape[1], len(THRESHOLDS)), dtype=bool)
    taken = np.zeros((len(iou), len(THRESHOLDS)), dtype=bool)
    every = np.arange(len(THRESHOLDS))
    # Not `match_greedily`: as in `yolo val`, boxes claim in the order of their confidence, not of their overlap. All
    # thresholds at once, because raw predictions hold hundreds of boxes a photo.
    for box in np.flatnonzero((iou >= THRESHOLDS[0]).any(axis=0)):
        free = np.where(taken, 0, iou[:, box, None])
        best = free.argmax(axis=0)
        hit[box] = free[best, every] >= THRESHOLDS
        taken[best, every] |= hit[box]
    return hit


def _predicted(prediction: Prediction, classes: Classes) -> tuple[Places, Floats, Floats]:
    """Labels, confidences and boxes of a prediction, the most confident first."""
    people = sorted(prediction.people, key=lambda person: -person.confidence)
    return (
        np.array([classes.index(person.label) for person in people], dtype=np.intp),
        np.array([person.confidence for person in people], dtype=np.float64),
        np.array([person.box for person in people], dtype=np.float64).reshape(-1, 4),
    )


def _known(photo: GoldenPhoto, classes: Classes) -> tuple[Places, Floats]:
    boxes = [person.box.corners for person in photo.people]
    labels = [classes.index(person.label) for person in photo.people]
    return np.array(labels, dtype=np.intp), np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))
