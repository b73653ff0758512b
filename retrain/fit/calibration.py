"""From a network's own scores to confidences that hold, fitted on people of the validation photos.

    confidence = s(bias + a * log p - b * log(1 - p)), a and b >= 0, never over MOST_CONFIDENCE

This is beta calibration (Kull, Silva Filho and Flach, AISTATS 2017), with p the score of the likeliest label after the
cut that the worker makes; the worker reads it back (worker/models/calibration.py). Few examples say little: beside them
stands a prior that doubts the network, as if so many people more had been seen to bear it out: with none at all the
prior is the answer, with hundreds it fades. A label with enough examples gets a formula of its own, with the common one
as its prior.

The examples come from serving the candidate with AS_IT_IS, which leaves its scores as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.labels import LABELS, Label
from retrain.judge.figures import calibration_of
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import served
from retrain.judge.predictions import Prediction

Floats = NDArray[np.float64]

MOST_CONFIDENCE: Final = 0.995  # the worker's own cap, written down because a cap is part of what is promised
FEW: Final = 30  # people; with fewer the prior counts for PRIOR_FEW
PRIOR: Final = 20.0  # people that the prior counts for
PRIOR_FEW: Final = 200.0
LEAST_OF_LABEL: Final = 15  # right ones, and wrong ones, before a label gets its own formula
LEAST_HUMAN: Final = 100  # people whom a person has checked, before they alone are believed
FOLDS: Final = 5
LEAST_IN_BIN: Final = 15

AS_IT_IS: Final[Mapping[str, Any]] = {"confidence": {"bias": 0.0, "weights": {"log_right": 1.0, "log_wrong": -1.0}}}


@dataclass(frozen=True, slots=True)
class Example:
    """A box that the network answered with, and what it was. `human`: a person has checked the photo's labels."""

    label: Label
    score: float
    right: bool
    human: bool
    moment: str


@dataclass(frozen=True, slots=True)
class Formula:
    """s(bias + right * log p + wrong * log(1 - p)), capped; rises from the least score on when right >= 0 >= wrong."""

    bias: float
    right: float
    wrong: float

    def __call__(self, scores: Floats) -> Floats:
        x = self.bias + _features(scores) @ [self.right, self.wrong]
        return np.minimum(1 / (1 + np.exp(-np.clip(x, -30, 30))), MOST_CONFIDENCE)

    def rises(self, least: float) -> bool:
        """Whether the worker accepts it: never falling from the least score that is reported, and rising somewhere."""
        confidence = self(np.linspace(least, 1, 500))
        return bool(np.all(np.diff(confidence) >= 0) and confidence[0] < confidence[-1])

    def fields(self) -> dict[str, Any]:
        return {"bias": self.bias, "weights": {"log_right": self.right, "log_wrong": self.wrong}}


# What a score counts for before anything bears it out: 0.25 for 0.27, 0.5 for 0.60, 0.9 for 0.83, and never more than
# 0.86: nothing passes a gate of 0.95 until there is evidence that it may.
DOUBT: Final = Formula(1.8, 2.0, 0.0)


@dataclass(frozen=True, slots=True)
class FittedCalibration:
    """`fields` is a manifest's `calibration`, which says under `fitted` what it was fitted on and how well it holds."""

    fields: Mapping[str, Any]
    warnings: tuple[str, ...]


def examples(
    photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction], *, human: Collection[str]
) -> tuple[Example, ...]:
    """Every box of the predictions, which are served AS_IT_IS; `human` are the stems of photos that a person checked.

    A box is right when it overlaps a person by half or more and has their label.
    """
    matched = served(photos, predictions)
    labels = [one.label for prediction in predictions for one in sorted(prediction.people, key=_surest_first)]
    return tuple(
        Example(label, float(score), bool(right), photos[place].path.stem in human, photos[place].moment)
        for label, score, right, place in zip(labels, matched.confidence, matched.box_right, matched.photo, strict=True)
    )


