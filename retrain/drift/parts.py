"""The model's labels by kiosk and by week, for people to see a drift before a rule reports it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from contracts.classes import Classes
from retrain.drift.guard import LabelFact, label_counts, parts_of


@dataclass(frozen=True, slots=True)
class Part:
    """The photos of a kiosk or a week. `where`: `all`, `kiosk lobby` or `week 2026-W47`.

    `unsure` is the share of photos that did not pass the gate. Of those that did, `labels` has each label's share, 0-1,
    `nobody` included, and `confidence` is the median over photos of their lowest confidence; None if it is unknown. Of
    the random sample, people checked `checked` labels and confirmed `right` of them.
    """

    where: str
    photos: int
    unsure: float
    labels: dict[str, float]
    confidence: float | None
    checked: int
    right: float


def parts(facts: Sequence[LabelFact], classes: Classes) -> Iterator[Part]:
    """All photos, then those of each kiosk, then those of each week, the latest last; nothing without a photo."""
    return (_part(where, some, classes) for where, some in parts_of(facts) if some)


def _part(where: str, facts: Sequence[LabelFact], classes: Classes) -> Part:
    counts = label_counts(facts, classes)
    sure = sum(counts.values())
    confidences = [fact.confidence for fact in facts if fact.sure and fact.confidence is not None]
    return Part(
        where,
        photos=len(facts),
        unsure=sum(not fact.sure for fact in facts) / len(facts),
        labels={label: count / sure if sure else 0.0 for label, count in counts.items()},
        confidence=median(confidences) if confidences else None,
        checked=sum(fact.checked for fact in facts),
        right=sum(fact.right for fact in facts),
    )
