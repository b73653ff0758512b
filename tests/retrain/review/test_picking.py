"""Which photos get human eyes."""

from __future__ import annotations

from contracts.names import Reference
from recipes.kiosk.answers import Answers
from recipes.kiosk.detects import weight
from recipes.kiosk.labels import Label
from retrain.bucket import Pair, Tree
from retrain.review.picking import SelectedPhoto, in_sample, select
from tests.retrain.review.shop import NOON, photo

F, M = Label.ELDER_FEMALE, Label.ADULT_MALE


def pair(reference: Reference, tree: Tree = Tree.AUTO) -> Pair:
    return Pair(tree, reference, NOON)


SURE = [pair(photo(number, minutes=number)) for number in range(2000)]
HERS, HIS = weight([(F, None)]), weight([(M, None)])
UNSURE = {pair(photo(number, kiosk="door"), Tree.REVIEW): HERS if number % 2 else HIS for number in range(400)}


def test_every_unsure_photo_is_picked_and_a_share_of_the_sure() -> None:
    picked = select(UNSURE, SURE, sample_share=0.1, most=None)
    assert {one.pair for one in picked if not one.sample} == set(UNSURE)
    sample = [one.pair for one in picked if one.sample]
    assert sample == [one.pair for one in picked if one.pair.tree is Tree.AUTO]
    assert 140 < len(sample) < 260  # 200 are expected; four standard errors are 54


def test_a_larger_share_holds_the_sample_of_a_smaller_one_and_new_photos_move_none() -> None:
    small = {one.pair for one in select({}, SURE, sample_share=0.05, most=None)}
    assert small < {one.pair for one in select({}, SURE, sample_share=0.2, most=None)}
    half = {one.pair for one in select({}, SURE[:1000], sample_share=0.05, most=None)}
    assert half == {one for one in small if one in set(SURE[:1000])}


def test_a_share_of_all_is_all_and_of_nothing_none() -> None:
    assert all(in_sample(one.reference, 1.0) for one in SURE)
    assert not any(in_sample(one.reference, 0.0) for one in SURE)


def test_where_not_all_fit_half_the_room_is_the_sample_s() -> None:
    picked = select(UNSURE, SURE, sample_share=0.1, most=100)
    assert [sum(one.sample is sample for one in picked) for sample in (True, False)] == [50, 50]
    few_unsure = dict(list(UNSURE.items())[:10])
    picked = select(few_unsure, SURE, sample_share=0.1, most=100)
    assert [sum(one.sample is sample for one in picked) for sample in (True, False)] == [90, 10]
    picked = select(UNSURE, [], sample_share=0.1, most=100)
    assert [sum(one.sample is sample for one in picked) for sample in (True, False)] == [0, 100]
    assert len(select(UNSURE, SURE, sample_share=0.1, most=1)) == 1


def test_elders_come_first_and_nobody_is_shut_out() -> None:
    """Half of the unsure photos show an elder woman; of the first 100 she is in four of five, as 4 to 1 says."""
    picked = select(UNSURE, [], sample_share=0, most=100)
    elders = sum(UNSURE[one.pair] == HERS for one in picked)
    assert 65 <= elders <= 92


def test_photos_come_mixed_in_an_order_that_says_nothing() -> None:
    """Neither who is unsure, nor by kiosk or time."""
    picked = select(UNSURE, SURE, sample_share=0.2, most=None)
    first = picked[: len(picked) // 2]
    share = sum(one.sample for one in picked) / len(picked)
    assert abs(sum(one.sample for one in first) / len(first) - share) < 0.12
    assert picked == select(dict(reversed(UNSURE.items())), SURE[::-1], sample_share=0.2, most=None)
    assert picked != sorted(picked, key=lambda one: one.pair.reference)


def test_a_photo_of_nobody_waits_its_turn() -> None:
    empty = pair(photo(1), Tree.REVIEW)
    assert select({empty: weight([])}, [], sample_share=0, most=None) == [SelectedPhoto(empty, False)]


def test_a_person_on_the_border_is_reviewed_before_one_far_from_it_and_a_woman_before_a_man() -> None:
    """The weight is the expected one of the true label, times up to two at the border."""

    def of(label: Label, elder: float, female: float) -> float:
        return weight([(label, Answers.of(elder=elder, female=female))])

    assert of(M, 0, 0) == weight([(M, None)]) == 1
    assert of(F, 1, 1) == weight([(F, None)]) == 4
    assert of(F, 0.5, 1) == 6  # (4 + 2) / 2, times two
    assert of(M, 0.5, 0) == 4
    quiet, sure = of(Label.ADULT_FEMALE, 0.05, 0.98), of(Label.ADULT_FEMALE, 0.001, 0.98)
    assert sure < quiet < of(Label.ADULT_FEMALE, 0.4, 0.98)


def test_a_photo_weighs_as_much_as_its_heaviest_person() -> None:
    assert weight([(M, None), (F, None)]) == 4
