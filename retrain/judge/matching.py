"""Which box of a model is which person: once as mean average precision asks it, and once as a kiosk does.

For mAP, boxes are matched as `yolo val` does (ultralytics 8.4): from the most confident down, each takes the unclaimed
person of its own label whom it overlaps most, if by the threshold. As served, a box takes whomever it overlaps most,
and is right when the label is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.labels import LABELS
from retrain.judge.golden import GoldenPhoto
from retrain.judge.predictions import Prediction

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]

THRESHOLDS: Final[Floats] = np.linspace(0.5, 0.95, 10)
FOUND: Final = 0.5  # overlap from which on a box is that person


@dataclass(frozen=True, slots=True)
class GoldenPeople:
    """The m people of the golden photos."""

    photo: Places  # (m,) which photo
    label: Places  # (m,) class, 0-3


@dataclass(frozen=True, slots=True)
class RankedBoxes:
    """The n boxes of a model, the most confident first, and whether each is a person at each threshold."""

    photo: Places  # (n,)
    label: Places  # (n,)
    hit: Flags  # (n, thresholds)


@dataclass(frozen=True, slots=True)
class ServedMatches:
    """What customers would have been told: of each golden person, and of each box."""

    found: Flags  # (m,) some box is this person
    right: Flags  # (m,) and has their label
    photo: Places  # (n,) of each box
    confidence: Floats  # (n,)
    box_right: Flags  # (n,) it is a person, and has their label


def people(photos: Sequence[GoldenPhoto]) -> GoldenPeople:
    """The golden people, photo by photo."""
    return GoldenPeople(
        np.array([place for place, photo in enumerate(photos) for _ in photo.people], dtype=np.intp),
        np.array([person.label.yolo_class for photo in photos for person in photo.people], dtype=np.intp),
    )


def ranked(photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction]) -> RankedBoxes:
    """Every box of the predictions, matched with the people of the same photo and label."""
    place: list[Places] = []
    label: list[Places] = []
    confidence: list[Floats] = []
    hit: list[Flags] = []
    for number, (photo, prediction) in enumerate(zip(photos, predictions, strict=True)):
        labels, sure, boxes = _seen(prediction)
        truths, truth_boxes = _known(photo)
        shared = overlaps(truth_boxes, boxes) * (truths[:, None] == labels)
        place.append(np.full(len(labels), number, dtype=np.intp))
        label.append(labels)
        confidence.append(sure)
        hit.append(_claimed(shared))
    order = np.argsort(-np.concatenate(confidence), kind="stable")
    return RankedBoxes(np.concatenate(place)[order], np.concatenate(label)[order], np.concatenate(hit)[order])


def served(photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction]) -> ServedMatches:
    """The boxes matched with people, whatever their labels, the most confident first."""
    found: list[Flags] = []
    right: list[Flags] = []
    place: list[Places] = []
    confidence: list[Floats] = []
    box_right: list[Flags] = []
    for number, (photo, prediction) in enumerate(zip(photos, predictions, strict=True)):
        labels, sure, boxes = _seen(prediction)
        truths, truth_boxes = _known(photo)
        free = overlaps(truth_boxes, boxes)
        person_of = np.full(len(labels), -1, dtype=np.intp)
        for box in range(len(labels)):
            if len(truths) and free[(best := int(free[:, box].argmax())), box] >= FOUND:
                person_of[box] = best
                free[best] = 0
        matched = person_of >= 0
        is_right = np.zeros(len(labels), dtype=bool)
        is_right[matched] = truths[person_of[matched]] == labels[matched]
        found.append(np.isin(np.arange(len(truths)), person_of[matched]))
        right.append(np.isin(np.arange(len(truths)), person_of[is_right]))
        place.append(np.full(len(labels), number, dtype=np.intp))
        confidence.append(sure)
        box_right.append(is_right)
    return ServedMatches(
        np.concatenate(found),
        np.concatenate(right),
        np.concatenate(place),
        np.concatenate(confidence),
        np.concatenate(box_right),
    )


def overlaps(some: Floats, others: Floats) -> Floats:
    """Intersection over union of each with each, (n, m); 0 where a box has no area."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    union = _areas(some)[:, None] + _areas(others) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _claimed(shared: Floats) -> Flags:
    """Whether each box, the most confident first, gets a person at each threshold; `shared` is (people, boxes)."""
    hit = np.zeros((shared.shape[1], len(THRESHOLDS)), dtype=bool)
    taken = np.zeros((len(shared), len(THRESHOLDS)), dtype=bool)
    every = np.arange(len(THRESHOLDS))
    # Not `match_greedily`: as in `yolo val`, boxes claim in the order of their confidence, not of their overlap. All
    # thresholds at once, because raw predictions hold hundreds of boxes a photo.
    for box in np.flatnonzero((shared >= THRESHOLDS[0]).any(axis=0)):
        free = np.where(taken, 0, shared[:, box, None])
        best = free.argmax(axis=0)
        hit[box] = free[best, every] >= THRESHOLDS
        taken[best, every] |= hit[box]
    return hit


def _seen(prediction: Prediction) -> tuple[Places, Floats, Floats]:
    """Label, confidence and box of everybody seen, the most confident first."""
    seen = sorted(prediction.people, key=lambda one: -one.confidence)
    return (
        np.array([LABELS.index(one.label) for one in seen], dtype=np.intp),
        np.array([one.confidence for one in seen], dtype=np.float64),
        np.array([one.box for one in seen], dtype=np.float64).reshape(-1, 4),
    )


def _known(photo: GoldenPhoto) -> tuple[Places, Floats]:
    boxes = [person.box.corners for person in photo.people]
    labels = [person.label.yolo_class for person in photo.people]
    return np.array(labels, dtype=np.intp), np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))
