"""Which photos go where, and that moments stay whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.names import Reference, image_id_time
from retrain.bucket import Tree
from retrain.bursts import burst_of
from retrain.dataset.photos import Split
from retrain.dataset.splits import share, splits
from tests.retrain.dataset.shop import photo_id
from tests.strategies import references

EVEN = {"apart_s": 60, "val_share": 0.3, "seed": 0, "earlier": {}}
shots = st.builds(photo_id, st.integers(0, 1200), kiosk=st.sampled_from(["k1", "k2"]), salt=st.integers(0, 2))
listings = st.dictionaries(shots | references, st.sampled_from([Tree.AUTO, Tree.REVIEWED, Tree.GOLDEN]), max_size=40)


def test_one_golden_photo_makes_its_whole_moment_golden() -> None:
    listed = {photo_id(0): Tree.AUTO, photo_id(50): Tree.GOLDEN, photo_id(100): Tree.REVIEWED}
    assert set(splits(listed, **EVEN).values()) == {Split.GOLDEN}


def test_what_was_val_stays_val_and_draws_its_moment_along() -> None:
    """Even where the draw, or a photo of before that joins the moment, says otherwise."""
    before, was_val, was_train = photo_id(0), photo_id(30), photo_id(60)
    listed = dict.fromkeys([before, was_val, was_train], Tree.AUTO)
    earlier = {was_val: Split.VAL, was_train: Split.TRAIN}
    told = splits(listed, apart_s=60, val_share=0, seed=0, earlier=earlier)
    assert told == dict.fromkeys(listed, Split.VAL)


def test_what_was_golden_and_is_no_more_is_drawn_like_any_other() -> None:
    one = photo_id()
    told = splits({one: Tree.AUTO}, apart_s=60, val_share=0, seed=0, earlier={one: Split.GOLDEN})
    assert told == {one: Split.TRAIN}


@given(listings)
def test_no_moment_is_in_two_splits(listed: dict[Reference, Tree]) -> None:
    """Nor a kiosk's minute by the clock, looked at pair by pair."""
    told, moment_of = splits(listed, **EVEN), burst_of(listed, apart_s=60)
    for one, tree in listed.items():
        for other in listed:
            first, second = image_id_time(one.image_id), image_id_time(other.image_id)
            if moment_of[one] == moment_of[other]:
                assert told[one] is told[other]
            elif one.kiosk_id == other.kiosk_id and first and second:
                assert f"{first:%Y-%m-%d %H:%M}" != f"{second:%Y-%m-%d %H:%M}"
        if tree is Tree.GOLDEN:
            assert told[one] is Split.GOLDEN


@given(listings, st.sets(shots.map(lambda one: Reference("k3", one.image_id)), max_size=5))
def test_photos_of_elsewhere_move_nobody(listed: dict[Reference, Tree], more: set[Reference]) -> None:
    grown = listed | dict.fromkeys(more, Tree.AUTO)
    told = splits(grown, **EVEN)
    assert {one: told[one] for one in listed} == splits(listed, **EVEN)


def test_the_draw_is_even_and_another_seed_draws_others() -> None:
    draws = [share(0, photo_id(one)) < 0.15 for one in range(4000)]
    assert 0.13 < sum(draws) / len(draws) < 0.17
    assert draws != [share(1, photo_id(one)) < 0.15 for one in range(4000)]
