"""The kiosk's messages, results and label files, byte for byte: a recipe more must change none of them.

kiosk_golden.jsonl was written by the worker before it knew recipes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.boxes import Box
from contracts.messages import DatasetTree, Model, Reason
from contracts.names import Reference
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import LabelMessage, Person, Result
from worker.kiosk.decision import Decision, LabelTask
from worker.photos.rules import Thresholds
from worker.photos.timing import PhotoTimes

GOLDEN = Path(__file__).with_name("kiosk_golden.jsonl")
PHOTO = Reference("counter-1", "01jd8v2k5e9m3x7q4r6t0w1y2z")
AT = datetime(2026, 11, 22, 3, 4, 5, 678000, tzinfo=UTC)
MODEL = Model("cascade", "2", "0" * 64)
TIMES = PhotoTimes(AT, AT + timedelta(milliseconds=210), 210.0, 34.5)
RULES = Thresholds(gate=0.95, unsure_below=0.5, review_share=1.0)
LEFT, RIGHT = Box(0.1, 0.2, 0.3000001, 0.5), Box(0.4, 0.1, 0.9, 0.95)
ANSWERS = Answers.of(elder=0.97, female=0.98)
TASK = LabelTask(RULES)


def decisions() -> Iterator[Decision]:
    for label in LABELS:
        yield TASK.decide(PHOTO, [Person(label, 0.97123, LEFT)], {})
    yield TASK.decide(
        PHOTO, [Person(Label.ELDER_FEMALE, 0.96, RIGHT, ANSWERS), Person(Label.ADULT_MALE, 0.4, LEFT)], {}
    )
    yield TASK.decide(PHOTO, [Person(Label.ADULT_FEMALE, 0.99, LEFT, Answers.of(elder=0.04, female=0.99))], {})
    yield TASK.decide(PHOTO, [Person(Label.ELDER_MALE, 0.3, RIGHT)], {})
    yield TASK.decide(PHOTO, [], {})
    for reason in (Reason.NOT_AN_IMAGE, Reason.TRUNCATED, Reason.WRONG_SUFFIX):
        yield TASK.rejected(reason)


def lines() -> Iterator[str]:
    for decision in decisions():
        message = decision.to_message(
            PHOTO, MODEL, TIMES, step_seconds={"wait": 0.0012, "infer": 0.0456}, expires_at=AT + timedelta(seconds=30)
        )
        assert isinstance(message, LabelMessage)
        result = Result(message, decision.training, "i-0123", '"etag"', AT)
        yield message.to_json()
        yield result.to_json()
        labels = TASK.label_file(message, DatasetTree.AUTO)
        assert labels is not None
        yield repr(labels.text)
        yield " ".join(PHOTO.pair_keys("auto"))


def test_the_kiosks_messages_results_and_label_files_are_what_they_were() -> None:
    assert list(lines()) == GOLDEN.read_text(encoding="utf-8").splitlines()
