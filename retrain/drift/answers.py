"""How the answers of a recipe's heads changed: found subjects, values and confidences, now against before.

Nothing stops a training of heads for it, for its candidate is judged by golden photos; a shift says that the photos, or
whom they show, changed. A model that changed answers otherwise, too, so one version is compared with itself. Pure, but
for `gather`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from contracts.answers_message import UNSEEN, AnswersMessage, AnswersResult, AnswersStatus, Choice, Score, Subject
from contracts.aws.s3 import get_or_none
from contracts.errors import InvalidMessage, InvalidName
from contracts.formulas.draws import stable_draw
from contracts.names import RESULTS, Reference, image_id_time, parse_result_key
from recipes.recipe import Recipe
from retrain.bucket import in_threads
from retrain.bursts import burst_of, iso_week
from retrain.drift.facts import MAX_PHOTOS
from retrain.drift.guard import DriftLimits, parts_of
from retrain.drift.population_stability import DistributionShift, distribution_shift

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

LIMITS: Final = DriftLimits(promise=0.0)  # of heads each has a gate of its own; the judge checks their promises
CONFIDENCES: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # inner edges
SCORE_PARTS: Final = 5  # of a score's range
MOST_COUNTED: Final = 3  # subjects of a photo; those with more are one bin
_AHEAD: Final = timedelta(days=1)  # of a device's clock; a photo further ahead has no time

Counts = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class AnswerFact:
    """What was answered about one photo.

    `weight`: photos of one moment show the same, and count as one together.
    """

    kiosk: str
    week: str
    status: AnswersStatus
    version: str  # of the model
    subjects: tuple[Subject, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The facts of both sides. `others`: photos that another version answered; `unread`: without a time or a result."""

    version: str
    now: Sequence[AnswerFact]
    before: Sequence[AnswerFact]
    others: int
    unread: int


@dataclass(frozen=True, slots=True)
class AnswerShift:
    """One shift that is no chance. `where`: `all`, `kiosk lobby` or `week 2026-W47`; `what`: as `mask: confidence`."""

    where: str
    what: str
    shift: DistributionShift

    @property
    def large(self) -> bool:
        return self.shift.psi >= LIMITS.stop_psi

    def to_fields(self) -> dict[str, Any]:
        """For programs."""
        return {
            "where": self.where,
            "what": self.what,
            "large": self.large,
            "psi": self.shift.psi,
            "by_chance": self.shift.p_value,
            "bin": self.shift.bin,
            "before": self.shift.before,
            "now": self.shift.now,
        }


@dataclass(frozen=True, slots=True)
class AnswerDrift:
    """The shifts, the largest first, and how many comparisons there were; none of too few photos."""

    shifts: tuple[AnswerShift, ...]
    compared: int

    @property
    def large(self) -> bool:
        return any(shift.large for shift in self.shifts)


def gather(
    s3: S3Client, bucket: str, recipe: Recipe, *, since: datetime, at: datetime, most: int = MAX_PHOTOS
) -> Answered:
    """The results of photos taken since then, and before, of the model that answered the latest of them.

    `bucket`: of images, with the results. Of more than `most` photos on a side a deterministic draw is read.
    """
    listed = {each: image_id_time(each.image_id) for each in _listed(s3, bucket)}
    timed = {each: taken for each, taken in listed.items() if taken is not None and taken <= at + _AHEAD}
    bursts = burst_of(timed)
    sizes = Counter(bursts.values())
    latest = max(timed, key=lambda each: timed[each], default=None)
    sides: dict[bool, list[AnswerFact]] = {True: [], False: []}
    unread = len(listed) - len(timed)
    version = ""
    for new in (True, False):
        chosen = sorted(
            (each for each, taken in timed.items() if (taken >= since) is new),
            key=lambda each: (each != latest, stable_draw("drift", str(each))),
        )[:most]
        with in_threads(lambda each: _message(s3, bucket, each), chosen) as messages:
            for reference, message in zip(chosen, messages, strict=True):
                if message is None or message.recipe != recipe.name:
                    unread += 1
                    continue
                version = message.model.version if reference == latest else version
                sides[new].append(_fact(message, 1 / sizes[bursts[reference]]))
    if latest is not None and not version:  # the latest result can't be read: the commonest version counts
        versions = Counter(fact.version for facts in sides.values() for fact in facts)
        version = max(versions, key=lambda each: (versions[each], each), default="")
    own = {new: [fact for fact in facts if fact.version == version] for new, facts in sides.items()}
    others = sum(map(len, sides.values())) - sum(map(len, own.values()))
    return Answered(version, own[True], own[False], others, unread)


def _listed(s3: S3Client, bucket: str) -> Iterator[Reference]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RESULTS):
        for item in page.get("Contents", []):
            try:
                yield parse_result_key(item["Key"])
            except InvalidName:
                continue


