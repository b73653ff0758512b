"""Bursts, weeks and draws, by names alone; and the split assignment of bursts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.formulas.draws import stable_draw
from contracts.names import Reference, image_id_time, new_image_id
from retrain.bucket import Tree
from retrain.bursts import APART_S, NO_WEEK, burst_of, iso_week
from retrain.review.split_assignment import assign_trees
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


def test_photos_within_a_minute_of_each_other_are_one_burst() -> None:
    chain = [photo_id(seconds) for seconds in (0, 60, 120, 180)]
    later, elsewhere = photo_id(240.001), photo_id(60, kiosk="k2")
    assert burst_of([later, elsewhere, *reversed(chain)], apart_s=60) == {
        **dict.fromkeys(chain, chain[0]),
        later: later,
        elsewhere: elsewhere,
    }


def test_a_long_queue_is_not_one_burst_and_no_minute_is_split() -> None:
    """A hundred customers, one every 40 seconds: each burst ends with the first whole minute after five."""
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


def test_photos_whose_ids_hold_no_time_are_bursts_of_their_own() -> None:
    timeless = [Reference("k1", "z" * 25 + letter) for letter in "abc"]
    assert burst_of([*timeless, photo_id()], apart_s=60) == {one: one for one in [*timeless, photo_id()]}


def trees(
    checked: Iterable[Reference],
    *,
    reviewed: Iterable[Reference] = (),
    golden: Iterable[Reference] = (),
    exposed: Iterable[Reference] = (),
    listed: Iterable[Reference] = (),
    golden_share: float,
) -> list[Tree]:
    checked = list(checked)
    assigned = assign_trees(
        checked,
        reviewed=set(reviewed),
        golden=set(golden),
        exposed=set(exposed),
        listed=listed,
        golden_share=golden_share,
    )
    return [assigned[reference] for reference in checked]


@given(neighbours(), st.floats(0, 1))
def test_photos_of_a_burst_are_assigned_to_one_tree(photos: tuple[Reference, Reference], golden_share: float) -> None:
    """Whichever of them is checked first, and whatever the share when the other is."""
    one, other = photos
    tree, again = trees(photos, golden_share=golden_share)
    assert tree is again
    for share in (0.0, 1.0):
        reviewed, golden = ([one] if tree is home else () for home in (Tree.REVIEWED, Tree.GOLDEN))
        assert trees([other], reviewed=reviewed, golden=golden, listed=photos, golden_share=share) == [tree]


@given(neighbours(), st.floats(0, 1))
def test_an_exposed_photo_and_its_burst_never_become_golden(
    photos: tuple[Reference, Reference], golden_share: float
) -> None:
    one, other = photos
    assert trees(photos, exposed=[one], golden_share=golden_share) == [Tree.REVIEWED, Tree.REVIEWED]
    if one != other:
        both = trees(photos, golden=[other], exposed=[one], golden_share=golden_share)
        assert both == [Tree.REVIEWED, Tree.GOLDEN]


def test_exposure_takes_precedence_over_golden_within_a_burst() -> None:
    """A listed photo between two others connects them to one burst."""
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    golden, between, exposed, checked = (
        Reference("lobby", new_image_id(noon + timedelta(seconds=at), bytes(10))) for at in (0, 40, 80, 120)
    )
    assert trees([checked], golden=[golden], golden_share=0) == [Tree.REVIEWED]
    assert trees([checked], golden=[golden], listed=[between, exposed], golden_share=0) == [Tree.GOLDEN]
    assert trees([checked], golden=[golden], exposed=[exposed], listed=[between], golden_share=1) == [Tree.REVIEWED]


@given(references)
def test_every_photo_has_a_burst_and_a_week(reference: Reference) -> None:
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
