"""Checked people that are made up: the log-odds of a model that is right about a camera, or off by a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from contracts.boxes import Box, LabelledBox
from contracts.labels import Label
from retrain.judge.golden import GoldenPhoto
from retrain.recalibration.fit import Example

BOX: Final = Box(0.3, 0.2, 0.6, 0.7)
_BETA: Final[dict[str, Any]] = {"bias": -0.5, "weights": {"log_right": 0.5, "log_wrong": -1.2}}
SHIPPED: Final[dict[str, Any]] = {
    "elder": {"bias": 0.6, "weights": {"older_than_60": 0.9}},
    "female": {"bias": 0.4, "weights": {"female_log_odds": 1.1}},
    "confidence": _BETA,
    "by_label": {"elder_male": {**_BETA, "bias": -0.75}},
}


def people(count: int, *, seed: int = 0, shift: float = 0.0, scale: float = 1.0) -> list[Example]:
    """`count` people, each a moment: their true log-odds of being an elder are shift + scale * those of the model."""
    random = np.random.default_rng(seed)
    elder, female = random.normal(-1, 2.5, count), random.normal(0, 4, count)
    old = random.random(count) < 1 / (1 + np.exp(-(shift + scale * elder)))
    women = random.random(count) < 1 / (1 + np.exp(-female))
    return [
        Example(f"m{seed}-{number:05}", float(age), float(gender), Label.of(elder=bool(is_old), female=bool(woman)))
        for number, (age, gender, is_old, woman) in enumerate(zip(elder, female, old, women, strict=True))
    ]


def photo_of(example: Example) -> GoldenPhoto:
    """The checked photo of one person."""
    assert example.truth is not None
    return GoldenPhoto(Path(example.moment), example.moment, (LabelledBox(example.truth, BOX),))
