"""Confidence intervals of a share, for decisions and for display."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import beta

from retrain.intervals import exact, wilson

# Fractional counts from 0.01 on: scipy's own quantile overflows for a subnormal one.
COUNTS = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.floats(0.01, n), st.just(n)))
WHOLE = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.one_of(COUNTS, WHOLE))
@example((0, 1))
@example((1, 1))
@example((910, 1000))
@example((9_500, 10_000))
def test_the_exact_interval_is_that_of_scipy(counts: tuple[float, int]) -> None:
    """Clopper and Pearson's, by scipy's beta quantiles."""
    yes, of = counts
    low = 0.0 if yes == 0 else float(beta.ppf(0.025, yes, of - yes + 1))
    high = 1.0 if yes == of else float(beta.ppf(0.975, yes + 1, of - yes))
    assert exact(yes, of) == pytest.approx((low, high), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("yes", "of", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_the_exact_interval_is_that_of_the_books(yes: int, of: int, low: float, high: float) -> None:
    """Against the table of Newcombe, Two-sided confidence intervals for the single proportion (1998), method 5."""
    assert exact(yes, of) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("of", [1, 2, 7, 50])
def test_the_exact_interval_of_all_or_nothing_has_a_closed_form(of: int) -> None:
    """The n-th root of 2.5 %: after one wrong answer of one, every share up to 97.5 % is possible."""
    assert exact(0, of) == pytest.approx((0, 1 - 0.025 ** (1 / of)))
    assert exact(of, of) == pytest.approx((0.025 ** (1 / of), 1))


def test_without_a_count_every_share_is_possible() -> None:
    assert (exact(0, 0), wilson(0, 0)) == ((0.0, 1.0), (0.0, 1.0))


@given(WHOLE)
def test_both_intervals_hold_the_share_itself(counts: tuple[int, int]) -> None:
    yes, of = counts
    for low, high in (exact(yes, of), wilson(yes, of)):
        assert 0 <= low <= yes / of <= high <= 1
