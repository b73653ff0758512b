"""A guard against feeding on itself: has what a model labels drifted, and has a person seen that it is right?

A model that learns its own labels learns its own mistakes, and makes more of them. Two things show that: what it says
of people moves away from what it said before, and people agree with it less. Customers change, too, so a move alone
stops nothing that people have looked at; that nobody looked does. Pure.

    moved much, and people agree     →  warn: the customers changed, not the model
    moved much, and too few looked   →  stop: nobody knows which of the two changed
    people agree far less            →  stop, moved or not
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.labels import LABELS, Label
from retrain.bursts import NO_WEEK
from retrain.drift.psi import Shift, shift
from retrain.review.agreement import PromiseShare, PromiseState, passes

RULE: Final = "drift"
NOBODY: Final = "nobody"
_BANDS: Final = (0.96, 0.97, 0.98, 0.99)  # of the confidence of the sure: where the bins of its distribution end


@dataclass(frozen=True, slots=True)
class LabelFact:
    """What is known of one photo.

    `sure`: everybody in it passed the gate, so it would teach. `confidence` is that of the person the model was least
    sure of; None once nobody knows. `checked` and `right` count the people of a photo of the random sample that a
    person has looked at; 0 of 0 for all others. Of more photos than are read, those `drawn` tell the shares.
    """

    kiosk: str
    week: str
    labels: tuple[Label, ...]
    sure: bool
    confidence: float | None = None
    checked: int = 0
    right: int = 0
    drawn: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftLimits:
    """What counts as a drift.

    A move of `warn_psi` is some, of `stop_psi` much: the rule of thumb of credit scoring (E. M. Lewis, An Introduction
    to Credit Scoring, 1994). It counts only if chance makes it less than once in 1/`chance` looks at data that did not
    move. Parts of fewer than `least_photos` are not judged, and parts that are less than `least_share` of what is new
    stop nothing. `least_checked` people looked at are enough to see that 1 in 6 labels is wrong where 1 in 20 was
    promised. `promise` is the gate that the labels passed. Labels that are right less often than `too_wrong` are not
    learned from, moved or not: `least_agreement`, or `least_below` under a lower promise.
    """

    warn_psi: float = 0.1
    stop_psi: float = 0.25
    chance: float = 0.001
    least_photos: int = 100
    least_share: float = 0.05
    least_checked: int = 30
    promise: float
    least_agreement: float = 0.9
    least_below: float = 0.05

    @property
    def too_wrong(self) -> float:
        return min(self.least_agreement, self.promise - self.least_below)


class Level(StrEnum):
    """How grave it is."""

    OK = "ok"
    WARN = "warn"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One thing that moved, or that people disagree with. `where`: `all`, `kiosk lobby` or `week 2026-W47`."""

    level: Level
    where: str
    what: str
    why: str
    shift: Shift | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """The verdict: the gravest of the findings, which come gravest first, of all before of a part."""

    findings: tuple[DriftFinding, ...]
    agreement: PromiseShare
    compared: int  # how many comparisons were made; 0: there was nothing to compare with

    def to_fields(self) -> dict[str, Any]:
        """For the report and for programs."""
        return {
            "rule": RULE,
            "level": self.level,
            "reason": self.reason,
            "compared": self.compared,
            "agreement": {"right": self.agreement.right, "checked": self.agreement.checked},
            "findings": [
                {
                    "level": one.level,
                    "where": one.where,
                    "what": one.what,
                    "why": one.why,
                    "psi": one.shift.psi if one.shift else None,
                    "by_chance": one.shift.by_chance if one.shift else None,
                }
                for one in self.findings
            ],
        }

    @property
    def level(self) -> Level:
        return max((one.level for one in self.findings), key=_GRAVITY.index, default=Level.OK)

    @property
    def reason(self) -> str:
        """For people: what moved where, and what to do. Of several the three gravest."""
        told = [f"{one.where}: {one.why}" for one in self.findings if one.level is self.level][:3]
        if not told:
            return (
                "what the model labels has not moved" if self.compared else "there is nothing earlier to compare with"
            )
        return "; ".join(told)


