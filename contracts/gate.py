"""The confidence gate, a quality gate: from this confidence on, a label is true enough to train on.

One rule for all programs, so that none accepts a value that a later one rejects. The gate is not symmetric: an elder
taught as an adult makes the next model call more elders adults, so an adult label also needs a low P(elder).
"""

from __future__ import annotations

from typing import Final

from contracts.answers import Answers
from contracts.labels import Label

DEFAULT_GATE: Final = 0.95
LEAST_GATE: Final = 0.5  # under it a label that is more likely wrong than right would be training data
# The assumed share of elders among the customers, in the calibration of day 0 and in the limit below.
ELDER_SHARE: Final = 0.4


def gate_mistake(value: float) -> str | None:
    """What is wrong with a gate, as a sentence; None for a valid one: a fraction from LEAST_GATE to below 1."""
    if LEAST_GATE <= value < 1:
        return None
    return (
        f"{value} is not a confidence gate: use a number from {LEAST_GATE} to below 1; lower, most wrong labels would "
        "become training data, and at 1 no label would"
    )


def check_gate(value: float) -> float:
    """The gate itself; ValueError with the sentence of `gate_mistake` when it is invalid."""
    if mistake := gate_mistake(value):
        raise ValueError(mistake)
    return value


def parse_gate(text: str) -> float:
    """The gate that an environment variable holds; ValueError when it is invalid."""
    return check_gate(float(text))


def most_elder(gate: float) -> float:
    """The highest P(elder) of an adult label that teaches: 0.0333 at a gate of 0.95.

    Among the adults of a shop with a share s of elders, P(elder) <= m hides at most m * (1 - s) of all customers, which
    is m * (1 - s) / s of the elders. The gate allows 1 - gate of them, so m = (1 - gate) * s / (1 - s).
    """
    return round((1 - gate) * ELDER_SHARE / (1 - ELDER_SHARE), 4)


def quiet_elder(label: Label, answers: Answers | None, most: float) -> bool:
    """Whether an adult label may hide an elder: P(elder) is over `most`. Without answers it is not known: False.

    Such a label does not teach, whatever its confidence.
    """
    return answers is not None and not label.elder and round(answers.elder, 4) > most
