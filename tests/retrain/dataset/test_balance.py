"""What is learned from when there is too much."""

from __future__ import annotations

from collections import Counter
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.names import Reference
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import Tree
from retrain.dataset.balance import cap_of, choose_train, choose_val, supported_by_checks
from retrain.dataset.photos import DatasetPhoto, ExclusionReason
from retrain.dataset.settings import DatasetSettings
from retrain.errors import InvalidDataset
from tests.retrain.dataset.shop import a_photo

STRICT = DatasetSettings(least_per_label=0)


def photos(*kinds: tuple[int, Label | None, Tree]) -> list[DatasetPhoto]:
    """So many of each label and tree; None: of nobody."""
    numbers = count()
    return [
        a_photo(next(numbers), labels=[] if label is None else [label], tree=tree)
        for many, label, tree in kinds
        for _ in range(many)
    ]


def references(some: list[DatasetPhoto]) -> frozenset[Reference]:
    return frozenset(photo.reference for photo in some)


def kinds(some: list[DatasetPhoto]) -> Counter[tuple[str, str]]:
    return Counter((next(iter(photo.labels), "nobody"), photo.source) for photo in some)


def test_no_label_outnumbers_the_rarest_by_more_than_the_ratio_and_a_model_s_labels_go_first() -> None:
    there = photos(
        (10, Label.ELDER_MALE, Tree.AUTO), (60, Label.ADULT_MALE, Tree.AUTO), (30, Label.ADULT_MALE, Tree.REVIEWED)
    )
    assert cap_of(there, STRICT) == 40
    kept, dropped = choose_train(there, frozenset(), STRICT, room=1000, detects=PEOPLE)
    assert kinds(kept) == {("elder_male", "auto"): 10, ("adult_male", "reviewed"): 30, ("adult_male", "auto"): 10}
    assert Counter(why for _, why in dropped) == {ExclusionReason.OVER_CAP: 50}


def test_the_cap_leaves_small_datasets_alone() -> None:
    there = photos((1, Label.ELDER_MALE, Tree.AUTO), (200, Label.ADULT_MALE, Tree.AUTO))
    kept, _ = choose_train(there, frozenset(), DatasetSettings(), room=1000, detects=PEOPLE)
    assert len(kept) == 201


def test_no_new_photo_with_an_elder_is_dropped_for_balance() -> None:
    there = photos((100, Label.ELDER_FEMALE, Tree.AUTO), (2, Label.ADULT_MALE, Tree.AUTO))
    kept, _ = choose_train(there, references(there), STRICT, room=1000, detects=PEOPLE)
    assert len(kept) == 102
    kept, _ = choose_train(there, frozenset(), STRICT, room=1000, detects=PEOPLE)
    assert len(kept) == 10


def test_pictures_of_nobody_are_a_tenth_at_most() -> None:
    there = photos((90, Label.ADULT_MALE, Tree.AUTO), (50, None, Tree.REVIEWED))
    kept, dropped = choose_train(there, frozenset(), STRICT, room=1000, detects=PEOPLE)
    assert kinds(kept) == {("adult_male", "auto"): 90, ("nobody", "reviewed"): 10}
    assert Counter(why for _, why in dropped) == {ExclusionReason.NOBODY: 40}
    assert len(choose_val(there, STRICT, room=1000)[0]) == 100


def test_new_photos_are_all_learned_from_and_old_ones_fill_up_evenly() -> None:
    old = photos(*((40, label, Tree.AUTO) for label in LABELS))
    new = [a_photo(1000 + number) for number in range(20)]
    kept, dropped = choose_train([*old, *new], references(new), STRICT, room=60, detects=PEOPLE)
    assert references(new) <= references(kept)
    assert kinds([photo for photo in kept if photo not in new]) == {(label, "auto"): 10 for label in LABELS}
    assert Counter(why for _, why in dropped) == {ExclusionReason.OVER_MOST_IMAGES: 120}


def test_a_share_stays_for_replay_however_much_is_new() -> None:
    old, new = photos((50, Label.ADULT_MALE, Tree.AUTO)), [a_photo(1000 + number) for number in range(200)]
    kept, _ = choose_train([*old, *new], references(new), STRICT, room=100, detects=PEOPLE)
    assert len(references(kept) & references(old)) == 30
    assert len(references(kept) & references(new)) == 70


