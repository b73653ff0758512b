"""The formula of a passport photo's score: from amounts to severities, to a score and the gravest flaw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from day0.passport.score import FLAWS, HIGH, LOW, NAMED_FROM, NONE, Amounts, judge

GOOD = Amounts()
SPOILED = {
    "dark": replace(GOOD, gain=0.4),
    "bright": replace(GOOD, gain=1.9),
    "uneven": replace(GOOD, uneven=1.5),
    "unclear": replace(GOOD, blur=0.1),
    "turned": replace(GOOD, turn=-0.7),
    "tilted": replace(GOOD, roll=-20),
    "far": replace(GOOD, height=0.4),
    "close": replace(GOOD, height=1.0),
    "aside": replace(GOOD, aside=-0.2),
}
AMOUNTS = st.builds(
    Amounts,
    gain=st.floats(0.05, 4),
    uneven=st.floats(0, 4),
    blur=st.floats(0, 0.5),
    eyes_px=st.floats(1, 400),
    quality=st.floats(1, 100),
    turn=st.floats(-1.2, 1.2),
    roll=st.floats(-90, 90),
    height=st.floats(0.05, 1.5),
    aside=st.floats(-0.5, 0.5),
)


@pytest.mark.parametrize("gender", ["male", "female"])
def test_a_photo_that_is_not_spoiled_has_the_highest_score_and_no_flaw(gender: str) -> None:
    judged = judge(GOOD, gender)
    assert (judged.score, judged.flaw) == (HIGH, NONE)


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_is_named_and_costs(flaw: str) -> None:
    judged = judge(SPOILED[flaw], "male")
    assert judged.flaw == flaw
    assert judged.score < HIGH - 1


def test_small_pictures_and_hard_compression_are_unclear_as_blur_is() -> None:
    for amounts in (replace(GOOD, eyes_px=12), replace(GOOD, quality=10)):
        assert judge(amounts, "female").flaw == "unclear"


def test_the_score_is_what_the_page_of_the_card_says() -> None:
    """Half of two flaws leaves a quarter: 1 + 4 / 4."""
    half = replace(GOOD, roll=16, aside=0.16)
    assert judge(half, "male").severities["tilted"] == pytest.approx(0.5)
    assert judge(half, "male").score == pytest.approx(2.0)


def test_a_womans_head_is_close_a_little_earlier_and_far_a_little_later() -> None:
    """Hair that the finder does not see needs room; nothing else hangs on gender."""
    near, away = replace(GOOD, height=0.86), replace(GOOD, height=0.64)
    assert judge(near, "female").score < judge(near, "male").score
    assert judge(away, "female").score > judge(away, "male").score
    others = [name for name in FLAWS if name not in ("far", "close")]
    assert all(judge(near, "male").severities[name] == judge(near, "female").severities[name] for name in others)


@given(AMOUNTS, st.sampled_from(["male", "female"]))
def test_whatever_the_amounts_a_score_is_in_its_range_and_a_named_flaw_is_grave(amounts: Amounts, gender: str) -> None:
    judged = judge(amounts, gender)
    assert LOW <= judged.score <= HIGH
    worst = max(judged.severities.values())
    assert (judged.flaw == NONE) == (worst < NAMED_FROM)
    assert judged.score <= LOW + (HIGH - LOW) * (1 - worst) + 1e-9
