"""Drift of a recipe's answers: found subjects, values, scores and confidences, now against before."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from contracts.answers_message import (
    Answer,
    AnswersMessage,
    AnswersResult,
    AnswersStatus,
    Choice,
    Score,
    Subject,
)
from contracts.boxes import Box
from contracts.messages import DatasetTree, Model
from contracts.names import Reference, new_image_id
from recipes.reading import load
from retrain.drift.answers import AnswerDrift, AnswerFact, aspects, check_answers, gather, values

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MASK, SCORED = load("mask"), load("face-score")
WHOLE = Box(0, 0, 1, 1)
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)  # Monday of week 47
SINCE = NOON + timedelta(days=7)


def subject(**answers: str | float) -> Subject:
    """Numbers are scores; a choice has a confidence of 0.97."""
    return Subject(WHOLE, {name: said(value) for name, value in answers.items()})


def said(value: str | float, confidence: float = 0.97) -> Answer:
    return Choice(value, confidence, True) if isinstance(value, str) else Score(value, value, value)


def facts(
    number: int,
    *,
    worn: float = 0.5,
    kiosk: str = "lobby",
    seed: int = 1,
    confidence: float = 0.97,
) -> list[AnswerFact]:
    """Photos of one person, of whom a share wears a mask."""
    chance = random.Random(f"{seed} {number} {worn}")
    values = ["worn" if chance.random() < worn else "none" for _ in range(number)]
    return [
        AnswerFact(kiosk, "2026-W47", AnswersStatus.LABELLED, "1", (Subject(WHOLE, {"mask": said(value, confidence)}),))
        for value in values
    ]


def found(drift: AnswerDrift) -> list[tuple[str, str, bool]]:
    return [(each.where, each.what, each.large) for each in drift.shifts]


def test_the_same_people_do_not_drift() -> None:
    drift = check_answers(MASK, facts(400, seed=2), facts(400))
    assert (found(drift), drift.compared, drift.large) == ([], 12, False)


def test_other_answers_are_a_shift_of_all_of_the_device_and_of_the_week() -> None:
    drift = check_answers(MASK, facts(400, worn=0.9), facts(400))
    assert found(drift) == [(where, "mask", True) for where in ("all", "kiosk lobby", "week 2026-W47")]
    assert (drift.large, drift.shifts[0].shift.bin) == (True, "none")
    assert drift.shifts[0].shift.summary == "none 47% → 10%"


def test_a_small_shift_is_told_and_is_not_large() -> None:
    drift = check_answers(MASK, facts(2000, worn=0.7), facts(2000))
    assert {(what, large) for _, what, large in found(drift)} == {("mask", False)}
    assert not drift.large


def test_lower_confidence_is_a_shift_of_its_own() -> None:
    drift = check_answers(MASK, facts(400, seed=2, confidence=0.75), facts(400))
    assert {what for _, what, _ in found(drift)} == {"mask: confidence"}


def test_a_device_is_compared_with_its_own_past() -> None:
    """Two devices that differ as they always did are no drift."""
    before = [*facts(400, worn=0.9), *facts(400, worn=0.1, kiosk="door")]
    now = [*facts(400, worn=0.9, seed=2), *facts(400, worn=0.1, kiosk="door", seed=2)]
    assert [where for where, _, _ in found(check_answers(MASK, now, before)) if where.startswith("kiosk")] == []
    swapped = [*facts(400, worn=0.1, seed=2), *facts(400, worn=0.9, kiosk="door", seed=2)]
    assert {where for where, _, _ in found(check_answers(MASK, swapped, before)) if where.startswith("kiosk")} == {
        "kiosk lobby",
        "kiosk door",
    }


def test_fewer_than_a_hundred_moments_are_not_compared() -> None:
    drift = check_answers(MASK, facts(99, worn=0.9), facts(400))
    assert (drift.shifts, drift.compared) == ((), 0)


def test_more_subjects_in_a_photo_are_a_shift() -> None:
    many = [
        AnswerFact("lobby", "2026-W47", AnswersStatus.LABELLED, "1", each.subjects * 4) for each in facts(200, seed=2)
    ]
    assert ("all", "subjects a photo", True) in found(check_answers(MASK, many, facts(200)))


def test_more_photos_of_nobody_are_a_shift() -> None:
    nobody = [AnswerFact("lobby", "2026-W47", AnswersStatus.NOTHING_FOUND, "1", ())] * 200
    whats = {what for where, what, _ in found(check_answers(MASK, [*facts(200, seed=2), *nobody], facts(400)))}
    assert whats == {"status", "subjects a photo"}


def test_scores_are_counted_by_parts_of_their_range() -> None:
    some = [
        AnswerFact("k", "w", AnswersStatus.LABELLED, "1", (subject(score=score),))
        for score in (1.0, 1.7, 1.8, 4.9, 5.0)
    ]
    assert values(SCORED, "score", some) == {
        "1 to 1.8": 2,
        "1.8 to 2.6": 1,
        "2.6 to 3.4": 0,
        "3.4 to 4.2": 0,
        "4.2 to 5": 2,
    }
    assert "score: confidence" not in aspects(SCORED)


def test_what_is_unseen_counts_and_what_is_unknown_does_not() -> None:
    lego = load("lego")
    answers: list[Mapping[str, Answer]] = [{"top": Choice(value, 0.0, False)} for value in ("unseen", "unknown")]
    some = [AnswerFact("k", "w", AnswersStatus.UNSURE, "1", (Subject(WHOLE, each),)) for each in answers]
    assert {value: count for value, count in values(lego, "top", some).items() if count} == {"unseen": 1}
    assert sum(aspects(lego)["top: confidence"](some).values()) == 0


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        client: Any = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="images")
        yield client


def decide(
    s3: S3Client, at: datetime, *, version: str = "1", recipe: str = "mask", number: int = 0, value: str = "worn"
) -> None:
    """The stored result of a photo of one person, taken then."""
    reference = Reference("lobby", new_image_id(at, number.to_bytes(10)))
    message = AnswersMessage(
        reference=reference,
        recipe=recipe,
        status=AnswersStatus.LABELLED,
        reason=None,
        subjects=(subject(mask=value),),
        inputs={},
        notice=True,
        model=Model("heads", version, "0" * 64),
        captured_at=at,
        expires_at=at + timedelta(seconds=30),
    )
    result = AnswersResult(message, DatasetTree.AUTO, "i-1", "etag", at)
    s3.put_object(Bucket="images", Key=reference.result_key, Body=result.to_json().encode())


def test_results_are_told_apart_by_the_time_of_their_photo(s3: S3Client) -> None:
    decide(s3, NOON)
    decide(s3, SINCE + timedelta(hours=1))
    answered = gather(s3, "images", MASK, since=SINCE, at=SINCE + timedelta(days=1))
    assert ([fact.week for fact in answered.before], [fact.week for fact in answered.now]) == (
        ["2026-W47"],
        ["2026-W48"],
    )
    assert (answered.version, answered.others, answered.unread) == ("1", 0, 0)


def test_only_answers_of_the_latest_photos_model_are_compared(s3: S3Client) -> None:
    """A new model answers otherwise without any drift."""
    for day in range(3):
        decide(s3, NOON + timedelta(days=day))
    decide(s3, NOON + timedelta(days=4), version="2")
    decide(s3, SINCE, version="2")
    answered = gather(s3, "images", MASK, since=SINCE, at=SINCE)
    assert (answered.version, len(answered.now), len(answered.before), answered.others) == ("2", 1, 1, 3)


def test_photos_of_one_moment_count_as_one(s3: S3Client) -> None:
    for number in range(4):
        decide(s3, NOON + timedelta(seconds=number), number=number)
    answered = gather(s3, "images", MASK, since=SINCE, at=SINCE)
    assert [fact.weight for fact in answered.before] == [0.25] * 4
    assert aspects(MASK)["status"](answered.before)["labelled"] == 1


def test_what_is_no_result_of_the_recipe_is_counted_and_not_compared(s3: S3Client) -> None:
    decide(s3, NOON)
    decide(s3, NOON - timedelta(days=1), recipe="lego")
    decide(s3, SINCE + timedelta(days=3), number=1)  # a device's clock is ahead
    broken = Reference("lobby", new_image_id(NOON - timedelta(days=2), bytes(10)))
    s3.put_object(Bucket="images", Key=broken.result_key, Body=b"{")
    answered = gather(s3, "images", MASK, since=SINCE, at=SINCE)
    assert (answered.version, len(answered.now), len(answered.before), answered.unread) == ("1", 0, 1, 3)


def test_a_draw_by_name_is_read_of_many_photos_and_the_latest_always(s3: S3Client) -> None:
    for day in range(6):
        decide(s3, NOON + timedelta(days=day), version=str(day))
    answered = gather(s3, "images", MASK, since=SINCE, at=SINCE, most=2)
    assert (answered.version, len(answered.before), answered.others) == ("5", 1, 1)
