"""The rules for a fitted last layer, in order; the first that fails decides. Pure.

golden_too_small   too few golden moments, elders or adults to see a harm
not_better         the log loss is not lower by more than noise, or that of one question is higher by more than noise
worse_calibrated   the calibration error of the label's confidence is higher by more than noise
promise_broken     the labels of a kind that pass the gate are less often right than promised, and were not before
elders_lose        fewer golden elders are told elder, or get the easy screen, by more than chance
better             all rules passed: the layer may serve

Every rule is evaluated, whichever decides. The log loss must be better beyond noise, the calibration error only not
worse: the error of a hundred people is mostly noise, and always above 0, while the log loss contains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from recipes.kiosk.labels import LABELS, Label
from retrain.judge.golden import GoldenPhoto, counts
from retrain.judge.metrics import Estimate, rounded, share_below_0
from retrain.judge.rules import RuleCheck, Ruling
from retrain.recalibration.figures import LayerFigures, Share

# Elders are protected by a count, not only by an interval: with 20, a true loss of one in ten is two people on average,
# which `elders_lose` sees more often than not. It is also the number that a training asks for of each label.
LEAST_ELDERS: Final = 20
LEAST_ADULTS: Final = 20
LEAST_MOMENTS: Final = 30  # as for a training: a bootstrap over fewer is overconfident
# As the rule group_behind of a training: two elders lost and none won are enough, one is not.
MARGIN: Final = 0.02
DOUBT: Final = 0.75


@dataclass(frozen=True, slots=True)
class Promise:
    """The labels of a kind that pass the gate."""

    share: Share
    gate: float

    @property
    def kept(self) -> bool:
        """Whether the promise may hold: the exact interval reaches the gate. Nothing kept breaks none."""
        return not self.share.total or Estimate.exact(self.share.count, self.share.total).high >= self.gate


def apply_rules(
    candidate: LayerFigures, incumbent: LayerFigures, photos: Sequence[GoldenPhoto], *, gate: float
) -> Ruling:
    """The ruling on golden photos."""
    checks = [
        golden_too_small(photos),
        _not_better(candidate, incumbent),
        _worse_calibrated(candidate, incumbent),
        _promise_broken(candidate, incumbent, gate),
        _elders_lose(candidate, incumbent),
    ]
    failed = next((check for check in checks if not check.passes), None)
    if failed is not None:
        return Ruling(False, failed.rule, failed.text, tuple(checks))
    text = f"{checks[1].text}; no label breaks the gate's promise, and no elder loses by more than chance"
    return Ruling(True, "better", text, (*checks, RuleCheck("better", True, text, {})))


def golden_too_small(photos: Sequence[GoldenPhoto]) -> RuleCheck:
    """Whether there is enough to judge by; needs no prediction."""
    people = counts(photos, LABELS)
    elders = sum(count for label, count in people.items() if Label(label).elder)
    adults = sum(people.values()) - elders
    moments = len({photo.moment for photo in photos})
    needed = (("elders", elders, LEAST_ELDERS), ("adults", adults, LEAST_ADULTS), ("moments", moments, LEAST_MOMENTS))
    short = [f"{count} {name} ({least} are needed)" for name, count, least in needed if count < least]
    text = (
        f"golden has {', '.join(short)}: too few to see whether somebody loses"
        if short
        else f"golden has {elders} elders and {adults} adults of {moments} moments"
    )
    return RuleCheck("golden_too_small", not short, text, {name: count for name, count, _ in needed})


def _not_better(candidate: LayerFigures, incumbent: LayerFigures) -> RuleCheck:
    difference = Estimate.of(candidate.total - incumbent.total)
    of_each = {name: Estimate.of(candidate.log_loss[name] - incumbent.log_loss[name]) for name in candidate.log_loss}
    worse = [name for name, each in of_each.items() if each.low > 0]
    better = difference.high < 0
    text = (
        f"the log loss is {candidate.total[0]:.4f} against {incumbent.total[0]:.4f} nats a person, a difference of "
        f"{difference.value:+.4f} (95 % interval {difference.low:+.4f} to {difference.high:+.4f}), which is "
        + ("more than noise" if better else "no proof that it is better")
        + (f"; but that of the {' and the '.join(worse)} is higher by more than noise" if worse else "")
    )
    numbers = {"difference": difference.fields(), **{name: each.fields() for name, each in of_each.items()}}
    return RuleCheck("not_better", better and not worse, text, numbers)


def _worse_calibrated(candidate: LayerFigures, incumbent: LayerFigures) -> RuleCheck:
    difference = Estimate.of(candidate.ece - incumbent.ece)
    passes = not difference.low > 0
    text = (
        f"the calibration error of the label is {candidate.ece[0]:.3f} against {incumbent.ece[0]:.3f}, "
        f"{'not' if passes else ''} higher by more than noise".replace("  ", " ")
    )
    return RuleCheck("worse_calibrated", passes, text, {"difference": difference.fields()})


def _promise_broken(candidate: LayerFigures, incumbent: LayerFigures, gate: float) -> RuleCheck:
    broken = []
    for label in LABELS:
        new, old = candidate.gate[str(label)], incumbent.gate[str(label)]
        if not Promise(new, gate).kept and (Promise(old, gate).kept or _share(new) < _share(old)):
            broken.append(f"{new.count} of {new.total} as {label} are right, {old.count} of {old.total} before")
    text = (
        f"of the labels that pass the gate of {gate:g}, {'; '.join(broken)}: fewer than promised"
        if broken
        else f"no label breaks the promise of the gate of {gate:g} that did not before"
    )
    numbers = {
        str(label): {"candidate": candidate.gate[str(label)].fields(), "incumbent": incumbent.gate[str(label)].fields()}
        for label in LABELS
    }
    return RuleCheck("promise_broken", not broken, text, numbers)


def _elders_lose(candidate: LayerFigures, incumbent: LayerFigures) -> RuleCheck:
    """By the true label, so that a layer can't pass by calling fewer people elders."""
    losing: list[str] = []
    numbers: dict[str, Any] = {"margin": MARGIN, "doubt": DOUBT}
    for name, new, old in (
        ("told elder", candidate.elders_told, incumbent.elders_told),
        ("given the easy screen", candidate.easy_elders, incumbent.easy_elders),
    ):
        difference, doubt = Estimate.of(new.draws - old.draws), share_below_0(new.draws - old.draws)
        numbers[name] = {**difference.fields(), "losing": rounded(doubt)}
        if difference.high < 0 or (difference.value < -MARGIN and doubt >= DOUBT):
            losing.append(f"{new.count} of {new.total} are {name}, {old.count} before")
    text = (
        f"of the golden elders {' and '.join(losing)}, whatever it gains on the whole"
        if losing
        else "of the golden elders no fewer are told elder or given the easy screen by more than chance"
    )
    return RuleCheck("elders_lose", not losing, text, numbers)


def _share(share: Share) -> float:
    return share.count / share.total if share.total else 1.0
