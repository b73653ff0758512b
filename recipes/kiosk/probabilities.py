"""From a label and its confidence to the two answers, for models that score the four labels together.

With c the calibrated confidence of the label, and s(k) the model's score of label k:

    P(label) = c
    P(k)     = (1 - c) * s(k) / sum of s over the three other labels       for each of them

The three share equally where all their scores are 0. Age and gender follow by summing: P(elder) is the sum of the two
elder labels, P(female) that of the two female ones. So P(elder) is never less than the confidence of an elder label.
"""

from __future__ import annotations

from collections.abc import Sequence

from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label

Four = tuple[float, float, float, float]  # one number for each label, in the order of LABELS


def answers_of(label: Label, confidence: float, scores: Sequence[float]) -> Answers:
    """The answers about a person with this label; `scores` in the order of LABELS, 0 or more, on any scale."""
    elder_male, elder_female, _, adult_female = probabilities_of(label, confidence, scores)
    return Answers.of(elder=elder_male + elder_female, female=elder_female + adult_female)


def probabilities_of(label: Label, confidence: float, scores: Sequence[float]) -> Four:
    """The probability of each label, in the order of LABELS; their sum is 1."""
    others = [0.0 if known is label else max(score, 0.0) for known, score in zip(LABELS, scores, strict=True)]
    total = sum(others)
    if total <= 0:
        others = [float(known is not label) for known in LABELS]
        total = sum(others)
    elder_male, elder_female, adult_male, adult_female = (
        confidence if known is label else (1 - confidence) * (other / total)
        for known, other in zip(LABELS, others, strict=True)
    )
    return elder_male, elder_female, adult_male, adult_female


def probabilities_from(label: Label, confidence: float, answers: Answers) -> Four:
    """The inverse of `answers_of`, up to rounding: four probabilities have three degrees of freedom.

    With c the confidence, a the probability of the label's age and g that of its gender: the same age and the other
    gender is a - c, the other age and the same gender is g - c, and neither is what remains. A difference below 0, of a
    model that calibrates label and answers apart, counts as 0.
    """
    age = answers.elder if label.elder else 1 - answers.elder
    gender = answers.female if label.female else 1 - answers.female
    others = {
        Label.of(elder=label.elder, female=not label.female): age - confidence,
        Label.of(elder=not label.elder, female=label.female): gender - confidence,
        Label.of(elder=not label.elder, female=not label.female): 1 - age - gender + confidence,
    }
    return probabilities_of(label, confidence, [others.get(known, 0.0) for known in LABELS])
