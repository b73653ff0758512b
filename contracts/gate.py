"""The confidence gate, a quality gate: from this confidence on, a label is true enough to train on.

One rule for all programs, so that none accepts a value that a later one rejects.
"""

from __future__ import annotations

from typing import Final

DEFAULT_GATE: Final = 0.95
LEAST_GATE: Final = 0.5  # under it a label that is more likely wrong than right would be training data


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
