"""Beta calibration: one formula for trainings and workers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.formulas.calibration import MAX_CONFIDENCE, BetaCalibration

IDENTITY = BetaCalibration(0.0, 1.0, -1.0)
numbers = st.floats(-50, 50)


def test_the_identity_leaves_scores_as_they_are_up_to_the_cap() -> None:
    assert [IDENTITY(p) for p in (0.01, 0.5, 0.99, 1.0)] == pytest.approx([0.01, 0.5, 0.99, MAX_CONFIDENCE])


@given(numbers, numbers, numbers, st.floats(0, 1))
def test_every_confidence_is_a_probability_under_the_cap(bias: float, right: float, wrong: float, p: float) -> None:
    assert 0 <= BetaCalibration(bias, right, wrong)(p) <= MAX_CONFIDENCE


@given(numbers, numbers, numbers)
def test_a_formula_survives_its_manifest(bias: float, right: float, wrong: float) -> None:
    formula = BetaCalibration(bias, right, wrong)
    assert BetaCalibration.from_fields(formula.fields()) == formula


def test_only_a_rising_formula_rises() -> None:
    """A constant and a falling one do not; nor one that falls only above the minimum score."""
    formulas = (IDENTITY, BetaCalibration(9, 0, 0), BetaCalibration(0, -1, 1), BetaCalibration(0, 1, 1))
    assert [formula.rises(0.25) for formula in formulas] == [True, False, False, False]


@pytest.mark.parametrize(
    ("weights", "bias", "message"),
    [
        ({}, 0, "no weight for log_right, log_wrong"),
        ({"log_right": 1, "log_wrong": -1, "shoe_size": 1}, 0, "unknown features .* shoe_size"),
        ({"log_right": float("inf"), "log_wrong": -1}, 0, "not finite"),
        ({"log_right": 1, "log_wrong": -1}, float("nan"), "not finite"),
    ],
    ids=str,
)
def test_an_invalid_formula_is_refused(weights: dict[str, Any], bias: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BetaCalibration.from_fields({"bias": bias, "weights": weights})
