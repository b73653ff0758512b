"""Which adult labels do not teach, whatever their confidence: those that may hide an elder.

The gate (contracts/gate.py) is not symmetric: an elder taught as an adult makes the next model call more elders adults,
so an adult label also needs a low P(elder).
"""

from __future__ import annotations

from typing import Final

from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import Label

# The assumed share of elders among the customers, in the calibration of day 0 and in the limit below.
ELDER_SHARE: Final = 0.4


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