def _message(s3: S3Client, bucket: str, reference: Reference) -> AnswersMessage | None:
    stored = get_or_none(s3, bucket=bucket, key=reference.result_key)
    try:
        return AnswersResult.from_json(stored.content).message if stored else None
    except InvalidMessage:
        return None


def _fact(message: AnswersMessage, weight: float) -> AnswerFact:
    return AnswerFact(
        kiosk=message.reference.kiosk_id,
        week=iso_week(message.reference),
        status=message.status,
        version=message.model.version,
        subjects=message.subjects,
        weight=weight,
    )


def check_answers(recipe: Recipe, now: Sequence[AnswerFact], before: Sequence[AnswerFact]) -> AnswerDrift:
    """Compare both sides: all photos, each device with its own past (a new one with all others'), and each week."""
    past = dict(parts_of(before))
    compared: list[tuple[str, str, Counts, Counts]] = []
    for where, facts in parts_of(now):
        earlier = past.get(where, before) if where.startswith("kiosk ") else before
        for what, count in aspects(recipe).items():
            counts = count(facts), count(earlier)
            if round(min(sum(each.values()) for each in counts), 6) >= LIMITS.min_photos:  # weights are parts of 1
                compared.append((where, what, *counts))
    alpha = LIMITS.alpha / max(1, len(compared))  # Bonferroni correction for multiple comparisons
    found = [AnswerShift(where, what, distribution_shift(here, there, alpha)) for where, what, here, there in compared]
    kept = [each for each in found if each.shift.significant and each.shift.psi >= LIMITS.warn_psi]
    return AnswerDrift(tuple(sorted(kept, key=lambda each: (each.where != "all", -each.shift.psi))), len(compared))


def aspects(recipe: Recipe) -> dict[str, Callable[[Sequence[AnswerFact]], Counts]]:
    """What is counted of the facts, each over bins that are the same on both sides."""
    counted: dict[str, Callable[[Sequence[AnswerFact]], Counts]] = {
        "status": _statuses,
        "subjects a photo": _found,
    }
    for question in recipe.questions:
        counted[question] = lambda facts, question=question: values(recipe, question, facts)
        if recipe.says(question):
            counted[f"{question}: confidence"] = lambda facts, question=question: _confidences(question, facts)
    return counted


def _statuses(facts: Sequence[AnswerFact]) -> Counts:
    counts = dict.fromkeys(map(str, AnswersStatus), 0.0)
    for fact in facts:
        counts[fact.status] += fact.weight
    return counts


def _found(facts: Sequence[AnswerFact]) -> Counts:
    """Of photos that were looked at."""
    names = [*map(str, range(MOST_COUNTED)), f"{MOST_COUNTED} or more"]
    counts = dict.fromkeys(names, 0.0)
    for fact in facts:
        if fact.status not in (AnswersStatus.DECLINED, AnswersStatus.REJECTED):
            counts[names[min(len(fact.subjects), MOST_COUNTED)]] += fact.weight
    return counts


def values(recipe: Recipe, question: str, facts: Sequence[AnswerFact]) -> Counts:
    """Photos by their subjects' answers; scores by the part of their range. One that is unknown is none."""
    names = recipe.says(question)
    ranges = [head.score for head in recipe.heads_of(question) if head.score is not None]
    low, high = (min(each.low for each in ranges), max(each.high for each in ranges)) if ranges else (0.0, 1.0)
    edges = [low + (high - low) * place / SCORE_PARTS for place in range(SCORE_PARTS + 1)]
    parts = [f"{start:g} to {end:g}" for start, end in pairwise(edges)]
    counts = dict.fromkeys(parts if ranges else [*names, UNSEEN], 0.0)
    for fact in facts:
        bins = list[str]()
        for subject in fact.subjects:
            match subject.answers.get(question):
                case Choice(value=value) if value in counts:
                    bins.append(value)
                case Score(value=number) if ranges:
                    bins.append(parts[sum(number >= edge for edge in edges[1:-1])])
                case _:
                    pass
        _add(counts, fact, bins)
    return counts


def _add(counts: dict[str, float], fact: AnswerFact, bins: Sequence[str]) -> None:
    """The subjects of a photo count as much as the photo, together: they are not independent."""
    for each in bins:
        counts[each] += fact.weight / len(bins)


def _confidences(question: str, facts: Sequence[AnswerFact]) -> Counts:
    edges = (0.0, *CONFIDENCES, 1.0)
    names = [f"{start:g} to {end:g}" for start, end in pairwise(edges)]
    counts = dict.fromkeys(names, 0.0)
    for fact in facts:
        answers = [subject.answers.get(question) for subject in fact.subjects]
        sure = [each.confidence for each in answers if isinstance(each, Choice) and each.confidence > 0]
        _add(counts, fact, [names[sum(confidence >= edge for edge in CONFIDENCES)] for confidence in sure])
    return counts
