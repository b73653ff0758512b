"""The last layer of a cascade: what a shop's photos may change of the shipped calibration.

With z the shipped log-odds of a question, and x those of the label's confidence (worker/kiosk/calibration.py):

    age, gender   z' = shift + scale * z
    confidence    x' = x + shift + shift of the said label

Nine numbers. A camera that is too bright or out of focus moves all faces of a kind the same way, and makes the
networks less sure; both are a line in the log-odds. More numbers would need more photos than a shop reviews.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from contracts.formulas.calibration import BetaCalibration
from recipes.kiosk.labels import LABELS
from recipes.kiosk.two_questions import CalibratedLabel, calibrated_label

DIGITS = 4  # of a number of the layer: far below its uncertainty, so that equal photos give equal bytes


@dataclass(frozen=True, slots=True)
class Line:
    """A shift in nats, and a scale above 0, of the log-odds of one question."""

    shift: float = 0.0
    scale: float = 1.0

    def __call__(self, log_odds: float) -> float:
        return self.shift + self.scale * log_odds

    def probability(self, log_odds: float) -> float:
        """The probability of the moved log-odds."""
        return 1 / (1 + math.exp(-min(max(self(log_odds), -30.0), 30.0)))

    def applied(self, formula: Mapping[str, Any]) -> dict[str, Any]:
        """A logistic formula of a manifest, moved."""
        return {
            "bias": round(self(float(formula["bias"])), 6),
            "weights": {name: round(self.scale * float(weight), 6) for name, weight in formula["weights"].items()},
        }


@dataclass(frozen=True, slots=True)
class LastLayer:
    """The changes of a shipped calibration; by default none. `by_label` in the order of LABELS, nats."""

    elder: Line = Line()
    female: Line = Line()
    confidence: float = 0.0
    by_label: tuple[float, ...] = (0.0,) * len(LABELS)

    def applied(self, calibration: Mapping[str, Any]) -> dict[str, Any]:
        """The calibration of a cascade's manifest, moved. KeyError, TypeError or ValueError if it is invalid."""
        common = BetaCalibration.from_fields(calibration["confidence"])
        labels = zip(LABELS, confidences_of(calibration), self.by_label, strict=True)
        return {
            "elder": self.elder.applied(calibration["elder"]),
            "female": self.female.applied(calibration["female"]),
            "confidence": _moved(common, self.confidence).fields(),
            "by_label": {str(label): _moved(own, self.confidence + more).fields() for label, own, more in labels},
        }

    def label(self, elder: float, female: float, shipped: Sequence[BetaCalibration]) -> CalibratedLabel:
        """The label and answers that the moved calibration gives to shipped log-odds, nats.

        `shipped` are the shipped formulas of the confidence, as of `confidences_of`.
        """
        moved = [_moved(own, self.confidence + more) for own, more in zip(shipped, self.by_label, strict=True)]
        return calibrated_label(self.elder.probability(elder), self.female.probability(female), moved)

    def fields(self) -> dict[str, Any]:
        """As a manifest and a report hold it."""
        return {
            "elder": {"shift": self.elder.shift, "scale": self.elder.scale},
            "female": {"shift": self.female.shift, "scale": self.female.scale},
            "confidence": self.confidence,
            "by_label": dict(zip(map(str, LABELS), self.by_label, strict=True)),
        }

    def rounded(self) -> Self:
        """With so many digits as a manifest gets."""
        return type(self)(
            Line(round(self.elder.shift, DIGITS), round(self.elder.scale, DIGITS)),
            Line(round(self.female.shift, DIGITS), round(self.female.scale, DIGITS)),
            round(self.confidence, DIGITS),
            tuple(round(shift, DIGITS) for shift in self.by_label),
        )


def confidences_of(calibration: Mapping[str, Any]) -> tuple[BetaCalibration, ...]:
    """The formula of each label's confidence, in the order of LABELS; errors as of `BetaCalibration.from_fields`."""
    by_label = calibration.get("by_label", {})
    return tuple(BetaCalibration.from_fields(by_label.get(str(label), calibration["confidence"])) for label in LABELS)


def _moved(formula: BetaCalibration, shift: float) -> BetaCalibration:
    return BetaCalibration(round(formula.bias + shift, 6), formula.right, formula.wrong)