_GRAVITY: Final = (Level.OK, Level.WARN, Level.STOP)
_Part = tuple[str, Sequence[LabelFact], Sequence[LabelFact]]
_Count = Callable[[Sequence[LabelFact]], dict[str, float]]


def check_drift(new: Iterable[LabelFact], earlier: Iterable[LabelFact], limits: DriftLimits) -> Drift:
    """What moved between the photos that the incumbent learnt from, and the `new` ones that a training would learn.

    All together, each kiosk against its own past (a new one against all others'), each week of the new against all of
    the earlier.
    """
    new, earlier = list(new), list(earlier)
    compared = [one for one in _comparisons(new, earlier) if one.photos >= limits.least_photos]
    chance = limits.chance / max(1, len(compared))  # Bonferroni: the more looks, the more chance finds
    findings = [found for one in compared if (found := _moved(one, chance, len(new), limits)) is not None]
    people = _checked(new)
    doubt = _disagreement(people, _checked(_passing(new, limits)), limits)
    if doubt is not None:
        findings.append(doubt)
    findings.sort(
        key=lambda one: (-_GRAVITY.index(one.level), one.where != "all", -(one.shift.psi if one.shift else 0))
    )
    return Drift(tuple(findings), people, len(compared))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One aspect of one part, now and before. `facts`: all that is new of that part."""

    where: str
    what: str
    facts: Sequence[LabelFact]
    now: dict[str, float]
    before: dict[str, float]

    @property
    def photos(self) -> float:
        return min(sum(self.now.values()), sum(self.before.values()))


def _comparisons(new: Sequence[LabelFact], earlier: Sequence[LabelFact]) -> Iterator[_Comparison]:
    whole_weeks = _told_unsure([*new, *earlier])
    aspects: dict[str, _Count] = {
        "labels": label_counts,
        "share of unsure": lambda facts: _sureness([fact for fact in facts if fact.week in whole_weeks]),
        "confidence": _confidences,
    }
    for where, facts, before in _parts(new, earlier):
        for what, count in aspects.items():
            yield _Comparison(where, what, facts, count(_drawn(facts)), count(_drawn(before)))


def _parts(new: Sequence[LabelFact], earlier: Sequence[LabelFact]) -> Iterator[_Part]:
    """What is compared with what, under which name."""
    yield "all", new, earlier
    past = {fact.kiosk for fact in earlier}
    for kiosk in sorted({fact.kiosk for fact in new}):
        before = [fact for fact in earlier if fact.kiosk == kiosk] if kiosk in past else earlier
        yield f"kiosk {kiosk}", [fact for fact in new if fact.kiosk == kiosk], before
    for week in sorted({fact.week for fact in new}):
        yield f"week {week}", [fact for fact in new if fact.week == week], earlier


def _drawn(facts: Iterable[LabelFact]) -> list[LabelFact]:
    return [fact for fact in facts if fact.drawn]


def _moved(one: _Comparison, chance: float, everything: int, limits: DriftLimits) -> DriftFinding | None:
    """None when nothing moved but by chance."""
    found = shift(one.now, one.before, chance)
    if not found.significant or found.psi < limits.warn_psi:
        return None
    told = f"{one.what} moved (PSI {found.psi:.2f}; {found.told})"
    if found.psi < limits.stop_psi:
        return DriftFinding(Level.WARN, one.where, one.what, told, found)
    checked = _checked(one.facts)
    grave = Level.STOP if len(one.facts) >= limits.least_share * everything else Level.WARN
    agree = f"people agree with {checked.right:g} of {checked.checked}"
    promised = _checked(_passing(one.facts, limits))
    if promised.against(limits.promise) is PromiseState.BROKEN:
        only = f"people agree with {promised.right:g} of {promised.checked} only"
        return DriftFinding(grave, one.where, one.what, f"{told}, and {only}", found)
    if checked.checked < limits.least_checked:
        looked = f"and of the random sample people looked at {checked.checked} only, not at {limits.least_checked}"
        remedy = f"nunchi review export FOLDER --sample-share 1 --most 100{_where(one)}"
        return DriftFinding(grave, one.where, one.what, f"{told}, {looked}: {remedy}", found)
    return DriftFinding(
        Level.WARN, one.where, one.what, f"{told}, but {agree}: it is the customers that changed", found
    )


def _where(one: _Comparison) -> str:
    """How to ask for the photos that somebody must look at."""
    kiosk = f" --kiosk {one.facts[0].kiosk}" if one.where.startswith("kiosk ") else ""
    weeks = [fact.week for fact in one.facts if fact.week != NO_WEEK]
    return f"{kiosk} --since {datetime.strptime(f'{min(weeks)}-1', '%G-W%V-%u'):%Y-%m-%d}" if weeks else kiosk


def _disagreement(people: PromiseShare, promised: PromiseShare, limits: DriftLimits) -> DriftFinding | None:
    """Whether the labels are so often wrong that nobody should learn them, or less often right than promised.

    `people`: all that were looked at, for all would teach; `promised`: those who pass the gate of today.
    """
    if people.against(limits.too_wrong) is PromiseState.BROKEN:
        why = f"surely fewer than {_percent(limits.too_wrong)}: fit the calibration anew before training on them"
        return DriftFinding(Level.STOP, "all", "agreement", f"{_agreed(people)}, {why}")
    if promised.against(limits.promise) is PromiseState.BROKEN:
        why = f"fewer than the {_percent(limits.promise)} promised"
        return DriftFinding(Level.WARN, "all", "agreement", f"{_agreed(promised)}, {why}")
    if people.right < people.checked and people.too_few(limits.too_wrong):
        why = f"too few to tell whether {_percent(limits.too_wrong)} are right"
        return DriftFinding(Level.OK, "all", "agreement", f"{_agreed(people)}, {why}")
    return None


def _agreed(people: PromiseShare) -> str:
    return f"people agree with {people.right:g} of {people.checked} labels that the model was sure of"


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def _passing(facts: Iterable[LabelFact], limits: DriftLimits) -> list[LabelFact]:
    """Without photos whose labels are known to have passed an earlier, lower gate only."""
    return [fact for fact in facts if fact.confidence is None or passes(fact.confidence, limits.promise)]


def _checked(facts: Iterable[LabelFact]) -> PromiseShare:
    right = checked = 0
    for fact in facts:
        right, checked = right + fact.right, checked + fact.checked
    return PromiseShare(right, checked)


def label_counts(facts: Sequence[LabelFact]) -> dict[str, float]:
    """Photos whose labels would teach. Each counts once, shared among its people, who came together."""
    counts: dict[str, float] = dict.fromkeys((*LABELS, NOBODY), 0.0)
    for fact in facts:
        if fact.sure:
            for label in fact.labels or (NOBODY,):
                counts[label] += 1 / max(1, len(fact.labels))
    return counts


def _sureness(facts: Sequence[LabelFact]) -> dict[str, float]:
    unsure = sum(not fact.sure for fact in facts)
    return {"sure": len(facts) - unsure, "unsure": unsure}


def _confidences(facts: Sequence[LabelFact]) -> dict[str, float]:
    """Of the sure alone: of the others only some are kept, and not for long."""
    counts = Counter(
        sum(fact.confidence >= end for end in _BANDS) for fact in facts if fact.sure and fact.confidence is not None
    )
    names = [f"under {end:g}" for end in _BANDS] + [f"from {_BANDS[-1]:g}"]
    return {name: counts[place] for place, name in enumerate(names)}


def _told_unsure(facts: Iterable[LabelFact]) -> frozenset[str]:
    """The weeks that still have their unsure photos, which expire: all since the first that has some.

    Not that one: a part of its photos may have gone.
    """
    return frozenset(sorted({fact.week for fact in facts if not fact.sure and fact.week != NO_WEEK})[1:])
