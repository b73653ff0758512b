"""People in a photo → the customer, the label, the message, and whether the photo enters the dataset. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.boxes import LabelledBox
from contracts.messages import DatasetTree, Model, Reason, Status
from contracts.names import YOLO_LABELS, Reference
from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import LabelMessage, Person
from recipes.kiosk.teaching import most_elder, quiet_elder
from worker.messages import Message
from worker.models.detector import Image
from worker.photos.rules import Thresholds, customer_of, review_or_none, rounded, rounded_down
from worker.photos.task import LabelFile, Picture, steps_in_ms
from worker.photos.timing import PhotoTimes


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a photo: what the label message says, and which dataset tree the photo enters."""

    status: Status
    label: Label | None = None
    confidence: float | None = None
    reason: Reason | None = None
    people: tuple[Person, ...] = ()
    customer: int | None = None
    training: DatasetTree = DatasetTree.NONE

    def to_message(
        self,
        reference: Reference,
        model: Model,
        times: PhotoTimes,
        *,
        step_seconds: Mapping[str, float],
        expires_at: datetime,
    ) -> LabelMessage:
        """The label message of this decision. `step_seconds`: how long the worker's steps took so far."""
        return LabelMessage(
            status=self.status,
            label=self.label,
            confidence=self.confidence,
            reason=self.reason,
            people=self.people,
            customer=self.customer,
            reference=reference,
            model=model,
            captured_at=times.captured_at,
            expires_at=expires_at,
            steps_ms=steps_in_ms(times, step_seconds),
        )

    def pictures(self, image: Image) -> Sequence[Picture]:  # noqa: ARG002 - a kiosk shows no picture
        """None."""
        return ()


@dataclass(frozen=True, slots=True)
class LabelTask:
    """The kiosk's task: four labels, one of them the customer's."""

    thresholds: Thresholds

    def declined_unseen(self, inputs: Mapping[str, str]) -> Decision | None:  # noqa: ARG002 - a kiosk declares nothing
        """None."""
        return None

    def decide(self, reference: Reference, found: Sequence[Person], inputs: Mapping[str, str]) -> Decision:  # noqa: ARG002 - a kiosk says nothing about its photos
        """The decision about the people of a photo."""
        return decide(reference, found, self.thresholds)

    def rejected(self, reason: Reason) -> Decision:
        """The decision about an upload that can't be read as a photo."""
        return Decision(Status.REJECTED, reason=reason)

    def label_file(self, message: Message, tree: DatasetTree) -> LabelFile | None:  # noqa: ARG002 - the same in each
        """Everybody in the photo; None for that of another recipe, which served here before."""
        return LabelFile(yolo_lines(message.people), YOLO_LABELS) if isinstance(message, LabelMessage) else None


def decide(reference: Reference, detected: Sequence[Person], thresholds: Thresholds) -> Decision:
    """The decision about one photo. Deterministic: the same photo and people always get the same."""
    if not detected:
        training = review_or_none(reference, thresholds)
        return Decision(Status.NO_PERSON, reason=Reason.NO_FACE_FOUND, training=training)
    # Left to right, so that the order says nothing about a model's internals and never changes between runs.
    ordered = sorted(
        detected, key=lambda person: (person.box.corners, person.label, person.confidence, repr(person.answers))
    )
    people = tuple(
        Person(each.label, rounded_down(each.confidence), rounded(each.box), each.answers) for each in ordered
    )
    index = customer_of([person.box for person in people])
    customer = people[index]
    # One unsure person spoils a training image: unlabelled, they would teach the model not to see them.
    sure = all(person.confidence >= thresholds.gate for person in people)
    training = _passed(people, thresholds) if sure else review_or_none(reference, thresholds)
    unsure = customer.confidence < thresholds.unsure_below
    return Decision(
        Status.UNSURE if unsure else Status.LABELLED,
        label=None if unsure else customer.label,
        confidence=customer.confidence,
        reason=Reason.LOW_CONFIDENCE if unsure else None,
        people=people,
        customer=index,
        training=training,
    )


def yolo_lines(people: Sequence[Person]) -> str:
    """The people as a YOLO label file."""
    return format_labels((LabelledBox(person.label, person.box) for person in people), LABELS)


def _passed(people: Sequence[Person], thresholds: Thresholds) -> DatasetTree:
    # A possible elder under an adult label: a person teaches most with such a photo, so all are kept for review.
    most = most_elder(thresholds.gate)
    quiet = any(quiet_elder(person.label, person.answers, most) for person in people)
    if not quiet:
        return DatasetTree.AUTO
    # A share of 0 is an operator's promise that no photo waits for people to look at it.
    return DatasetTree.REVIEW if thresholds.review_share > 0 else DatasetTree.NONE
