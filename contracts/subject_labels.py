"""The label file of a photo of any recipe but the kiosk's: JSON beside the photo, with what is known of each subject.

    {"schema": 1, "recipe": "mask", "inputs": {}, "subjects": [{"box": [x0, y0, x1, y1], "answers": {"mask": "worn"}}]}

A question that is missing in `answers` is unknown: the photo teaches nothing about it. The kiosk's label files are
YOLO's (yolo.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.schema import SCHEMA, Record

Value = str | float


@dataclass(frozen=True, slots=True)
class LabelledSubject:
    """A subject, and the known answers about it: a value of a choice, or the number of a score."""

    box: Box
    answers: Mapping[str, Value]


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
            "subjects": [
                {"box": list(subject.box.corners), "answers": dict(subject.answers)} for subject in self.subjects
            ],
        }

    @classmethod
    def read_fields(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "recipe": str(values["recipe"]),
            "inputs": {str(name): str(value) for name, value in values["inputs"].items()},
            "subjects": tuple(
                LabelledSubject(
                    Box(*subject["box"]),
                    {str(question): _value(question, value) for question, value in subject["answers"].items()},
                )
                for subject in values["subjects"]
            ),
        }


def _value(question: str, value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidMessage(f"the answer to {question!r} is {value!r}, neither text nor a number")
    return value