def test_when_even_the_new_are_too_many_elders_stay() -> None:
    new = photos((20, Label.ELDER_MALE, Tree.AUTO), (80, Label.ADULT_MALE, Tree.REVIEWED))
    kept, _ = choose_train(new, references(new), STRICT, room=30, detects=PEOPLE)
    assert kinds(kept) == {("elder_male", "auto"): 20, ("adult_male", "reviewed"): 10}
    assert len(choose_train(new, references(new), STRICT, room=5, detects=PEOPLE)[0]) == 5
    new = photos(
        (20, Label.ELDER_MALE, Tree.AUTO), (15, Label.ADULT_MALE, Tree.REVIEWED), (10, Label.ADULT_FEMALE, Tree.AUTO)
    )
    kept, _ = choose_train(new, references(new), STRICT, room=30, detects=PEOPLE)
    assert kinds(kept) == {("elder_male", "auto"): 20, ("adult_male", "reviewed"): 5, ("adult_female", "auto"): 5}


def test_val_is_as_the_shops_are() -> None:
    there = photos((2, Label.ELDER_MALE, Tree.AUTO), (90, Label.ADULT_MALE, Tree.AUTO))
    assert choose_val(there, STRICT, room=1000) == (sorted_by_draw(there), [])
    kept, dropped = choose_val(there, STRICT, room=10)
    assert (len(kept), {why for _, why in dropped}) == (10, {ExclusionReason.OVER_MOST_IMAGES})


def sorted_by_draw(some: list[DatasetPhoto]) -> list[DatasetPhoto]:
    return choose_val(list(reversed(some)), STRICT, room=1000)[0]


people = st.lists(st.sampled_from(LABELS), max_size=3)


@given(
    st.lists(st.tuples(people, st.sampled_from([Tree.AUTO, Tree.REVIEWED]), st.booleans()), max_size=60), st.randoms()
)
def test_each_photo_is_kept_or_dropped_once_whatever_the_order(
    drawn: list[tuple[list[Label], Tree, bool]], chance: Random
) -> None:
    there = [a_photo(number, labels=labels, tree=tree) for number, (labels, tree, _) in enumerate(drawn)]
    new = references([photo for photo, (_, _, is_new) in zip(there, drawn, strict=True) if is_new])
    kept, dropped = choose_train(there, new, STRICT, room=25, detects=PEOPLE)
    assert len(kept) <= 25
    assert sorted([*kept, *(photo for photo, _ in dropped)], key=lambda one: one.reference) == there
    shuffled = list(there)
    chance.shuffle(shuffled)
    assert choose_train(shuffled, new, STRICT, room=25, detects=PEOPLE) == (kept, dropped)


def test_a_dataset_needs_photos_to_train_on() -> None:
    with pytest.raises(InvalidDataset, match=r"nothing was built: val_share is 1\.0, and must lie between 0 and 0\.9$"):
        DatasetSettings(val_share=1.0)


def test_a_label_does_not_grow_by_a_model_s_labels_beyond_what_people_have_checked_of_it() -> None:
    settings = DatasetSettings(most_auto_per_checked=3, least_auto_per_label=5)
    train = photos(
        (20, Label.ADULT_FEMALE, Tree.AUTO),
        (20, Label.ELDER_FEMALE, Tree.AUTO),
        (2, Label.ADULT_FEMALE, Tree.REVIEWED),
        (4, None, Tree.AUTO),
    )
    golden = [a_photo(1000 + number, labels=[Label.ADULT_FEMALE], tree=Tree.GOLDEN) for number in range(2)]
    kept, dropped = supported_by_checks([*train, *golden], train, settings, classes=LABELS)
    assert kinds(kept) == {
        ("adult_female", "auto"): 12,  # three for each of the four that were checked
        ("elder_female", "auto"): 5,  # none was checked: so many need no check
        ("adult_female", "reviewed"): 2,
        ("nobody", "auto"): 4,
    }
    assert Counter(why for _, why in dropped) == {ExclusionReason.UNSUPPORTED: 23}
    assert supported_by_checks([*golden, *train[::-1]], train[::-1], settings, classes=LABELS)[0] == kept[::-1]
