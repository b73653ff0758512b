"""What the model said, by kiosk and by week: the numbers in which a drift shows before a rule calls it one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from retrain.drift.guard import LabelFact, label_counts


@dataclass(frozen=True, slots=True)
class Part:
    """The photos of a kiosk or a week. `where`: `all`, `kiosk lobby` or `week 2026-W47`.

    `unsure` is the share of photos that did not pass the gate. Of those that did, `labels` has each label's share, 0-1,
    `nobody` included, and `confidence` is the median of their least sure people; None once nobody knows. Of the random
    sample, people have looked at `checked` labels and found `right` to be so.
    """

    where: str
    photos: int
    unsure: float
    labels: dict[str, float]
    confidence: float | None
    checked: int
    right: float


def parts(facts: Sequence[LabelFact]) -> Iterator[Part]:
    """Of everything, then of each kiosk, then of each week, the latest last; nothing of no photo."""
    if not facts:
        return
    yield _part("all", facts)
    for kiosk in sorted({fact.kiosk for fact in facts}):
        yield _part(f"kiosk {kiosk}", [fact for fact in facts if fact.kiosk == kiosk])
    for week in sorted({fact.week for fact in facts}):
        yield _part(f"week {week}", [fact for fact in facts if fact.week == week])


def _part(where: str, facts: Sequence[LabelFact]) -> Part:
    counts = label_counts(facts)
    sure = sum(counts.values())
    told = [fact.confidence for fact in facts if fact.sure and fact.confidence is not None]
    return Part(
        where,
        photos=len(facts),
        unsure=sum(not fact.sure for fact in facts) / len(facts),
        labels={label: count / sure if sure else 0.0 for label, count in counts.items()},
        confidence=median(told) if told else None,
        checked=sum(fact.checked for fact in facts),
        right=sum(fact.right for fact in facts),
    )
