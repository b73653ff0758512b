"""Drift detection, against a self-training feedback loop: stops a training on labels that drifted or are wrong.

A model that is trained on its own labels amplifies its own mistakes. Two measures show it: the distribution of its
labels shifts, and people agree with it less. Customers change too, so a shift stops a training only until people have
checked enough labels. Pure.

    large shift, and people agree             →  warn: the customers changed, not the model
    large shift, and too few labels checked   →  stop: either may have changed
    people agree far less                     →  stop, with or without a shift
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from contracts.classes import Classes
from retrain.bursts import NO_WEEK
from retrain.drift.population_stability import DistributionShift, distribution_shift
from retrain.review.agreement import PromiseShare, PromiseState, passes

RULE: Final = "drift"
NOBODY: Final = "nobody"
_CONFIDENCE_BINS: Final = (0.96, 0.97, 0.98, 0.99)  # inner edges, of photos that passed the gate


@dataclass(frozen=True, slots=True)
class LabelFact:
    """The model's labels of one photo.

    `sure`: every person in it passed the gate, so it is training data. `confidence` is the lowest in the photo; None if
    unknown. `checked` and `right` count the people in a checked photo of the random sample; 0 for all other photos.
    Shares are computed from the `drawn` photos only.
    """

    kiosk: str
    week: str
    labels: tuple[str, ...]
    sure: bool
    confidence: float | None = None
    checked: int = 0
    right: int = 0
    drawn: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftLimits:
    """The thresholds of drift.

    A PSI of `warn_psi` is a small shift, of `stop_psi` a large one: the rule of thumb of credit scoring (E. M. Lewis,
    An Introduction to Credit Scoring, 1994). `alpha` is the significance level of all comparisons together. Parts with
    fewer than `min_photos` are not compared, and parts below `min_share` of the new photos stop nothing. `min_checked`
    people suffice to see that 1 in 6 labels is wrong where 1 in 20 was promised. `promise` is the gate that the labels
    passed. Labels that are right less often than `too_wrong` stop a training without a shift: less than
    `min_agreement`, or less than `promise - min_below` under a lower promise.
    """

    warn_psi: float = 0.1
    stop_psi: float = 0.25
    alpha: float = 0.001
    min_photos: int = 100
    min_share: float = 0.05
    min_checked: int = 30
    promise: float
    min_agreement: float = 0.9
    min_below: float = 0.05

    @property
    def too_wrong(self) -> float:
        return min(self.min_agreement, self.promise - self.min_below)


class Level(StrEnum):
    """What a finding means for a training."""

    OK = "ok"
    WARN = "warn"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One shift, or too little agreement. `where`: `all`, `kiosk lobby` or `week 2026-W47`."""

    level: Level
    where: str
    what: str
    why: str
    shift: DistributionShift | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """The findings, the most severe first, those of all photos before those of a part."""

    findings: tuple[DriftFinding, ...]
    agreement: PromiseShare
    compared: int  # number of comparisons; 0: there is nothing earlier

    def to_fields(self) -> dict[str, Any]:
        """As the JSON of the drift report."""
        return {
            "rule": RULE,
            "level": self.level,
            "reason": self.reason,
            "compared": self.compared,
            "agreement": {"right": self.agreement.right, "checked": self.agreement.checked},
            "findings": [
                {
                    "level": finding.level,
                    "where": finding.where,
                    "what": finding.what,
                    "why": finding.why,
                    "psi": finding.shift.psi if finding.shift else None,
                    "by_chance": finding.shift.p_value if finding.shift else None,
                }
                for finding in self.findings
            ],
        }

    @property
    def level(self) -> Level:
        return max((finding.level for finding in self.findings), key=_SEVERITY.index, default=Level.OK)

    @property
    def reason(self) -> str:
        """For people: what shifted where, and what to do; at most three findings."""
        reasons = [f"{finding.where}: {finding.why}" for finding in self.findings if finding.level is self.level][:3]
        if not reasons:
            return "the model's labels have not moved" if self.compared else "there is nothing earlier to compare with"
        return "; ".join(reasons)


