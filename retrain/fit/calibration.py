"""Calibration: fits confidences to a network's scores on the people of the validation photos.

This is beta calibration (contracts/formulas/calibration.py), with p the score of the likeliest label after the worker's
threshold. A prior that doubts the network counts as many imagined people: without examples it is the result, with
hundreds it fades. A label with enough examples gets a formula of its own, with the common one as its prior.

The age is answered by the calibrated confidence and the network's scores of the other labels
(recipes/kiosk/probabilities.py); the calibration error of this answer is measured, and has no formula of its own.

The examples come from the candidate with the calibration AS_IT_IS, the identity.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.formulas.calibration import BetaCalibration, log_features
from recipes.kiosk.answers import ELDER
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.probabilities import Four, answers_of, probabilities_from
from retrain.judge.figures import calibration_of
from retrain.judge.golden import GoldenPhoto
from retrain.judge.matching import Floats, served
from retrain.judge.predictions import PredictedPerson, Prediction

FEW: Final = 30  # people; with fewer, the prior has the weight PRIOR_FEW
PRIOR: Final = 20.0  # the prior's weight, in people
PRIOR_FEW: Final = 200.0
MIN_OF_LABEL: Final = 15  # right ones, and wrong ones, for a formula of the label's own
MIN_HUMAN: Final = 100  # human-checked people, to fit on them only
FOLDS: Final = 5
MIN_IN_BIN: Final = 15

AS_IT_IS: Final[Mapping[str, Any]] = {"confidence": {"bias": 0.0, "weights": {"log_right": 1.0, "log_wrong": -1.0}}}


@dataclass(frozen=True, slots=True)
class Example:
    """A predicted box, and whether it is right. `human`: a person checked the photo's labels.

    `scores` are the network's for all labels, in proportion; None if it gave no answers. `elder`: of the person that
    the box matches; None without one.
    """

    label: Label
    score: float
    right: bool
    human: bool
    moment: str
    scores: Four | None = None
    elder: bool | None = None


# The prior: score 0.25 becomes 0.27, 0.5 becomes 0.60, 0.9 becomes 0.83, and none exceeds 0.86, so that nothing passes
# a gate of 0.95 without evidence.
DOUBT: Final = BetaCalibration(1.8, 2.0, 0.0)


def examples(
    photos: Sequence[GoldenPhoto], predictions: Sequence[Prediction], *, human: Collection[str]
) -> tuple[Example, ...]:
    """Every box of the predictions, which have the calibration AS_IT_IS; `human` are the stems of checked photos.

    A box is right when its IoU with a person is 0.5 or more and it has their label.
    """
    matched = served(photos, predictions, LABELS)
    people = [
        person
        for prediction in predictions
        for person in sorted(prediction.people, key=lambda person: -person.confidence)
    ]
    return tuple(
        Example(
            Label(person.label),
            person.confidence,
            bool(right),
            photos[photo].path.stem in human,
            photos[photo].moment,
            _scores(person),
            LABELS[truth].elder if truth >= 0 else None,
        )
        for person, right, photo, truth in zip(people, matched.box_right, matched.photo, matched.truth, strict=True)
    )


def _scores(person: PredictedPerson) -> Four | None:
    if person.answers is None:
        return None
    return probabilities_from(Label(person.label), person.confidence, person.answers)


def calibrate(every: Sequence[Example], *, least: float) -> dict[str, Any]:
    """Fit the formulas: a manifest's `calibration`, whose `fitted` has the data, the calibration error and warnings.

    `least` is the lowest score that the worker reports, its threshold.
    """
    human = [example for example in every if example.human]
    trusted = human if len(human) >= MIN_HUMAN else list(every)
    checked = sum(example.human for example in trusted)
    common, by_label = _fitted(trusted, least)
    warnings = []
    if len(trusted) < FEW:
        warnings.append(
            f"only {len(trusted)} people to calibrate on, of {FEW} needed: confidences are low estimates, and hardly "
            "any passes the gate"
        )
    if checked < len(trusted) / 2:
        warnings.append(
            "most of the people to calibrate on were labelled by a model that was sure of them: confidences may be too "
            "high. Check some validation photos by hand"
        )
    fields: dict[str, Any] = {"confidence": common.fields()}
    if by_label:
        fields["by_label"] = {str(label): formula.fields() for label, formula in by_label.items()}
    fields["fitted"] = {
        "method": "beta calibration (Kull, Silva Filho and Flach, AISTATS 2017), with a prior that doubts the network",
        "data": _source(checked, len(trusted)),
        "people": {
            "all": len(trusted),
            "right": sum(example.right for example in trusted),
            "human": checked,
            "automatic": len(trusted) - checked,
        },
        "by_label": {
            str(label): {
                "people": sum(example.label == label for example in trusted),
                "right": sum(example.right for example in trusted if example.label == label),
                "own_formula": label in by_label,
            }
            for label in LABELS
        },
        **_held_out(trusted, least),
        "warnings": warnings,
    }
    return fields


def _source(checked: int, people: int) -> str:
    if not people:
        return "none: the validation photos have no person"
    if checked == people:
        return "validation people whom a person has checked"
    if not checked:
        return "validation people whom a model was sure of"
    return "validation people, checked by a person or labelled by a model that was sure"


def _fitted(trusted: Sequence[Example], least: float) -> tuple[BetaCalibration, dict[Label, BetaCalibration]]:
    if len(trusted) < FEW:
        # Without log(1 - p), which is unbounded near 1, no confidence exceeds s(bias).
        return _fit(trusted, DOUBT, PRIOR_FEW, least, ([0],)), {}
    common = _fit(trusted, DOUBT, PRIOR, least)
    by_label = {}
    for label in LABELS:
        of_label = [example for example in trusted if example.label == label]
        right = sum(example.right for example in of_label)
        if min(right, len(of_label) - right) >= MIN_OF_LABEL:
            by_label[label] = _fit(of_label, common, PRIOR, least)
    return common, by_label


def _fit(
    some: Sequence[Example],
    prior: BetaCalibration,
    prior_people: float,
    least: float,
    choices: Sequence[list[int]] = ([0, 1], [0], [1]),
) -> BetaCalibration:
    scores = np.array([example.score for example in some])
    right = np.array([example.right for example in some], dtype=bool)
    return fit_beta(scores, right, least=least, prior=prior, prior_people=prior_people, choices=choices)


def fit_beta(
    scores: NDArray[Any],
    right: NDArray[np.bool_],
    *,
    least: float,
    prior: BetaCalibration = DOUBT,
    prior_people: float = PRIOR,
    choices: Sequence[list[int]] = ([0, 1], [0], [1]),
) -> BetaCalibration:
    """The maximum-likelihood formula of scores that were right or wrong, and `prior_people` imagined ones.

    The imagined ones are spread over the scores from `least` on, and right as often as `prior` says.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow, and needed only here

    grid = np.linspace(least, 0.995, 40)
    expected = np.array([prior(score) for score in grid])
    each = prior_people / len(grid)
    weight = np.concatenate([np.ones(len(scores)), each * expected, each * (1 - expected)])
    scores = np.concatenate([scores, grid, grid])
    right = np.concatenate([right, np.ones(40, bool), np.zeros(40, bool)])
    features = np.array([log_features(score) for score in scores])
    # Kull et al.: a coefficient of the wrong sign is dropped, and the other one fitted alone.
    for columns in choices:
        model = LogisticRegression(C=1e4, solver="newton-cholesky", max_iter=200)
        model.fit(features[:, columns], right, sample_weight=weight)
        weights = dict(zip(columns, map(float, model.coef_[0]), strict=True))
        formula = BetaCalibration(float(model.intercept_[0]), weights.get(0, 0.0), weights.get(1, 0.0))
        if formula.right >= 0 >= formula.wrong and formula.rises(least):
            return formula
    return prior  # examples in which a higher score is worse are not usable


