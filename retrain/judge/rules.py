"""Whether a candidate serves: six rules in order, the first that speaks decides. Pure.

golden_too_small   too few photos, moments or people are checked by hand for any difference to mean something
not_better         the score is not better by more than noise: the 95 % interval of the difference reaches down to 0
group_behind       people of some group get the right label less often than from the incumbent, surely or probably
promise_broken     of what passes the gate, fewer are right than promised; or nothing passes where what passed was right
too_slow           it takes more than so many times as long as the incumbent
better             none of them: it serves

Every rule is looked at, whichever decides, and the report shows all of them with their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.labels import LABELS, Label
from retrain.judge.figures import Figures, Gate
from retrain.judge.metrics import Estimate, rounded, share_below_0
from retrain.judge.settings import JudgeSettings


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One rule: whether the candidate passes it, a sentence for people, and the numbers."""

    rule: str
    passes: bool
    says: str
    numbers: Mapping[str, Any]

    def fields(self) -> dict[str, Any]:
        return {"rule": self.rule, "passes": self.passes, "says": self.says, "numbers": dict(self.numbers)}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules come to."""

    promoted: bool
    rule: str
    reason: str
    checks: tuple[RuleCheck, ...]


def rule_on(
    candidate: Figures,
    incumbent: Figures,
    *,
    photos: int,
    moments: int,
    people: Mapping[Label, int],
    settings: JudgeSettings,
) -> Ruling:
    """The ruling; `photos`, `moments` and `people` are those of the golden set."""
    checks = [
        _golden_too_small(photos, moments, people, settings),
        _not_better(candidate, incumbent, settings),
        _group_behind(candidate, incumbent, settings),
        _promise_broken(candidate, incumbent),
        _too_slow(candidate, incumbent, settings),
    ]
    against = next((check for check in checks if not check.passes), None)
    if against is not None:
        checks.append(RuleCheck("better", False, f"{against.rule} decided before", {}))
        return Ruling(False, against.rule, against.says, tuple(checks))
    says = f"{checks[1].says}; no group falls behind, the gate keeps its promise, and it is fast enough"
    checks.append(RuleCheck("better", True, says, {}))
    return Ruling(True, "better", says, tuple(checks))


def _golden_too_small(photos: int, moments: int, people: Mapping[Label, int], settings: JudgeSettings) -> RuleCheck:
    least_moments = min(settings.golden_least_moments, settings.golden_least)
    few = {label: count for label, count in people.items() if count < settings.golden_least_per_label}
    parts = []
    if photos < settings.golden_least:
        parts.append(f"{photos} golden photos, of {settings.golden_least} that a judgement needs")
    elif moments < least_moments:
        parts.append(f"only {moments} moments that the {photos} golden photos show, of {least_moments} apart")
    if few:
        of = ", ".join(f"{count} {words(label)}" for label, count in few.items())
        parts.append(f"only {of} in them, of {settings.golden_least_per_label} each")
    says = (
        f"there are {' and '.join(parts)}; check more photos by hand"
        if parts
        else f"{photos} golden photos with {sum(people.values())} people are enough to judge by"
    )
    numbers = {
        "photos": photos,
        "least_photos": settings.golden_least,
        "moments": moments,
        "least_moments": least_moments,
        "people": {str(label): count for label, count in people.items()},
        "least_people": settings.golden_least_per_label,
    }
    return RuleCheck("golden_too_small", not parts, says, numbers)


def _not_better(candidate: Figures, incumbent: Figures, settings: JudgeSettings) -> RuleCheck:
    ours, theirs = candidate.score(settings.score), incumbent.score(settings.score)
    difference = Estimate.of(ours - theirs)
    passes = difference.low > 0
    says = (
        f"{settings.score.words} is {ours[0]:.3f} against {theirs[0]:.3f}, a difference of {difference.value:+.3f} "
        f"(95 % interval {difference.low:+.3f} to {difference.high:+.3f}), which is "
        f"{'more than noise' if passes else 'no proof that it is better'}"
    )
    numbers = {
        "score": settings.score,
        "candidate": Estimate.of(ours).fields(),
        "incumbent": Estimate.of(theirs).fields(),
        "difference": difference.fields(),
    }
    return RuleCheck("not_better", passes, says, numbers)


def _group_behind(candidate: Figures, incumbent: Figures, settings: JudgeSettings) -> RuleCheck:
    """Behind is who surely loses, and who loses more than the margin and probably not by chance.

    Of 25 people one is four points: one who gets lucky with each model must not decide for all. But nobody waits for
    proof of harm, which the few of a rare group never give: two lost and none won are enough.
    """
    drawn = {label: candidate.right[place] - incumbent.right[place] for place, label in enumerate(LABELS)}
    differences = {label: Estimate.of(one) for label, one in drawn.items()}
    losing = {label: share_below_0(one) for label, one in drawn.items()}
    # No comparison with NaN holds: of a group that no golden photo shows, golden_too_small speaks.
    behind = [
        label
        for label, one in differences.items()
        if one.high < 0 or (one.value < -settings.group_margin and losing[label] >= settings.group_doubt)
    ]
    numbers = {
        "margin": settings.group_margin,
        "doubt": settings.group_doubt,
        "behind": [str(label) for label in behind],
        "losing": {str(label): rounded(share) for label, share in losing.items()},
        "differences": {str(label): one.fields() for label, one in differences.items()},
    }
    if not behind:
        fewer = [label for label, one in differences.items() if one.value < 0]
        says = "no group gets its right label less often than before"
        if fewer:
            says += f" by more than chance, {_listed([_points(label, differences[label]) for label in fewer])}"
        return RuleCheck("group_behind", True, says, numbers)
    says = f"it is worse for {_listed([_points(label, differences[label]) for label in behind])}"
    return RuleCheck("group_behind", False, f"{says}, whatever it is on the whole", numbers)


def _promise_broken(candidate: Figures, incumbent: Figures) -> RuleCheck:
    ours, theirs = candidate.gate, incumbent.gate
    numbers = {"candidate": ours.fields(), "incumbent": theirs.fields()}
    if ours.people == 0:
        # Silence gathers nothing, but mislabels nobody either: it is worse only than labels that could be learnt from.
        passes = theirs.people == 0 or not _kept(theirs)
        says = f"nothing passes the gate of {ours.gate:g}"
        if theirs.people == 0:
            says += ", nor did before"
        else:
            says += f", where {theirs.photos} of {theirs.of_photos} photos did before"
            says += (
                f"; but of the people in them only {100 * theirs.precision.value:.1f} % got the right label"
                if passes
                else ": no label would be gathered any more. With more checked photos to calibrate on, some pass"
            )
        return RuleCheck("promise_broken", passes, says, numbers)
    precision = ours.precision
    passes = _kept(ours)
    says = (
        f"of {ours.people} people who pass the gate of {ours.gate:g}, {100 * precision.value:.1f} % have the right "
        f"label (95 % interval {100 * precision.low:.1f} to {100 * precision.high:.1f} %), "
        + (
            f"fewer than the {100 * ours.gate:g} % promised{_so_did(theirs)}"
            if not passes
            else "as promised"
            if precision.value >= ours.gate
            else f"too few to say that it is not the {100 * ours.gate:g} % promised"
        )
    )
    return RuleCheck("promise_broken", passes, says, numbers)


def _kept(gate: Gate) -> bool:
    """Whether the gate's promise may hold, as far as the people who passed it can tell."""
    return gate.precision.high >= gate.gate


