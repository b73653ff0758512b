"""Shares with their counts, and what they would be in a queue with another share of elders."""

from __future__ import annotations

import numpy as np
import pytest

from day0.fit import Predictions
from day0.measure import easy_screen, precision_at, right_at, share


def mask(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text])


def test_a_share_has_its_counts_and_an_interval() -> None:
    assert share(mask("xx.....")) == {"yes": 2, "of": 7, "share": 0.286, "interval": [0.082, 0.641]}
    assert share(mask("")) == {"yes": 0, "of": 0, "share": None, "interval": None}


def test_precision_at_another_share_of_elders() -> None:
    """One elder in ten, all told; one adult in nine told: half are right. At a share of a half, nine in ten are."""
    elder, told = mask("x........."), mask("xx........")
    assert precision_at(told, elder, 0.5) == pytest.approx(0.9)
    assert precision_at(told, elder, 0.1) == pytest.approx(0.5)
    assert precision_at(mask(".........."), elder, 0.5) is None
    assert precision_at(told, mask(".........."), 0.5) is None


def test_right_labels_at_another_share_of_elders() -> None:
    """All elders are right and half of the adults: at a share of 0.4, 0.4 + 0.3."""
    elder, right, everybody = mask("xx...."), mask("xxxx.."), mask("xxxxxx")
    assert right_at(right, everybody, elder, everybody, 0.4) == pytest.approx(0.7)
    assert right_at(right, mask("......"), elder, everybody, 0.4) is None


def test_the_easy_screen_hangs_on_the_age_and_never_turns_for_nobody() -> None:
    """A face that was not found has no probability; a model without answers needs a label of at least a half."""
    elder = np.array([0.39, 0.4, 0.9, np.nan])
    predictions = Predictions(elder, np.full(4, 0.5), np.array([0.6, 0.6, 0.45, np.nan]))
    assert easy_screen(predictions, 0.4).tolist() == [False, True, True, False]
    assert easy_screen(predictions, None).tolist() == [False, False, False, False]
