"""Beta calibration: from the score of a network's likeliest label to the probability that this label is right.

    confidence = s(bias + right * log p + wrong * log(1 - p)), at most MAX_CONFIDENCE, with s(x) = 1 / (1 + exp(-x))

Source: Kull, Silva Filho and Flach, "Beta calibration", AISTATS 2017. A training fits it, the worker applies it; in a
manifest it is `{"bias", "weights": {"log_right", "log_wrong"}}`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

# No confidence claims more than a few hundred test photos can prove.
MAX_CONFIDENCE: Final = 0.995
_STEPS: Final = 500  # scores at which `rises` compares


@dataclass(frozen=True, slots=True)
class BetaCalibration:
    """One formula: score p → confidence, both 0-1."""

    bias: float
    right: float
    wrong: float

    def __call__(self, p: float) -> float:
        x = self.logit(p)
        return min(1 / (1 + math.exp(-min(max(x, -30.0), 30.0))), MAX_CONFIDENCE)

    def logit(self, p: float) -> float:
        """The log-odds of the confidence, nats, before the limit."""
        log_right, log_wrong = log_features(p)
        return self.bias + self.right * log_right + self.wrong * log_wrong

    def rises(self, min_score: float) -> bool:
        """Whether the confidence never falls from `min_score` up to 1, and rises somewhere.

        A constant would pass every label through the gate, and a falling formula was fitted to noise.
        """
        confidences = [self(min_score + (1 - min_score) * step / (_STEPS - 1)) for step in range(_STEPS)]
        return all(low <= high for low, high in pairwise(confidences)) and confidences[0] < confidences[-1]

    def fields(self) -> dict[str, Any]:
        """The formula as a manifest holds it."""
        return {"bias": self.bias, "weights": {"log_right": self.right, "log_wrong": self.wrong}}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """From a manifest. KeyError, TypeError or ValueError if a number is missing, unknown or not finite."""
        bias, weights = coefficients(fields, known={"log_right", "log_wrong"})
        if missing := sorted({"log_right", "log_wrong"} - weights.keys()):
            raise ValueError(f"the calibration has no weight for {', '.join(missing)}")
        return cls(bias, weights["log_right"], weights["log_wrong"])


def coefficients(fields: Mapping[str, Any], *, known: Collection[str]) -> tuple[float, dict[str, float]]:
    """The bias and the weights of a formula, from a manifest; errors as of `BetaCalibration.from_fields`."""
    weights = {str(name): float(weight) for name, weight in fields["weights"].items()}
    if unknown := sorted(weights.keys() - set(known)):
        raise ValueError(f"unknown features in the calibration: {', '.join(unknown)}")
    bias = float(fields["bias"])
    if not all(map(math.isfinite, (bias, *weights.values()))):  # Python's JSON reader accepts NaN
        raise ValueError("a coefficient of the calibration is not finite")
    return bias, weights


def log_features(p: float) -> tuple[float, float]:
    """log p and log(1 - p), nats; p is clipped so that both are finite."""
    p = min(max(float(p), 1e-9), 1 - 1e-9)
    return math.log(p), math.log(1 - p)
