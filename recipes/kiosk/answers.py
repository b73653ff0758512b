"""The two answers about a person, age and gender, each with its own calibrated confidence.

A label joins both, so it is only as sure as both together. A screen that turns for elders needs the age alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from contracts.errors import InvalidMessage

ELDER: Final = "elder"
ADULT: Final = "adult"
MALE: Final = "male"
FEMALE: Final = "female"


@dataclass(frozen=True, slots=True)
class Answer:
    """The likelier value of a question, and the probability that it is right, 0-1."""

    value: str
    confidence: float

    def __post_init__(self) -> None:
        confidence = self.confidence
        if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
            raise InvalidMessage(f"confidence {confidence!r} of {self.value!r} is not a number from 0 to 1")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answers about one person."""

    age: Answer
    gender: Answer

    def __post_init__(self) -> None:
        if self.age.value not in (ELDER, ADULT) or self.gender.value not in (MALE, FEMALE):
            raise InvalidMessage(f"the answers {self.age.value!r}, {self.gender.value!r} are unknown")

    @property
    def elder(self) -> float:
        """The probability that the person is an elder, 0-1."""
        return _probability(self.age, ELDER)

    @property
    def female(self) -> float:
        """The probability that the person is a woman, 0-1."""
        return _probability(self.gender, FEMALE)

    @classmethod
    def of(cls, *, elder: float, female: float) -> Self:
        """The answers from two probabilities, written with four decimals."""
        return cls(_likelier(ELDER, ADULT, elder), _likelier(FEMALE, MALE, female))

    def to_fields(self) -> dict[str, Any]:
        """As a message holds it."""
        return {
            question: {"value": answer.value, "confidence": answer.confidence}
            for question, answer in (("age", self.age), ("gender", self.gender))
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """From a message; KeyError, TypeError or InvalidMessage if an answer is missing or invalid."""
        return cls(
            *(Answer(fields[question]["value"], fields[question]["confidence"]) for question in ("age", "gender"))
        )


def _probability(answer: Answer, value: str) -> float:
    # Rounded, so that 1 - 0.9 is 0.1 and meets a threshold of 0.1.
    return answer.confidence if answer.value == value else round(1 - answer.confidence, 9)


def _likelier(value: str, other: str, probability: float) -> Answer:
    probability = round(probability, 4)
    return Answer(value, probability) if probability > 0.5 else Answer(other, round(1 - probability, 4))