def calibrate(every: Sequence[Example], *, least: float) -> FittedCalibration:
    """Fit the formulas; `least` is the lowest score that the worker reports, its cut's."""
    human = [one for one in every if one.human]
    trusted = human if len(human) >= LEAST_HUMAN else list(every)
    common, by_label = _fitted(trusted, least)
    warnings = []
    if len(trusted) < FEW:
        warnings.append(
            f"only {len(trusted)} people to calibrate on, of {FEW}: confidences are a guess on the safe side, and "
            "hardly any passes the gate"
        )
    if sum(one.human for one in trusted) < len(trusted) / 2:
        warnings.append(
            "most of the people that it is calibrated on were labelled by a model that was sure of them: confidences "
            "may be too high. Check some validation photos by hand"
        )
    fields: dict[str, Any] = {"confidence": common.fields()}
    if by_label:
        fields["by_label"] = {str(label): formula.fields() for label, formula in by_label.items()}
    fields["fitted"] = {
        "method": "beta calibration (Kull, Silva Filho and Flach, AISTATS 2017), with a prior that doubts the network",
        "data": _whose(trusted),
        "people": {
            "all": len(trusted),
            "right": sum(one.right for one in trusted),
            "human": sum(one.human for one in trusted),
            "automatic": sum(not one.human for one in trusted),
        },
        "by_label": {
            str(label): {
                "people": sum(one.label == label for one in trusted),
                "right": sum(one.right for one in trusted if one.label == label),
                "own_formula": label in by_label,
            }
            for label in LABELS
        },
        **_held_out(trusted, least),
        "warnings": warnings,
    }
    return FittedCalibration(fields, tuple(warnings))


def _whose(trusted: Sequence[Example]) -> str:
    if not trusted:
        return "nobody: no validation person was found"
    human = sum(one.human for one in trusted)
    if human == len(trusted):
        return "validation people whom a person has checked"
    if human == 0:
        return "validation people whom a model was sure of"
    return "validation people, checked by a person or labelled by a model that was sure"


def _fitted(trusted: Sequence[Example], least: float) -> tuple[Formula, dict[Label, Formula]]:
    if len(trusted) < FEW:
        # Without log(1 - p), which grows without end near 1, no confidence is over s(bias).
        return _fit(trusted, DOUBT, PRIOR_FEW, least, ([0],)), {}
    common = _fit(trusted, DOUBT, PRIOR, least)
    by_label = {}
    for label in LABELS:
        of_label = [one for one in trusted if one.label == label]
        right = sum(one.right for one in of_label)
        if min(right, len(of_label) - right) >= LEAST_OF_LABEL:
            by_label[label] = _fit(of_label, common, PRIOR, least)
    return common, by_label


def _fit(
    some: Sequence[Example],
    prior: Formula,
    prior_people: float,
    least: float,
    choices: Sequence[list[int]] = ([0, 1], [0], [1]),
) -> Formula:
    """The likeliest formula of the examples and as many imagined people as `prior_people`, spread over the scores."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow, and needed only here

    grid = np.linspace(least, 0.995, 40)
    believed = prior(grid)
    each = prior_people / len(grid)
    scores = np.concatenate([np.array([one.score for one in some]), grid, grid])
    right = np.concatenate([np.array([one.right for one in some], dtype=bool), np.ones(40, bool), np.zeros(40, bool)])
    weight = np.concatenate([np.ones(len(some)), each * believed, each * (1 - believed)])
    features = _features(scores)
    # Kull et al.: a coefficient of the wrong sign is left out, and the other one fitted alone.
    for columns in choices:
        model = LogisticRegression(C=1e4, solver="newton-cholesky", max_iter=200)
        model.fit(features[:, columns], right, sample_weight=weight)
        weights = dict(zip(columns, map(float, model.coef_[0]), strict=True))
        formula = Formula(float(model.intercept_[0]), weights.get(0, 0.0), weights.get(1, 0.0))
        if formula.right >= 0 >= formula.wrong and formula.rises(least):
            return formula
    return prior  # examples that say a higher score is worse say nothing that can be used


def _held_out(trusted: Sequence[Example], least: float) -> dict[str, Any]:
    """How well it holds for people whom it was not fitted on: no moment is on both sides."""
    scores = np.array([one.score for one in trusted])
    right = np.array([one.right for one in trusted], dtype=bool)
    moments = list(dict.fromkeys(one.moment for one in trusted))
    if len(moments) < 2 * FOLDS:
        return {"ece_before": None, "ece_after": None, "bins": []}
    fold = np.array([moments.index(one.moment) % FOLDS for one in trusted])
    sure = np.empty(len(trusted))
    for held in range(FOLDS):
        common, by_label = _fitted([one for one, at in zip(trusted, fold, strict=True) if at != held], least)
        for place in map(int, np.flatnonzero(fold == held)):
            formula = by_label.get(trusted[place].label, common)
            sure[place] = formula(scores[place : place + 1])[0]
    before, _ = calibration_of(scores, right, least=LEAST_IN_BIN)
    after, bins = calibration_of(sure, right, least=LEAST_IN_BIN)
    told = [{"count": one.count, "said": round(one.said, 5), "right": round(one.right, 5)} for one in bins]
    return {"ece_before": round(before, 5), "ece_after": round(after, 5), "bins": told}


def _features(scores: Floats) -> Floats:
    p = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.stack([np.log(p), np.log(1 - p)], axis=1)


def _surest_first(one: Any) -> float:
    return -float(one.confidence)
