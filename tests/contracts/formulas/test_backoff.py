"""Waiting before the next try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.formulas.backoff import FIRST_S, LAST_S, full_jitter


@given(st.integers(0, 10_000))
def test_a_pause_is_never_longer_than_its_bound_and_the_bound_doubles_to_a_last_one(attempt: int) -> None:
    bound = LAST_S if attempt > 6 else min(LAST_S, FIRST_S * 2**attempt)
    assert 0 <= full_jitter(attempt) <= bound


def test_pauses_are_spread_over_their_whole_range() -> None:
    pauses = [full_jitter(20) for _ in range(2000)]
    assert min(pauses) < 0.1 * LAST_S
    assert max(pauses) > 0.9 * LAST_S
