"""From the networks' evidence to a probability that holds: of the labels at 0.95, 95 in 100 are right.

Three small formulas, fitted by `day0` on photos of known people; their coefficients stand in the model's
manifest, nothing is learnt here. With s(x) = 1 / (1 + exp(-x)) and f the features of one face:

    P(elder)   = s(bias + sum of weight * f)
    P(female)  = s(bias + sum of weight * f)
    confidence = s(bias + weight * log p + weight * log(1 - p)), p = P(elder or not) * P(female or not) of the label

The last one is beta calibration (Kull, Silva Filho and Flach, AISTATS 2017). It mends what the product gets wrong,
because the two questions err together: old women are taken for men, and for young. A network that finds and labels
people at once (yolo.py) needs the last one alone, with p what it says itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from contracts.labels import LABELS, Label
from worker.models.age_gender import Evidence

Column = NDArray[np.float64]  # (n,), one number for each face

# Years for each class of the age network; its authors count class 0 as a quarter of a year.
AGES: Final = np.array([0.25, *range(1, 81)])
# The networks are sure of themselves beyond reason: evidence past this many nats says no more than this.
MOST_LOG_ODDS: Final = 12.0
# No confidence claims more than a few hundred test photos can bear out.
MOST_CONFIDENCE: Final = 0.995


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


# Each is averaged over the views of a face, half of them mirrored: its mirror image gets nearly the same answer.
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
LABEL_FEATURES: Final = ("log_right", "log_wrong")  # nats


@dataclass(frozen=True, slots=True)
class Logistic:
    """The log-odds of a yes as a weighted sum of named features."""

    bias: float
    weights: Mapping[str, float]

    def __call__(self, features: Mapping[str, Column]) -> Column:
        """The probability of a yes, (n,)."""
        x = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


@dataclass(frozen=True, slots=True)
class Beta:
    """Beta calibration: what a network says of its likeliest label → how likely that label is to be right."""

    formula: Logistic

    def __call__(self, p: Column) -> Column:
        """The confidence, (n,), of probabilities (n,)."""
        return np.minimum(self.formula(_right_and_wrong(p)), MOST_CONFIDENCE)


@dataclass(frozen=True, slots=True)
class CalibratedLabel:
    """The likeliest label of one face and how likely it is to be right, 0-1."""

    label: Label
    confidence: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The fitted formulas of one manifest."""

    elder: Logistic
    female: Logistic
    confidence: Logistic

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Of a manifest's `calibration`. KeyError, TypeError or ValueError if an entry is missing or no number."""
        return cls(
            elder=_logistic(fields["elder"], FEATURES),
            female=_logistic(fields["female"], FEATURES),
            confidence=_logistic(fields["confidence"], LABEL_FEATURES),
        )

    def judge(self, evidence: Evidence) -> list[CalibratedLabel]:
        """One judgement for each face of the evidence."""
        features = {name: feature(evidence) for name, feature in FEATURES.items()}
        elder, female = self.elder(features), self.female(features)
        confidence = self.sure(elder, female)
        return [
            CalibratedLabel(Label.of(elder=bool(old > 0.5), female=bool(woman > 0.5)), float(sure))
            for old, woman, sure in zip(elder, female, confidence, strict=True)
        ]

    def sure(self, elder: Column, female: Column) -> Column:
        """How likely the likeliest label is to be right, (n,), from P(elder) and P(female), (n,) each."""
        return Beta(self.confidence)(_likeliest(elder, female))


def label_features(elder: Column, female: Column) -> dict[str, Column]:
    """Of the likeliest label's probability p, were the two questions independent: log p and log(1 - p), (n,) each."""
    return _right_and_wrong(_likeliest(elder, female))


def betas_from_fields(fields: Mapping[str, Any], *, least: float) -> tuple[Beta, ...]:
    """Of a detector's `calibration`: one formula for each label, in the order of LABELS.

    `confidence` is every label's formula but for those that `by_label` gives one of their own. KeyError, TypeError or
    ValueError if one is missing, no number, or does not rise from `least`, the lowest score that the detector reports:
    a constant would let everything through the gate, and one that falls was fitted to noise.
    """
    common, by_label = fields["confidence"], fields.get("by_label", {})
    if unknown := sorted(set(by_label) - {str(label) for label in LABELS}):
        raise ValueError(f"no label is called {', '.join(unknown)}")
    return tuple(_rising(_logistic(by_label.get(str(label), common), LABEL_FEATURES), least) for label in LABELS)


def _rising(formula: Logistic, least: float) -> Beta:
    if missing := sorted(set(LABEL_FEATURES) - set(formula.weights)):
        raise ValueError(f"the calibration has no weight for {', '.join(missing)}")
    beta = Beta(formula)
    confidence = beta(np.linspace(least, 1, 500))
    if np.any(np.diff(confidence) < 0) or not confidence[0] < confidence[-1]:
        raise ValueError("the calibrated confidence does not rise with the network's")
    return beta


def _likeliest(elder: Column, female: Column) -> Column:
    return np.asarray(np.maximum(elder, 1 - elder) * np.maximum(female, 1 - female))


def _right_and_wrong(p: Column) -> dict[str, Column]:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return dict(zip(LABEL_FEATURES, (np.log(p), np.log(1 - p)), strict=True))


def _logistic(fields: Mapping[str, Any], known: Iterable[str]) -> Logistic:
    weights = {str(name): float(weight) for name, weight in fields["weights"].items()}
    if unknown := sorted(set(weights) - set(known)):
        raise ValueError(f"no feature is called {', '.join(unknown)}")
    bias = float(fields["bias"])
    if not all(map(math.isfinite, (bias, *weights.values()))):  # JSON's own numbers are, Python's reader takes NaN too
        raise ValueError("a coefficient of the calibration is not finite")
    return Logistic(bias, weights)


def _clipped(x: NDArray[Any]) -> Column:
    return np.asarray(np.clip(x.astype(np.float64), -MOST_LOG_ODDS, MOST_LOG_ODDS))


def _softmax(logits: NDArray[Any]) -> Column:
    x = logits.astype(np.float64)
    return np.asarray(np.exp(x - _log_sum_exp(x)[..., None]))


def _log_sum_exp(x: NDArray[Any]) -> Column:
    top = x.max(axis=-1, keepdims=True).astype(np.float64)
    return np.asarray((top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True)))[..., 0])
