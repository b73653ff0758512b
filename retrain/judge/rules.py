"""The quality gate: the rules of promotion, in order; the first that fails decides. Pure.

golden_too_small   too few human-checked photos, moments or people for a significant difference
not_better         the score is not better by more than noise: the 95 % interval of the difference includes 0 or less
group_behind       a group gets the right label less often than from the incumbent, significantly or probably
promise_broken     of the labels that pass the gate, fewer are right than promised; or none pass, where right ones did
too_slow           a photo takes too many times as long as with the incumbent
better             all rules passed: the candidate is promoted

Every rule is evaluated, whichever decides, and the report shows all of them with their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from retrain.judge.figures import Figures, Gate
from retrain.judge.metrics import Estimate, rounded, share_below_0
from retrain.judge.settings import JudgeSettings

# What each rule asks for, as a sentence that is true of a candidate that passes it.
REQUIRED: Final[Mapping[str, str]] = {
    "golden_too_small": "There are enough golden photos to judge by",
    "not_better": "The candidate is better by more than noise",
    "group_behind": "No group of people gets worse labels",
    "promise_broken": "Its confidence keeps the promise of the gate",
    "too_slow": "It is fast enough",
    "better": "It serves: every rule above holds",
}


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """The result of one rule: whether the candidate passes, a sentence for people, and the numbers."""

    rule: str
    passes: bool
    text: str
    numbers: Mapping[str, Any]

    def fields(self) -> dict[str, Any]:
        return {"rule": self.rule, "passes": self.passes, "says": self.text, "numbers": dict(self.numbers)}


@dataclass(frozen=True, slots=True)
class Ruling:
    """The result of all rules."""

    promoted: bool
    rule: str
    reason: str
    checks: tuple[RuleCheck, ...] = ()


def apply_rules(
    candidate: Figures,
    incumbent: Figures,
    *,
    photos: int,
    moments: int,
    people: Mapping[str, int],
    settings: JudgeSettings,
) -> Ruling:
    """The ruling; `photos`, `moments` and `people` are the counts of the golden set."""
    checks = [
        _golden_too_small(photos, moments, people, candidate.detects.groups, settings),
        _not_better(candidate, incumbent, settings),
        _group_behind(candidate, incumbent, settings),
        _promise_broken(candidate, incumbent),
        _too_slow(candidate, incumbent, settings),
    ]
    failed = next((check for check in checks if not check.passes), None)
    if failed is not None:
        checks.append(RuleCheck("better", False, f"{failed.rule} failed", {}))
        return Ruling(False, failed.rule, failed.text, tuple(checks))
    text = f"{checks[1].text}; no group falls behind, the gate keeps its promise, and it is fast enough"
    checks.append(RuleCheck("better", True, text, {}))
    return Ruling(True, "better", text, tuple(checks))


def _golden_too_small(
    photos: int, moments: int, people: Mapping[str, int], named: Mapping[str, str], settings: JudgeSettings
) -> RuleCheck:
    min_moments = min(settings.golden_least_moments, settings.golden_least)
    few = {label: count for label, count in people.items() if count < settings.golden_least_per_label}
    parts = []
    if photos < settings.golden_least:
        parts.append(f"only {photos} golden photos, of {settings.golden_least} needed")
    elif moments < min_moments:
        parts.append(f"only {moments} moments that the {photos} golden photos show, of {min_moments} needed")
    if few:
        groups = ", ".join(f"{count} {named[label]}" for label, count in few.items())
        parts.append(f"only {groups} in them, of {settings.golden_least_per_label} needed each")
    text = (
        f"there are {' and '.join(parts)}; check more photos by hand"
        if parts
        else f"{photos} golden photos with {sum(people.values())} people are enough to judge by"
    )
    numbers = {
        "photos": photos,
        "least_photos": settings.golden_least,
        "moments": moments,
        "least_moments": min_moments,
        "people": dict(people),
        "least_people": settings.golden_least_per_label,
    }
    return RuleCheck("golden_too_small", not parts, text, numbers)


def _not_better(candidate: Figures, incumbent: Figures, settings: JudgeSettings) -> RuleCheck:
    new, old = candidate.score(settings.score), incumbent.score(settings.score)
    difference = Estimate.of(new - old)
    passes = difference.low > 0
    text = (
        f"{settings.score.words} is {new[0]:.3f} against {old[0]:.3f}, a difference of {difference.value:+.3f} "
        f"(95 % interval {difference.low:+.3f} to {difference.high:+.3f}), which is "
        f"{'more than noise' if passes else 'no proof that it is better'}"
    )
    numbers = {
        "score": settings.score,
        "candidate": Estimate.of(new).fields(),
        "incumbent": Estimate.of(old).fields(),
        "difference": difference.fields(),
    }
    return RuleCheck("not_better", passes, text, numbers)


def _group_behind(candidate: Figures, incumbent: Figures, settings: JudgeSettings) -> RuleCheck:
    """A group is behind if it loses significantly, or loses more than the margin and probably not by chance.

    One of 25 people is four points, so a single difference must not decide. But a rare group is too small for
    significance: two people lost and none won are enough.
    """
    draws = {
        label: candidate.right[place] - incumbent.right[place] for place, label in enumerate(candidate.detects.classes)
    }
    differences = {label: Estimate.of(drawn) for label, drawn in draws.items()}
    losing = {label: share_below_0(drawn) for label, drawn in draws.items()}
    # A group without golden people is NaN, for which no comparison is true; golden_too_small covers it.
    behind = [
        label
        for label, difference in differences.items()
        if difference.high < 0 or (difference.value < -settings.group_margin and losing[label] >= settings.group_doubt)
    ]
    numbers = {
        "margin": settings.group_margin,
        "doubt": settings.group_doubt,
        "behind": list(behind),
        "losing": {label: rounded(share) for label, share in losing.items()},
        "differences": {label: difference.fields() for label, difference in differences.items()},
    }
    fewer = [label for label, difference in differences.items() if difference.value < 0]
    points = [_points(candidate.detects.groups[label], differences[label]) for label in behind or fewer]
    if behind:
        text = f"it is worse for {_listed(points)}, whatever it is on the whole"
    else:
        text = "no group gets its right label less often than before"
        text += f" by more than chance, {_listed(points)}" if fewer else ""
    return RuleCheck("group_behind", not behind, text, numbers)


def _promise_broken(candidate: Figures, incumbent: Figures) -> RuleCheck:
    gate, before = candidate.gate, incumbent.gate
    numbers = {"candidate": gate.fields(), "incumbent": before.fields()}
    if gate.people == 0:
        # A model that passes nothing adds no wrong labels: it is worse only than one whose labels keep the promise.
        passes = before.people == 0 or not _kept(before)
        text = f"nothing passes the gate of {gate.gate:g}"
        if before.people == 0:
            text += ", nor did before"
        else:
            text += f", where {before.photos} of {before.of_photos} photos did before"
            text += (
                f"; but of the people in them only {100 * before.precision.value:.1f} % got the right label"
                if passes
                else ": no label would be gathered any more. With more checked photos to calibrate on, some pass"
            )
        return RuleCheck("promise_broken", passes, text, numbers)
    precision = gate.precision
    passes = _kept(gate)
    text = (
        f"of {gate.people} people who pass the gate of {gate.gate:g}, {100 * precision.value:.1f} % have the right "
        f"label (95 % interval {100 * precision.low:.1f} to {100 * precision.high:.1f} %), "
        + (
            f"fewer than the {100 * gate.gate:g} % promised{_also_broken(before)}"
            if not passes
            else "as promised"
            if precision.value >= gate.gate
            else f"too few to say that it is not the {100 * gate.gate:g} % promised"
        )
    )
    return RuleCheck("promise_broken", passes, text, numbers)


def _kept(gate: Gate) -> bool:
    """Whether the gate's promise may hold: the interval of its precision reaches it."""
    return gate.precision.high >= gate.gate


def _also_broken(incumbent: Gate) -> str:
    """The note that the incumbent breaks its promise too, for a person who may overrule."""
    if incumbent.people == 0 or _kept(incumbent):
        return ""
    return f" (so does the incumbent, with {100 * incumbent.precision.value:.1f} % of {incumbent.people})"


def _too_slow(candidate: Figures, incumbent: Figures, settings: JudgeSettings) -> RuleCheck:
    times = candidate.ms / max(incumbent.ms, 1e-6)
    passes = times <= settings.most_slowdown
    text = (
        f"a photo takes {candidate.ms:.1f} ms against {incumbent.ms:.1f} ms, {times:.2f} times as long, "
        f"{'within' if passes else 'more than'} the {settings.most_slowdown:g} times that workers accept"
    )
    numbers = {
        "candidate_ms": round(candidate.ms, 3),
        "incumbent_ms": round(incumbent.ms, 3),
        "times": round(times, 4),
        "most": settings.most_slowdown,
    }
    return RuleCheck("too_slow", passes, text, numbers)


def _points(group: str, difference: Estimate) -> str:
    return f"{group} ({100 * difference.value:+.1f} percentage points with the right label)"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
