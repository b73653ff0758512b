"""Label messages for tests of the device: one person with given answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contracts.boxes import Box
from contracts.messages import Model, Reason, Status
from contracts.names import Reference
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import Label
from recipes.kiosk.message import LabelMessage, Person

AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
REFERENCE = Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")
MODEL = Model("fake", "1", "0" * 64)


def person(
    elder: float, *, female: float = 0.9, sure: bool = True, head: float = 0.5, answers: bool = True
) -> LabelMessage:
    """A message about one person: P(elder), P(female), whether the label is sure, the head's share of the height."""
    label = Label.of(elder=elder > 0.5, female=female > 0.5)
    confidence = round(max(elder, 1 - elder) * max(female, 1 - female), 4)
    someone = Person(
        label,
        confidence,
        Box(0.3, 0.2, 0.6, 0.2 + head),
        Answers.of(elder=elder, female=female) if answers else None,
    )
    return LabelMessage(
        REFERENCE,
        Status.LABELLED if sure else Status.UNSURE,
        label if sure else None,
        confidence,
        None if sure else Reason.LOW_CONFIDENCE,
        (someone,),
        0,
        MODEL,
        AT,
        AT + timedelta(seconds=30),
    )


def without_person(status: Status = Status.NO_PERSON) -> LabelMessage:
    """A message about a photo without a person, or about no photo."""
    reason = Reason.NO_FACE_FOUND if status is Status.NO_PERSON else Reason.TRUNCATED
    return LabelMessage(REFERENCE, status, None, None, reason, (), None, MODEL, AT, AT + timedelta(seconds=30))
