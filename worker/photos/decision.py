"""Detections → who is the customer, what they are told, and whether the photo may teach. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.boxes import Box, LabelledBox
from contracts.draws import stable_draw
from contracts.errors import InvalidMessage
from contracts.labels import Label
from contracts.messages import DatasetTree, Person, Reason, Status
from contracts.names import Reference
from contracts.yolo import format_labels
from worker.models.detector import Detection

# A head twice as far from the middle line as another must be 1.5 times as tall to be the customer all the same.
CENTRE_WEIGHT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where confidence turns into consequences; all are fractions, 0-1."""

    gate: float
    unsure_below: float
    review_share: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What is known of a photo once its people are."""

    status: Status
    label: Label | None = None
    confidence: float | None = None
    reason: Reason | None = None
    people: tuple[Person, ...] = ()
    customer: int | None = None
    training: DatasetTree = DatasetTree.NONE


def decide(reference: Reference, detections: Sequence[Detection], thresholds: Thresholds) -> Decision:
    """The decision about one photo; the same photo and detections always get the same."""
    if not detections:
        training = _review_or_none(reference, thresholds)
        return Decision(Status.NO_PERSON, reason=Reason.NO_FACE_FOUND, training=training)
    # Left to right, so that the order says nothing about a model's internals and never changes between runs.
    ordered = sorted(
        detections, key=lambda one: (one.box.x0, one.box.y0, one.box.x1, one.box.y1, one.label, one.confidence)
    )
    people = tuple(Person(one.label, _rounded_down(one.confidence), _rounded(one.box)) for one in ordered)
    customer = customer_of([person.box for person in people])
    person = people[customer]
    # One unsure person spoils a training image: unlabelled, they would teach the model not to see them.
    sure = all(one.confidence >= thresholds.gate for one in people)
    training = DatasetTree.AUTO if sure else _review_or_none(reference, thresholds)
    if person.confidence < thresholds.unsure_below:
        return Decision(
            Status.UNSURE,
            confidence=person.confidence,
            reason=Reason.LOW_CONFIDENCE,
            people=people,
            customer=customer,
            training=training,
        )
    return Decision(
        Status.LABELLED,
        label=person.label,
        confidence=person.confidence,
        people=people,
        customer=customer,
        training=training,
    )


def customer_of(boxes: Sequence[Box]) -> int:
    """Which of several people is being served: the one whose head is tall and near the middle line.

    Score = height × (1 - CENTRE_WEIGHT × distance of the head's centre from the middle line, 0-0.5). Height stands for
    nearness: heads differ little in size, distances to the camera much. Of equal scores, the leftmost wins.
    """

    def score(box: Box) -> float:
        return (box.y1 - box.y0) * (1 - CENTRE_WEIGHT * abs((box.x0 + box.x1) / 2 - 0.5))

    return max(range(len(boxes)), key=lambda index: (score(boxes[index]), -index))


def yolo_lines(people: Sequence[Person]) -> str:
    """The people as a YOLO label file."""
    return format_labels(LabelledBox(person.label, person.box) for person in people)


def _review_or_none(reference: Reference, thresholds: Thresholds) -> DatasetTree:
    # Drawn from the name instead of at random: a rerun draws the same, and nobody can be drawn twice.
    return DatasetTree.REVIEW if stable_draw(str(reference)) < thresholds.review_share else DatasetTree.NONE


def _rounded_down(confidence: float) -> float:
    # Down: a confidence must not pass a gate by being written short.
    return math.floor(confidence * 10_000) / 10_000


def _rounded(box: Box) -> Box:
    try:
        return Box(round(box.x0, 5), round(box.y0, 5), round(box.x1, 5), round(box.y1, 5))
    except InvalidMessage:
        return box  # thinner than the rounding