def _held_out(trusted: Sequence[Example], least: float) -> dict[str, Any]:
    """The calibration error by cross-validation; no moment is in two folds."""
    scores = np.array([example.score for example in trusted])
    right = np.array([example.right for example in trusted], dtype=bool)
    moments = list(dict.fromkeys(example.moment for example in trusted))
    if len(moments) < 2 * FOLDS:
        return {"ece_before": None, "ece_after": None, "bins": [], "age": None}
    fold = np.array([moments.index(example.moment) % FOLDS for example in trusted])
    calibrated = np.empty(len(trusted))
    for held in range(FOLDS):
        common, by_label = _fitted([example for example, at in zip(trusted, fold, strict=True) if at != held], least)
        for place in map(int, np.flatnonzero(fold == held)):
            formula = by_label.get(trusted[place].label, common)
            calibrated[place] = formula(scores[place])
    before, _ = calibration_of(scores, right, min_in_bin=MIN_IN_BIN)
    after, bins = calibration_of(calibrated, right, min_in_bin=MIN_IN_BIN)
    fields = [{"count": part.count, "said": round(part.confidence, 5), "right": round(part.right, 5)} for part in bins]
    age = _age_answers(trusted, calibrated)
    return {"ece_before": round(before, 5), "ece_after": round(after, 5), "bins": fields, "age": age}


def _age_answers(trusted: Sequence[Example], calibrated: Floats) -> dict[str, Any] | None:
    """The calibration error of the age answer, on the boxes that match a person; None without answers."""
    answered = [
        (answers_of(example.label, float(confidence), example.scores).age, example.elder)
        for example, confidence in zip(trusted, calibrated, strict=True)
        if example.scores is not None and example.elder is not None
    ]
    if not answered:
        return None
    right = np.array([(age.value == ELDER) is elder for age, elder in answered])
    ece, _ = calibration_of(np.array([age.confidence for age, _ in answered]), right, min_in_bin=MIN_IN_BIN)
    return {"people": len(answered), "right": int(right.sum()), "ece": round(ece, 5)}
