"""The label file of a photo of any recipe but the kiosk's: JSON beside the photo, with what is known of each subject.

    {"schema": 1, "recipe": "mask", "inputs": {}, "subjects": [
        {"box": [x0, y0, x1, y1], "answers": {"mask": "worn"}, "group": "anna", "facts": {"age": "elder"}}]}

A question that is missing in `answers` is unknown: the photo teaches nothing about it. The kiosk's label files are
YOLO's (yolo.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.schema import SCHEMA, Record

Value = str | float


@dataclass(frozen=True, slots=True)
class LabelledSubject:
    """A subject, and the known answers about it: a value of a choice, or the number of a score.

    `group`: which person or animal it is, where that is known. A training never learns from one photo of a group and
    judges by another. `facts`: what is known and no head asks, as the age; figures are compared by it.
    """

    box: Box
    answers: Mapping[str, Value]
    group: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"box": list(self.box.corners), "answers": dict(self.answers)}
        fields |= {} if self.group is None else {"group": self.group}
        return fields | ({"facts": dict(self.facts)} if self.facts else {})

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        answers = {str(question): _value(question, value) for question, value in fields["answers"].items()}
        group = fields.get("group")
        facts = {str(name): str(value) for name, value in fields.get("facts", {}).items()}
        return cls(Box(*fields["box"]), answers, None if group is None else str(group), facts)


@dataclass(frozen=True, slots=True)
class SubjectLabels(Record):
    """What is known of a photo. `inputs`: as in the answers message."""

    TITLE = "label file"

    recipe: str
    inputs: Mapping[str, str]
    subjects: tuple[LabelledSubject, ...]

    def to_fields(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "recipe": self.recipe,
            "inputs": dict(self.inputs),
            "subjects": [subject.to_fields() for subject in self.subjects],
        }

    @classmethod
    def read_fields(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "recipe": str(values["recipe"]),
            "inputs": {str(name): str(value) for name, value in values["inputs"].items()},
            "subjects": tuple(LabelledSubject.from_fields(subject) for subject in values["subjects"]),
        }


def _value(question: str, value: object) -> Value:
    number = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not number and not isinstance(value, str):
        raise InvalidMessage(f"the answer to {question!r} is {value!r}, neither text nor a finite number")
    return value
