"""The message about one photo of any recipe but the kiosk's: its subjects, and what is answered about each.

The kiosk's message knows four labels (recipes/kiosk/message.py). This one names its recipe. `docs/recipes.md`
describes it; `docs/answers-message.schema.json` holds it, and a test holds that file against this one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.instants import from_text, to_text
from contracts.messages import DatasetTree, Model
from contracts.names import Reference
from contracts.schema import SCHEMA, Record


class AnswersStatus(StrEnum):
    """The outcome of a photo."""

    LABELLED = "labelled"  # at least one answer is sure, or a score
    UNSURE = "unsure"  # there are subjects, and no answer about them is sure
    NOTHING_FOUND = "nothing_found"
    DECLINED = "declined"  # it could be answered, and is not: `reason` says why
    REJECTED = "rejected"  # no picture that can be read


SEVERAL_FOUND: Final = "several_found"  # reasons of `declined`
MISSING_INPUT: Final = "missing_input"
NOT_DECLARED: Final = "not_declared"  # the declaration that the recipe needs is missing; the photo was not decoded
UNKNOWN: Final = "unknown"  # values of a choice that is no answer: the head has learned nothing yet
UNSEEN: Final = "unseen"  # the photo does not show the region
UNANSWERED: Final = (UNKNOWN, UNSEEN)
WHY: Final = "why"  # in `pictures`: the part of the photo, bright where it speaks for the answer


@dataclass(frozen=True, slots=True)
class Choice:
    """The likeliest value of a question, and the calibrated probability that it is right, 0-1.

    `sure`: the probability reaches the recipe's `sure_from`. A page shows an unsure answer as a question. Of a colour
    the number is the share of the region that has it. A head without an answer says UNKNOWN or UNSEEN, and 0.
    """

    value: str
    confidence: float
    sure: bool

    def __post_init__(self) -> None:
        _check_number("confidence", self.confidence, 0, 1)
        _require(not (self.sure and self.value in UNANSWERED), f"{self.value!r} is no answer, and can't be sure")


@dataclass(frozen=True, slots=True)
class Score:
    """A number that a head answers, with the interval that holds the true one in 8 of 10 cases."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            _check_number(name, getattr(self, name), -math.inf, math.inf)
        if not self.low <= self.value <= self.high:
            raise InvalidMessage(f"the score {self.value} is outside its interval, {self.low} to {self.high}")


Answer = Choice | Score


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that was found, and the answers about it: those that were asked, in the order of the recipe.

    `joined` is the class of the joined questions; None without a join, or where one of them was not asked.
    """

    box: Box
    answers: Mapping[str, Answer]
    joined: Choice | None = None

    def to_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "box": list(self.box.corners),
            "answers": {question: asdict(answer) for question, answer in self.answers.items()},
        }
        return fields if self.joined is None else fields | {"joined": asdict(self.joined)}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Subject:
        answers = {str(question): _answer(answer) for question, answer in fields["answers"].items()}
        joined = fields.get("joined")
        return cls(Box(*fields["box"]), answers, None if joined is None else _choice(joined))


@dataclass(frozen=True, slots=True)
class AnswersMessage(Record):
    """The answer about one photo, published on `nunchi/<device>/label`. Times as in the kiosk's message.

    `inputs`: what the device said about the photo, as the recipe knows it. `notice`: whether the recipe's notice must
    stand beside the answers whenever they are shown. `pictures`: links to pictures by name, valid until the message
    expires. Whoever has a link has the picture, so a stored result has none.
    """

    TITLE = "answers message"

    reference: Reference
    recipe: str
    status: AnswersStatus
    reason: str | None
    subjects: tuple[Subject, ...]
    inputs: Mapping[str, str]
    notice: bool
    model: Model
    captured_at: datetime
    expires_at: datetime
    steps_ms: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        has_subjects = self.status in (AnswersStatus.LABELLED, AnswersStatus.UNSURE)
        _require(has_subjects == bool(self.subjects), "subjects must be non-empty when labelled or unsure, else empty")
        gives_reason = self.status in (AnswersStatus.DECLINED, AnswersStatus.REJECTED)
        _require(gives_reason == (self.reason is not None), "reason is required when declined or rejected, else null")
        answers = [answer for subject in self.subjects for answer in subject.answers.values()]
        sure = any(isinstance(answer, Score) or answer.sure for answer in answers)
        _require(not has_subjects or sure == (self.status is AnswersStatus.LABELLED), "labelled means a sure answer")
        for step, ms in self.steps_ms.items():
            _check_number(f"step {step}", ms, 0, math.inf)

    def to_fields(self) -> dict[str, Any]:
        fields = {
            "schema": SCHEMA,
            "recipe": self.recipe,
            "image_id": self.reference.image_id,
            "kiosk_id": self.reference.kiosk_id,
            "status": self.status,
            "reason": self.reason,
            "subjects": [subject.to_fields() for subject in self.subjects],
            "inputs": dict(self.inputs),
            "notice": self.notice,
            "model": asdict(self.model),
            "captured_at": to_text(self.captured_at),
            "expires_at": to_text(self.expires_at),
            "steps_ms": dict(self.steps_ms),
        }
        return fields | {"pictures": dict(self.pictures)} if self.pictures else fields

    @classmethod
    def read_fields(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "reference": Reference(values["kiosk_id"], values["image_id"]),
            "recipe": str(values["recipe"]),
            "status": AnswersStatus(values["status"]),
            "reason": None if values["reason"] is None else str(values["reason"]),
            "subjects": tuple(Subject.from_fields(subject) for subject in values["subjects"]),
            "inputs": {str(name): str(value) for name, value in values["inputs"].items()},
            "notice": _truth("notice", values["notice"]),
            "model": Model(**{name: values["model"][name] for name in ("name", "version", "digest")}),
            "captured_at": from_text(values["captured_at"]),
            "expires_at": from_text(values["expires_at"]),
            "steps_ms": dict(values["steps_ms"]),
            "pictures": {str(name): _link(link) for name, link in values.get("pictures", {}).items()},
        }


@dataclass(frozen=True, slots=True)
class AnswersResult(Record):
    """The stored result of such a photo, written once at `results/<device>/<image>.json`: the message and its context.

    `upload_etag` identifies the answered bytes, in case a device overwrites its upload.
    """

    TITLE = "result"

    message: AnswersMessage
    training: DatasetTree
    instance_id: str
    upload_etag: str
    decided_at: datetime


def _answer(fields: Mapping[str, Any]) -> Answer:
    if "confidence" in fields:
        return _choice(fields)
    return Score(fields["value"], fields["low"], fields["high"])


def _choice(fields: Mapping[str, Any]) -> Choice:
    return Choice(str(fields["value"]), fields["confidence"], _truth("sure", fields["sure"]))


def _link(value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise InvalidMessage("a picture's link is no address of http")  # not told: it may be a secret
    return value


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidMessage(f"{name} is {value!r}, not true or false")
    return value


def _check_number(name: str, value: object, low: float, high: float) -> None:
    number = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise InvalidMessage(f"{name} {value!r} is not a number from {low:g} to {high:g}")


def _require(condition: bool, rule: str) -> None:
    if not condition:
        raise InvalidMessage(f"answers message is invalid: {rule}")
