"""From P(elder) and P(female) of one face to its label, for a model that asks the two questions apart.

    score      = P(elder or not) * P(female or not), for the likeliest label
    confidence = beta calibration of the score, by label; never higher than one of the two answers

The score is no probability, because the two errors are correlated: old women are taken for men, and for young. Beta
calibration (calibration.py) corrects it, label by label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.formulas.calibration import BetaCalibration
from recipes.kiosk.answers import ELDER, FEMALE, Answers
from recipes.kiosk.labels import Label

MAX_ANSWER: Final = 0.998  # of an answer's confidence: of 1,300 ages answered with 0.95 and more, 3 were wrong


@dataclass(frozen=True, slots=True)
class CalibratedLabel:
    """The likeliest label of one face, the probability that it is right, 0-1, and the two answers that make it up."""

    label: Label
    confidence: float
    answers: Answers


def calibrated_label(elder: float, female: float, by_label: Sequence[BetaCalibration]) -> CalibratedLabel:
    """The label from P(elder) and P(female), 0-1. `by_label` has a formula for each label, in the order of LABELS."""
    answers = Answers.of(elder=_bounded(elder), female=_bounded(female))
    label = Label.of(elder=answers.age.value == ELDER, female=answers.gender.value == FEMALE)
    calibrated = by_label[label.yolo_class](likeliest_score(elder, female))
    return CalibratedLabel(label, min(calibrated, answers.age.confidence, answers.gender.confidence), answers)


def likeliest_score(elder: float, female: float) -> float:
    """The probability of the likeliest label if the two questions were independent, 0.25-1."""
    return max(elder, 1 - elder) * max(female, 1 - female)


def _bounded(probability: float) -> float:
    return min(max(probability, 1 - MAX_ANSWER), MAX_ANSWER)
