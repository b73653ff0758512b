"""From the networks' logits to calibrated answers, and to the confidence of the label that joins them.

Small formulas, fitted by `day0` on photos of known people; the model's manifest holds their coefficients. With
s(x) = 1 / (1 + exp(-x)) and f the features of one face:

    P(elder)   = s(bias + sum of weight * f)
    P(female)  = s(bias + sum of weight * f)
    confidence = that of recipes/kiosk/two_questions.py

A network that detects and labels people at once (yolo.py) needs only the beta calibration of its own score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from contracts.formulas.calibration import BetaCalibration, coefficients
from recipes.kiosk.labels import DEFAULT_ELDER_AGE, LABELS
from recipes.kiosk.two_questions import CalibratedLabel, calibrated_label
from worker.kiosk.age_gender import BANDS
from worker.models.onnx_runtime import Floats

Column = NDArray[np.float64]  # (n,), one number for each face

MAX_LOG_ODDS: Final = 12.0  # nats; a network promises more than anybody can check


def _older_than(years: int) -> Callable[[Floats], Column]:
    first = next(index for index, (low, _) in enumerate(BANDS) if low == years)

    def log_odds(logits: Floats) -> Column:
        return np.asarray(_by_network(logits, first).mean(axis=1))

    return log_odds


def _age_disagreement(logits: Floats) -> Column:
    return _spread(_by_network(logits, ELDER_BAND))


def _female_log_odds(logits: Floats) -> Column:
    return np.asarray(_clipped(logits[..., -1]).mean(axis=1))


def _gender_disagreement(logits: Floats) -> Column:
    return _spread(_clipped(logits[..., -1]))


# The first band of elders.
ELDER_BAND: Final = next(index for index, (low, _) in enumerate(BANDS) if low == DEFAULT_ELDER_AGE)
FEATURES: Final[Mapping[str, Callable[[Floats], Column]]] = {
    "older_than_50": _older_than(50),  # log-odds of the bands' distribution, nats; the mean of the networks
    "older_than_60": _older_than(60),
    "older_than_70": _older_than(70),
    "female_log_odds": _female_log_odds,  # nats
    "age_disagreement": _age_disagreement,  # the networks' largest difference in older_than_60, nats
    "gender_disagreement": _gender_disagreement,  # the same of female_log_odds
}


@dataclass(frozen=True, slots=True)
class Logistic:
    """Logistic regression on named features."""

    bias: float
    weights: Mapping[str, float]

    def log_odds(self, features: Mapping[str, Column]) -> Column:
        """The log-odds, nats, (n,)."""
        return np.asarray(self.bias + sum(weight * features[name] for name, weight in self.weights.items()))

    def __call__(self, features: Mapping[str, Column]) -> Column:
        """The probability, (n,)."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.log_odds(features), -30, 30))))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fitted formulas of a cascade's manifest."""

    elder: Logistic
    female: Logistic
    by_label: Sequence[BetaCalibration]  # in the order of LABELS

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """From a manifest's `calibration`. KeyError, TypeError or ValueError if an entry is missing or invalid."""
        return cls(
            elder=Logistic(*coefficients(fields["elder"], known=FEATURES)),
            female=Logistic(*coefficients(fields["female"], known=FEATURES)),
            # A likeliest label has at least a quarter of the probability.
            by_label=calibrations_by_label(fields, min_score=0.25),
        )

    def labels(self, logits: Floats) -> list[CalibratedLabel]:
        """The label of each face, from logits (n, networks, bands + 1)."""
        features = self._features(logits)
        return [
            self.label(float(elder), float(female))
            for elder, female in zip(self.elder(features), self.female(features), strict=True)
        ]

    def label(self, elder: float, female: float) -> CalibratedLabel:
        """The label from P(elder) and P(female)."""
        return calibrated_label(elder, female, self.by_label)

    def log_odds(self, logits: Floats) -> tuple[Column, Column]:
        """The log-odds of P(elder) and of P(female) of each face, nats, (n,) each: as calibrated, without a bound."""
        features = self._features(logits)
        return self.elder.log_odds(features), self.female.log_odds(features)

    def _features(self, logits: Floats) -> dict[str, Column]:
        used = self.elder.weights.keys() | self.female.weights.keys()
        return {name: FEATURES[name](logits) for name in used}


def calibrations_by_label(fields: Mapping[str, Any], *, min_score: float) -> tuple[BetaCalibration, ...]:
    """From a detector's `calibration` in its manifest: one formula for each label, in the order of LABELS.

    `confidence` is the formula of every label that has none of its own in `by_label`. KeyError, TypeError or ValueError
    if one is missing or invalid, or does not rise from `min_score`, the lowest score that the detector reports.
    """
    common, by_label = fields["confidence"], fields.get("by_label", {})
    if unknown := sorted(set(by_label) - {str(label) for label in LABELS}):
        raise ValueError(f"unknown labels in the calibration: {', '.join(unknown)}")
    fallback = BetaCalibration.from_fields(common)  # checked also where every label has its own
    own = {label: BetaCalibration.from_fields(fields) for label, fields in by_label.items()}
    formulas = tuple(own.get(str(label), fallback) for label in LABELS)
    if not all(formula.rises(min_score) for formula in (fallback, *formulas)):
        raise ValueError("the calibrated confidence does not rise with the network's score")
    return formulas


def _by_network(logits: Floats, first: int) -> NDArray[np.float64]:
    """The log-odds of the bands from `first` on, (n, networks)."""
    bands = logits[..., :-1]
    return _clipped(_log_sum_exp(bands[..., first:]) - _log_sum_exp(bands[..., :first]))


def _spread(log_odds: NDArray[np.float64]) -> Column:
    return np.asarray(log_odds.max(axis=1) - log_odds.min(axis=1))


def _clipped(x: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.clip(x.astype(np.float64), -MAX_LOG_ODDS, MAX_LOG_ODDS))


def _log_sum_exp(x: NDArray[Any]) -> NDArray[np.float64]:
    top = x.max(axis=-1, keepdims=True).astype(np.float64)
    return np.asarray((top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True)))[..., 0])
