"""The fit of the last layer: the shipped calibration is its prior, and people move it as far as they are many."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.kiosk.labels import LABELS
from retrain.recalibration.fit import FOLDS, Example, fit, folds, out_of_fold, weight_of_elders
from retrain.recalibration.last_layer import LastLayer
from tests.retrain.recalibration.shops import SHIPPED, people


def test_without_people_the_layer_is_the_shipped_one() -> None:
    assert fit([], SHIPPED) == LastLayer()


def test_a_camera_like_the_shipped_one_changes_nearly_nothing() -> None:
    """Within two deviations of what 400 people can tell."""
    layer = fit(people(400), SHIPPED)
    assert layer.elder.shift == pytest.approx(0, abs=0.3)
    assert layer.elder.scale == pytest.approx(1, abs=0.25)
    assert layer.female.shift == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize(("shift", "scale"), [(1.5, 1.0), (-1.0, 1.0), (0.0, 0.5), (1.0, 0.6)])
def test_many_people_of_another_camera_give_its_shift_and_its_scale(shift: float, scale: float) -> None:
    layer = fit(people(6000, shift=shift, scale=scale), SHIPPED)
    assert (layer.elder.shift, layer.elder.scale) == (pytest.approx(shift, abs=0.2), pytest.approx(scale, abs=0.1))
    assert (layer.female.shift, layer.female.scale) == (pytest.approx(0, abs=0.2), pytest.approx(1, abs=0.1))


@settings(max_examples=10)
@given(times=st.integers(2, 8), seed=st.integers(0, 50))
def test_more_of_the_same_people_move_the_layer_further(times: int, seed: int) -> None:
    """Away from the shipped one, in the direction of the camera."""
    few = people(60, seed=seed, shift=2.0)
    many = [replace(example, moment=f"{example.moment}-{copy}") for copy in range(times) for example in few]
    assert 0 < fit(few, SHIPPED).elder.shift < fit(many, SHIPPED).elder.shift


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_people_does_not_matter(order: random.Random) -> None:
    """To the byte: the manifest's digest depends on it."""
    some = people(80, shift=1.0)
    shuffled = list(some)
    order.shuffle(shuffled)
    assert fit(shuffled, SHIPPED) == fit(some, SHIPPED)


def test_a_label_that_few_people_get_moves_less_than_the_confidence_of_all() -> None:
    """Every label is wrong by its gender: the common shift takes it, and no label departs from it far."""
    wrong = [replace(each, female=-each.female) for each in people(200)]
    layer = fit(wrong, {**SHIPPED, "female": {"bias": 0.0, "weights": {"female_log_odds": 1.0}}})
    assert layer.confidence < -0.3
    assert all(abs(shift) < abs(layer.confidence) / 2 for shift in layer.by_label)


def test_a_box_where_people_see_nobody_lowers_the_confidence_and_has_no_age() -> None:
    some = people(100)
    posters = [Example(f"poster-{number}", 4.0, 4.0, None) for number in range(40)]
    alone, with_posters = fit(some, SHIPPED), fit([*some, *posters], SHIPPED)
    assert (with_posters.elder, with_posters.female) == (alone.elder, alone.female)
    assert with_posters.confidence < alone.confidence
    assert with_posters.by_label[LABELS.index("elder_female")] < alone.by_label[LABELS.index("elder_female")]


def test_photos_of_one_moment_are_in_one_fold() -> None:
    """Two photos of one person on both sides would promise too much."""
    burst = [replace(each, moment=f"moment-{number // 5}") for number, each in enumerate(people(200))]
    parts = folds(burst)
    assert len(parts) == FOLDS
    assert sorted(place for _, held in parts for place in held) == list(range(200))
    for kept, held in parts:
        assert {burst[place].moment for place in kept}.isdisjoint({burst[place].moment for place in held})


def test_a_moment_stays_in_its_fold_as_photos_are_added() -> None:
    some = people(50)
    before = {some[place].moment: number for number, (_, held) in enumerate(folds(some)) for place in held}
    more = [*people(50, seed=1), *some]
    after = {more[place].moment: number for number, (_, held) in enumerate(folds(more)) for place in held}
    assert before.items() <= after.items()


def test_no_person_is_judged_by_a_fit_that_knows_them() -> None:
    """A person whose truth is turned around changes the fits of the others, never the one that is held against them."""
    some = people(60)
    [first, *others] = some
    turned = [replace(first, elder=-first.elder), *others]
    layers, changed = out_of_fold(some, SHIPPED), out_of_fold(turned, SHIPPED)
    [own_fold] = [held for _, held in folds(some) if 0 in held]
    assert all(layers[place] == changed[place] for place in own_fold)
    assert any(layers[place] != changed[place] for place in range(60) if place not in own_fold)


def test_a_stated_share_of_elders_moves_the_age_by_its_log_odds() -> None:
    """The manifest assumes 40 %: in a shop with 15 % the fit is as if 40 % had come, and the gender stays."""
    weight = weight_of_elders(0.15, 0.4)
    assert math.log(weight) == pytest.approx(math.log(0.4 / 0.6) - math.log(0.15 / 0.85))
    some = people(20_000)
    plain, weighted = fit(some, SHIPPED), fit(some, SHIPPED, elder_weight=weight)
    assert weighted.elder.shift - plain.elder.shift == pytest.approx(math.log(weight), abs=0.15)
    assert weighted.female == plain.female


def test_the_share_that_the_model_assumes_weighs_nobody() -> None:
    assert weight_of_elders(0.4, 0.4) == pytest.approx(1)
