"""The label message and the result object, as JSON.

`docs/label-message.schema.json` and `docs/asyncapi.yaml` describe the same for kiosk makers; tests compare both with
this file. Decoders reject invalid messages and ignore unknown fields and steps, so that new ones may be added under
the same schema number. Any other change takes a new number, which older programs reject.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.instants import from_text, to_text
from contracts.messages import DatasetTree, Model, Reason, Status
from contracts.names import Reference
from contracts.schema import SCHEMA, Record
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import Label

REASONS_OF: Final[Mapping[Status, frozenset[Reason]]] = {
    Status.LABELLED: frozenset(),
    Status.NO_PERSON: frozenset({Reason.NO_FACE_FOUND}),
    Status.UNSURE: frozenset({Reason.LOW_CONFIDENCE}),
    Status.REJECTED: frozenset(Reason) - {Reason.NO_FACE_FOUND, Reason.LOW_CONFIDENCE},
}


@dataclass(frozen=True, slots=True)
class Person:
    """One person in the image. `confidence` is calibrated: of labels at 0.95, 95 in 100 are right.

    `answers` are None in the messages of workers that knew only labels.
    """

    label: Label
    confidence: float
    box: Box
    answers: Answers | None = None

    def __post_init__(self) -> None:
        _check_fraction("confidence", self.confidence)


@dataclass(frozen=True, slots=True)
class LabelMessage(Record):
    """The answer about one photo, published on `nunchi/<kiosk>/label`.

    `label` and `confidence` are the customer's; `customer` is their place in `people`. `steps_ms` holds the steps that
    were timed, in milliseconds. From `expires_at` on, by S3's clock, the message is not delivered any more: another
    customer may stand there. A kiosk's clock may be wrong, so it uses a timer of its own instead.
    """

    TITLE = "label message"

    reference: Reference
    status: Status
    label: Label | None
    confidence: float | None
    reason: Reason | None
    people: tuple[Person, ...]
    customer: int | None
    model: Model
    captured_at: datetime
    expires_at: datetime
    steps_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.confidence is not None:
            _check_fraction("confidence", self.confidence)
        labelled, has_people = self.status is Status.LABELLED, self.status in (Status.LABELLED, Status.UNSURE)
        when_people = "when status is labelled or unsure"
        _require(labelled == (self.label is not None), "label is required when status is labelled, and null otherwise")
        _require(
            labelled == (self.reason is None), "reason is required when status is not labelled, and null otherwise"
        )
        _require(
            self.reason is None or self.reason in REASONS_OF[self.status],
            f"reason {self.reason} does not belong to status {self.status}",
        )
        _require(has_people == bool(self.people), f"people must be non-empty {when_people}, and empty otherwise")
        _require(has_people == (self.customer is not None), f"customer is required {when_people}, and null otherwise")
        _require(
            has_people == (self.confidence is not None), f"confidence is required {when_people}, and null otherwise"
        )
        if self.customer is not None:
            _require(0 <= self.customer < len(self.people), "customer must be an index into people")
            person = self.people[self.customer]
            _require(self.confidence == person.confidence, "confidence must be the customer's")
            _require(self.label in (None, person.label), "label must be the customer's")
        for step, ms in self.steps_ms.items():
            _require(
                not isinstance(ms, bool) and math.isfinite(ms) and ms >= 0,
                f"step {step} has an invalid duration, {ms} ms",
            )

    def to_fields(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "image_id": self.reference.image_id,
            "kiosk_id": self.reference.kiosk_id,
            "status": self.status,
            "label": self.label,
            "confidence": self.confidence,
            "reason": self.reason,
            "people": [
                {
                    "label": person.label,
                    "confidence": person.confidence,
                    "box": list(person.box.corners),
                    **({} if person.answers is None else {"answers": person.answers.to_fields()}),
                }
                for person in self.people
            ],
            "customer": self.customer,
            "model": asdict(self.model),
            "captured_at": to_text(self.captured_at),
            "expires_at": to_text(self.expires_at),
            "steps_ms": dict(self.steps_ms),
        }

    @classmethod
    def read_fields(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "reference": Reference(values["kiosk_id"], values["image_id"]),
            "status": Status(values["status"]),
            "label": None if values["label"] is None else Label(values["label"]),
            "confidence": values["confidence"],
            "reason": None if values["reason"] is None else Reason(values["reason"]),
            "people": tuple(
                Person(
                    Label(person["label"]),
                    person["confidence"],
                    Box(*person["box"]),
                    Answers.from_fields(person["answers"]) if "answers" in person else None,
                )
                for person in values["people"]
            ),
            "customer": values["customer"],
            "model": Model(**{name: values["model"][name] for name in ("name", "version", "digest")}),
            "captured_at": from_text(values["captured_at"]),
            "expires_at": from_text(values["expires_at"]),
            "steps_ms": dict(values["steps_ms"]),
        }


@dataclass(frozen=True, slots=True)
class Result(Record):
    """The stored result of a photo, written once at `results/<kiosk>/<image>.json`: the message and its context.

    `upload_etag` identifies the labelled bytes, in case a kiosk overwrites its upload.
    """

    TITLE = "result"

    message: LabelMessage
    training: DatasetTree
    instance_id: str
    upload_etag: str
    decided_at: datetime


def _check_fraction(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidMessage(f"{name} {value!r} is not a number from 0 to 1")


def _require(condition: bool, rule: str) -> None:
    if not condition:
        raise InvalidMessage(f"label message is invalid: {rule}")