def _so_did(theirs: Gate) -> str:
    """For whoever wants to overrule: what serves breaks its promise, too."""
    if theirs.people == 0 or _kept(theirs):
        return ""
    return f" (so does the incumbent, with {100 * theirs.precision.value:.1f} % of {theirs.people})"


def _too_slow(candidate: Figures, incumbent: Figures, settings: JudgeSettings) -> RuleCheck:
    times = candidate.ms / max(incumbent.ms, 1e-6)
    passes = times <= settings.most_slowdown
    says = (
        f"a photo takes {candidate.ms:.1f} ms against {incumbent.ms:.1f} ms, {times:.2f} times as long, "
        f"{'within' if passes else 'more than'} the {settings.most_slowdown:g} times that workers accept"
    )
    numbers = {
        "candidate_ms": round(candidate.ms, 3),
        "incumbent_ms": round(incumbent.ms, 3),
        "times": round(times, 4),
        "most": settings.most_slowdown,
    }
    return RuleCheck("too_slow", passes, says, numbers)


def _points(label: Label, difference: Estimate) -> str:
    return f"{words(label)} ({100 * difference.value:+.1f} percentage points with the right label)"


def words(label: Label) -> str:
    """A group for people: "elder women"."""
    age, gender = str(label).split("_")
    return f"{age} {'women' if gender == 'female' else 'men'}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