_SEVERITY: Final = (Level.OK, Level.WARN, Level.STOP)


def check_drift(new: Iterable[LabelFact], earlier: Iterable[LabelFact], limits: DriftLimits, classes: Classes) -> Drift:
    """Compare the `new` photos, which a training would use, with the `earlier` ones, which trained the incumbent.

    All photos together, each kiosk with its own past (a new kiosk with all others'), and each new week with all
    earlier photos.
    """
    new, earlier = list(new), list(earlier)
    compared = [
        comparison for comparison in _comparisons(new, earlier, classes) if comparison.photos >= limits.min_photos
    ]
    alpha = limits.alpha / max(1, len(compared))  # Bonferroni correction for multiple comparisons
    shifts = (_shift_finding(comparison, alpha, len(new), limits) for comparison in compared)
    findings = [finding for finding in shifts if finding is not None]
    people = _checked(new)
    disagreement = _disagreement(people, _checked(_passing(new, limits)), limits)
    if disagreement is not None:
        findings.append(disagreement)
    findings.sort(
        key=lambda finding: (
            -_SEVERITY.index(finding.level),
            finding.where != "all",
            -(finding.shift.psi if finding.shift else 0),
        )
    )
    return Drift(tuple(findings), people, len(compared))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One aspect of one part, now and before. `facts` are the new ones of that part."""

    where: str
    what: str
    facts: Sequence[LabelFact]
    now: dict[str, float]
    before: dict[str, float]

    @property
    def photos(self) -> float:
        return min(sum(self.now.values()), sum(self.before.values()))


def _comparisons(new: Sequence[LabelFact], earlier: Sequence[LabelFact], classes: Classes) -> Iterator[_Comparison]:
    complete_weeks = _weeks_with_unsure([*new, *earlier])
    aspects: dict[str, Callable[[Sequence[LabelFact]], dict[str, float]]] = {
        "labels": lambda facts: label_counts(facts, classes),
        "share of unsure": lambda facts: _sure_counts([fact for fact in facts if fact.week in complete_weeks]),
        "confidence": _confidence_counts,
    }
    past = dict(parts_of(earlier))
    for where, facts in parts_of(new):
        before = past.get(where, earlier) if where.startswith("kiosk ") else earlier
        for what, count in aspects.items():
            yield _Comparison(where, what, facts, count(_drawn(facts)), count(_drawn(before)))


class Placed(Protocol):
    """A fact about a photo of a kiosk and a week."""

    @property
    def kiosk(self) -> str: ...

    @property
    def week(self) -> str: ...


_Fact = TypeVar("_Fact", bound=Placed)


def parts_of(facts: Sequence[_Fact]) -> Iterator[tuple[str, Sequence[_Fact]]]:
    """All facts, then those of each kiosk, then those of each week, the latest last."""
    yield "all", facts
    for kiosk in sorted({fact.kiosk for fact in facts}):
        yield f"kiosk {kiosk}", [fact for fact in facts if fact.kiosk == kiosk]
    for week in sorted({fact.week for fact in facts}):
        yield f"week {week}", [fact for fact in facts if fact.week == week]


def _drawn(facts: Iterable[LabelFact]) -> list[LabelFact]:
    return [fact for fact in facts if fact.drawn]


def _shift_finding(comparison: _Comparison, alpha: float, new_photos: int, limits: DriftLimits) -> DriftFinding | None:
    """None without a significant shift."""
    shift = distribution_shift(comparison.now, comparison.before, alpha)
    if not shift.significant or shift.psi < limits.warn_psi:
        return None
    level, why = _shift_level(comparison, shift.psi, new_photos, limits)
    text = f"{comparison.what} moved (PSI {shift.psi:.2f}; {shift.summary}){why}"
    return DriftFinding(level, comparison.where, comparison.what, text, shift)


def _shift_level(comparison: _Comparison, psi: float, new_photos: int, limits: DriftLimits) -> tuple[Level, str]:
    """The level of a significant shift, and the reason for it."""
    if psi < limits.stop_psi:
        return Level.WARN, ""
    facts = comparison.facts
    severe = Level.STOP if len(facts) >= limits.min_share * new_photos else Level.WARN
    promised = _checked(_passing(facts, limits))
    if promised.against(limits.promise) is PromiseState.BROKEN:
        return severe, f", and people agree with {promised.right:g} of {promised.checked} only"
    checked = _checked(facts)
    if checked.checked < limits.min_checked:
        remedy = f"nunchi review export FOLDER --sample-share 1 --most 100{_export_options(comparison)}"
        few = f"only {checked.checked} labels of the random sample are checked, of {limits.min_checked} needed"
        return severe, f", and {few}: {remedy}"
    return Level.WARN, f", but people agree with {checked.right:g} of {checked.checked}: the customers changed"


def _export_options(comparison: _Comparison) -> str:
    """The options of `nunchi review export` that select the comparison's new photos."""
    kiosk = f" --kiosk {comparison.facts[0].kiosk}" if comparison.where.startswith("kiosk ") else ""
    weeks = [fact.week for fact in comparison.facts if fact.week != NO_WEEK]
    return f"{kiosk} --since {datetime.strptime(f'{min(weeks)}-1', '%G-W%V-%u'):%Y-%m-%d}" if weeks else kiosk


