"""Moments, weeks and draws, of names alone; and that moments go home whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.draws import stable_draw
from contracts.names import Reference, image_id_time, new_image_id
from retrain.bucket import Tree
from retrain.bursts import APART_S, NO_WEEK, burst_of, iso_week
from retrain.review.homes import Homes
from tests.retrain.dataset.shop import photo_id
from tests.strategies import kiosk_ids, references

times = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))
randomness = st.binary(min_size=10, max_size=10)


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Reference, Reference]:
    """Two photos of one kiosk, a minute apart at most."""
    kiosk, at = draw(kiosk_ids), draw(times)
    one, other = (
        Reference(kiosk, new_image_id(at + timedelta(seconds=draw(st.floats(0, APART_S))), draw(randomness)))
        for _ in range(2)
    )
    return one, other


def test_photos_that_follow_within_a_minute_are_one_moment() -> None:
    chain = [photo_id(seconds) for seconds in (0, 60, 120, 180)]
    later, elsewhere = photo_id(240.001), photo_id(60, kiosk="k2")
    assert burst_of([later, elsewhere, *reversed(chain)], apart_s=60) == {
        **dict.fromkeys(chain, chain[0]),
        later: later,
        elsewhere: elsewhere,
    }


def test_a_queue_at_noon_is_not_one_moment_and_no_minute_is_cut_in_two() -> None:
    """A hundred customers, one every 40 seconds: each moment ends with the first whole minute after five."""
    queue = [photo_id(40 * number) for number in range(100)]
    found = burst_of(queue, apart_s=60)
    lengths = [list(found.values()).count(first) for first in dict.fromkeys(found.values())]
    assert len(queue) == sum(lengths)
    assert 8 <= max(lengths) <= 10
    minutes: dict[str, set[Reference]] = {}
    for one, first in found.items():
        taken = image_id_time(one.image_id)
        assert taken is not None
        minutes.setdefault(f"{taken:%H:%M}", set()).add(first)
    assert all(len(firsts) == 1 for firsts in minutes.values())


def test_photos_whose_ids_hold_no_time_are_moments_of_their_own() -> None:
    stable_draw = [Reference("k1", "z" * 25 + letter) for letter in "abc"]
    assert burst_of([*stable_draw, photo_id()], apart_s=60) == {one: one for one in [*stable_draw, photo_id()]}


@given(neighbours(), st.floats(0, 1))
def test_photos_that_follow_one_another_go_home_together(
    photos: tuple[Reference, Reference], golden_share: float
) -> None:
    """Whichever of them comes first, and whatever share somebody asks for when the other comes."""
    one, other = photos
    fresh = Homes(reviewed=(), golden=(), taught=(), others=photos, golden_share=golden_share)
    assert fresh.of(one) is fresh.of(other)
    lying = [one]
    for share in (0.0, 1.0):
        golden, reviewed = (lying, ()) if fresh.of(one) is Tree.GOLDEN else ((), lying)
        homes = Homes(reviewed=reviewed, golden=golden, taught=(), others=photos, golden_share=share)
        assert homes.of(other) is fresh.of(one)


@given(neighbours(), st.floats(0, 1))
def test_what_has_taught_never_judges_and_nor_does_its_neighbour(
    photos: tuple[Reference, Reference], golden_share: float
) -> None:
    one, other = photos
    homes = Homes(reviewed=(), golden=(), taught=[one], others=photos, golden_share=golden_share)
    assert (homes.of(one), homes.of(other)) == (Tree.REVIEWED, Tree.REVIEWED)
    if one != other:
        homes = Homes(reviewed=(), golden=[other], taught=[one], golden_share=golden_share)
        assert (homes.of(one), homes.of(other)) == (Tree.REVIEWED, Tree.GOLDEN)


def test_a_neighbour_of_what_has_taught_does_not_judge_because_another_neighbour_does() -> None:
    """What lies between two photos makes them neighbours."""
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    judge, between, taught, asked = (
        Reference("lobby", new_image_id(noon + timedelta(seconds=at), bytes(10))) for at in (0, 40, 80, 120)
    )
    apart = Homes(reviewed=(), golden=[judge], taught=(), others=[asked], golden_share=0)
    assert apart.of(asked) is Tree.REVIEWED
    joined = Homes(reviewed=(), golden=[judge], taught=(), others=[between, taught, asked], golden_share=0)
    assert joined.of(asked) is Tree.GOLDEN
    mixed = Homes(reviewed=(), golden=[judge], taught=[taught], others=[between, asked], golden_share=1)
    assert mixed.of(asked) is Tree.REVIEWED


@given(references)
def test_every_photo_has_a_moment_and_a_week(reference: Reference) -> None:
    """Of an id that holds no time, no week."""
    assert burst_of([reference]) == {reference: reference}
    assert (iso_week(reference) == NO_WEEK) is (image_id_time(reference.image_id) is None)


def test_weeks_are_those_of_the_iso_calendar() -> None:
    """The first of January may belong to the year before."""
    new_year = Reference("lobby", new_image_id(datetime(2027, 1, 1, tzinfo=UTC), bytes(10)))
    assert iso_week(new_year) == "2026-W53"


@given(st.text(max_size=50))
def test_a_draw_is_a_fraction_that_never_changes_and_depends_on_its_purpose(name: str) -> None:
    assert 0 <= stable_draw("sample", name) < 1
    assert stable_draw("sample", name) == stable_draw("sample", name) != stable_draw("golden", name)


def test_draws_are_even() -> None:
    """Of 10,000 names each tenth holds a tenth, within four standard errors."""
    tenths = [0] * 10
    for number in range(10_000):
        tenths[int(stable_draw("golden", f"lobby {number}") * 10)] += 1
    assert all(880 < one < 1120 for one in tenths)
