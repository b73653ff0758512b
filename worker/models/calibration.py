"""From the networks' evidence to a calibrated confidence: of the labels at 0.95, 95 in 100 are right.

Three small formulas, fitted by `day0` on photos of known people; the model's manifest holds their coefficients. With
s(x) = 1 / (1 + exp(-x)) and f the features of one face:

    P(elder)   = s(bias + sum of weight * f)
    P(female)  = s(bias + sum of weight * f)
    confidence = beta calibration of p = P(elder or not) * P(female or not), for the likeliest label

The product p is no probability, because the two errors are correlated: old women are taken for men, and for young. Beta
calibration (contracts/formulas/calibration.py) corrects it. A network that detects and labels people at once (yolo.py)
needs only that, with its own score as p.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from contracts.formulas.calibration import BetaCalibration, coefficients
from contracts.labels import LABELS, Label
from worker.models.age_gender import Evidence

Column = NDArray[np.float64]  # (n,), one number for each face

# Years for each class of the age network; its authors count class 0 as a quarter of a year.
AGES: Final = np.array([0.25, *range(1, 81)])
# The networks are overconfident: log-odds, in nats, are clipped to this.
MAX_LOG_ODDS: Final = 12.0


def _older_than(years: int) -> Callable[[Evidence], Column]:
    def log_odds(evidence: Evidence) -> Column:
        logits = evidence.age_logits
        older = _log_sum_exp(logits[..., years:]) - _log_sum_exp(logits[..., :years])
        return np.asarray(_clipped(older).mean(axis=1))

    return log_odds


def _expected_age(evidence: Evidence) -> Column:
    return np.asarray((_softmax(evidence.age_logits) @ AGES).mean(axis=1))


def _age_entropy(evidence: Evidence) -> Column:
    p = _softmax(evidence.age_logits)
    return np.asarray(-(p * np.log(p + 1e-12)).sum(axis=-1).mean(axis=1))


def _female_log_odds(evidence: Evidence) -> Column:
    return np.asarray(_clipped(evidence.gender_logits[..., 0] - evidence.gender_logits[..., 1]).mean(axis=1))


# Each is averaged over the views of a face, half of them mirrored, so that a mirrored photo gets nearly the same label.
FEATURES: Final[Mapping[str, Callable[[Evidence], Column]]] = {
    "older_than_30": _older_than(30),  # log-odds of the age network's softmax, nats
    "older_than_40": _older_than(40),
    "older_than_50": _older_than(50),
    "older_than_60": _older_than(60),
    "older_than_70": _older_than(70),
    "expected_age": _expected_age,  # years
    "age_entropy": _age_entropy,  # nats
    "female_log_odds": _female_log_odds,  # nats
}


@dataclass(frozen=True, slots=True)
class Logistic:
    """Logistic regression on named features."""

    bias: float
    weights: Mapping[str, float]

    def __call__(self, features: Mapping[str, Column]) -> Column:
        """The probability, (n,)."""
        x = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


@dataclass(frozen=True, slots=True)
class CalibratedLabel:
    """The likeliest label of one face and the probability that it is right, 0-1."""

    label: Label
    confidence: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fitted formulas of a cascade's manifest."""

    elder: Logistic
    female: Logistic
    confidence: BetaCalibration

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """From a manifest's `calibration`. KeyError, TypeError or ValueError if an entry is missing or invalid."""
        return cls(
            elder=Logistic(*coefficients(fields["elder"], known=FEATURES)),
            female=Logistic(*coefficients(fields["female"], known=FEATURES)),
            confidence=BetaCalibration.from_fields(fields["confidence"]),
        )

    def labels(self, evidence: Evidence) -> list[CalibratedLabel]:
        """The label of each face."""
        features = {name: feature(evidence) for name, feature in FEATURES.items()}
        elder, female = self.elder(features), self.female(features)
        confidences = self.confidences(elder, female)
        return [
            CalibratedLabel(Label.of(elder=bool(p_elder > 0.5), female=bool(p_female > 0.5)), float(confidence))
            for p_elder, p_female, confidence in zip(elder, female, confidences, strict=True)
        ]

    def confidences(self, elder: Column, female: Column) -> Column:
        """The probability that the likeliest label is right, (n,), from P(elder) and P(female), (n,) each."""
        return np.array([self.confidence(p) for p in likeliest_label_score(elder, female)])


def likeliest_label_score(elder: Column, female: Column) -> Column:
    """The likeliest label's probability, (n,), if the two questions were independent."""
    return np.asarray(np.maximum(elder, 1 - elder) * np.maximum(female, 1 - female))


def calibrations_by_label(fields: Mapping[str, Any], *, min_score: float) -> tuple[BetaCalibration, ...]:
    """From a detector's `calibration` in its manifest: one formula for each label, in the order of LABELS.

    `confidence` is the formula of every label that has none of its own in `by_label`. KeyError, TypeError or ValueError
    if one is missing or invalid, or does not rise from `min_score`, the lowest score that the detector reports.
    """
    common, by_label = fields["confidence"], fields.get("by_label", {})
    if unknown := sorted(set(by_label) - {str(label) for label in LABELS}):
        raise ValueError(f"unknown labels in the calibration: {', '.join(unknown)}")
    formulas = tuple(BetaCalibration.from_fields(by_label.get(str(label), common)) for label in LABELS)
    if not all(formula.rises(min_score) for formula in formulas):
        raise ValueError("the calibrated confidence does not rise with the network's score")
    return formulas


def _clipped(x: NDArray[Any]) -> Column:
    return np.asarray(np.clip(x.astype(np.float64), -MAX_LOG_ODDS, MAX_LOG_ODDS))


def _softmax(logits: NDArray[Any]) -> Column:
    x = logits.astype(np.float64)
    return np.asarray(np.exp(x - _log_sum_exp(x)[..., None]))


def _log_sum_exp(x: NDArray[Any]) -> Column:
    top = x.max(axis=-1, keepdims=True).astype(np.float64)
    return np.asarray((top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True)))[..., 0])