def _disagreement(people: PromiseShare, promised: PromiseShare, limits: DriftLimits) -> DriftFinding | None:
    """Whether the labels are too often wrong to train on, or less often right than promised.

    `people` are all that were checked, as all are training data; `promised` those who pass today's gate.
    """
    if people.against(limits.too_wrong) is PromiseState.BROKEN:
        why = f"surely fewer than {_percent(limits.too_wrong)}: fix the calibration before training on them"
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
    """Without photos that passed only an earlier, lower gate."""
    return [fact for fact in facts if fact.confidence is None or passes(fact.confidence, limits.promise)]


def _checked(facts: Iterable[LabelFact]) -> PromiseShare:
    facts = list(facts)
    return PromiseShare(sum(fact.right for fact in facts), sum(fact.checked for fact in facts))


def label_counts(facts: Sequence[LabelFact], classes: Classes) -> dict[str, float]:
    """Photos that are training data, by label. Each counts once, split evenly among its people: they came together."""
    counts: dict[str, float] = dict.fromkeys((*classes, NOBODY), 0.0)
    for fact in facts:
        if fact.sure:
            for label in fact.labels or (NOBODY,):
                counts[label] += 1 / max(1, len(fact.labels))
    return counts


def _sure_counts(facts: Sequence[LabelFact]) -> dict[str, float]:
    unsure = sum(not fact.sure for fact in facts)
    return {"sure": len(facts) - unsure, "unsure": unsure}


def _confidence_counts(facts: Sequence[LabelFact]) -> dict[str, float]:
    """Of photos that passed the gate only: of the others a part is stored, and expires."""
    counts = Counter(
        sum(fact.confidence >= end for end in _CONFIDENCE_BINS)
        for fact in facts
        if fact.sure and fact.confidence is not None
    )
    names = [f"under {end:g}" for end in _CONFIDENCE_BINS] + [f"from {_CONFIDENCE_BINS[-1]:g}"]
    return {name: counts[place] for place, name in enumerate(names)}


def _weeks_with_unsure(facts: Iterable[LabelFact]) -> frozenset[str]:
    """The weeks whose unsure photos have not expired: all after the first that has some, which may have lost a part."""
    return frozenset(sorted({fact.week for fact in facts if not fact.sure and fact.week != NO_WEEK})[1:])
