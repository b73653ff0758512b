"""Moments, weeks and draws, of names alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.names import Reference, image_id_time, new_image_id
from retrain.bucket import Tree
from retrain.review.homes import Homes
from retrain.review.moments import NO_WEEK, drawn, moment, week
from tests.strategies import kiosk_ids, references

times = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
randomness = st.binary(min_size=10, max_size=10)


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Reference, Reference]:
    """Two photos of one kiosk and minute."""
    kiosk, minute = draw(kiosk_ids), draw(times).replace(second=0, microsecond=0)
    one, other = (
        Reference(kiosk, new_image_id(minute + timedelta(seconds=draw(st.floats(0, 59.9))), draw(randomness)))
        for _ in range(2)
    )
    return one, other


@given(neighbours(), st.floats(0, 1))
def test_photos_of_one_kiosk_and_minute_go_home_together(
    photos: tuple[Reference, Reference], golden_share: float
) -> None:
    """Whichever of them comes first, and whatever share somebody asks for when the other comes."""
    one, other = photos
    assert moment(one) == moment(other)
    fresh = Homes(reviewed=(), golden=(), taught=(), golden_share=golden_share)
    assert fresh.of(one) is fresh.of(other)
    lying = [one]
    for share in (0.0, 1.0):
        if fresh.of(one) is Tree.GOLDEN:
            assert Homes(reviewed=(), golden=lying, taught=(), golden_share=share).of(other) is Tree.GOLDEN
        else:
            assert Homes(reviewed=lying, golden=(), taught=(), golden_share=share).of(other) is Tree.REVIEWED


@given(neighbours(), st.floats(0, 1))
def test_what_has_taught_never_judges_and_nor_does_its_neighbour(
    photos: tuple[Reference, Reference], golden_share: float
) -> None:
    one, other = photos
    homes = Homes(reviewed=(), golden=(), taught=[one], golden_share=golden_share)
    assert (homes.of(one), homes.of(other)) == (Tree.REVIEWED, Tree.REVIEWED)
    if one != other:
        homes = Homes(reviewed=(), golden=[other], taught=[one], golden_share=golden_share)
        assert (homes.of(one), homes.of(other)) == (Tree.REVIEWED, Tree.GOLDEN)


@given(references)
def test_every_photo_has_a_moment_and_a_week(reference: Reference) -> None:
    """Of an id that holds no time, a moment of its own."""
    taken = image_id_time(reference.image_id)
    if taken is None:
        assert (moment(reference), week(reference)) == (f"{reference.kiosk_id} {reference.image_id}", NO_WEEK)
    else:
        assert moment(reference) == f"{reference.kiosk_id} {taken:%Y-%m-%dT%H:%M}"


def test_weeks_are_those_of_the_iso_calendar() -> None:
    """The first of January may belong to the year before."""
    new_year = Reference("lobby", new_image_id(datetime(2027, 1, 1, tzinfo=UTC), bytes(10)))
    assert week(new_year) == "2026-W53"


@given(st.text(max_size=50))
def test_a_draw_is_a_fraction_that_never_changes_and_depends_on_its_purpose(name: str) -> None:
    assert 0 <= drawn("sample", name) < 1
    assert drawn("sample", name) == drawn("sample", name) != drawn("golden", name)


def test_draws_are_even() -> None:
    """Of 10,000 names each tenth holds a tenth, within four standard errors."""
    tenths = [0] * 10
    for number in range(10_000):
        tenths[int(drawn("golden", f"lobby {number}") * 10)] += 1
    assert all(880 < one < 1120 for one in tenths)
