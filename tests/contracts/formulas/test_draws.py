"""Deterministic draws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.formulas.draws import stable_draw


def test_a_draw_never_changes() -> None:
    """Another number would select other photos than yesterday, in a bucket whose photos stay."""
    assert stable_draw("a") == 0.791374270522379


@given(st.text(), st.text())
def test_a_draw_is_a_fraction_below_1(purpose: str, name: str) -> None:
    assert 0 <= stable_draw(purpose, name) < 1
