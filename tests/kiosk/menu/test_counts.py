"""What sells, counted by shop, label and hour."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.menu.counts import PRIOR_LIFT, Counts, shrunken
from recipes.kiosk.labels import LABELS, Label
from tests.kiosk.menu.orders import ordered

DISHES = ("gimbap", "udon", "sundae", "omurice")
SOME = st.sets(st.sampled_from(DISHES), min_size=1).map(lambda some: tuple(sorted(some)))
ORDERS = st.lists(
    st.builds(
        lambda dishes, label, confidence, hour, shown: ordered(
            *dishes, label=label, confidence=confidence, hour=hour, shown=shown
        ),
        SOME,
        st.sampled_from([*Label, None]),
        st.floats(0, 1) | st.none(),
        st.integers(0, 23),
        SOME | st.just(()),
    ),
    max_size=30,
)


def test_without_an_order_every_dish_is_as_likely() -> None:
    """For every label and hour."""
    assert Counts().shares(DISHES, Label.ELDER_MALE, 0.9, 12) == pytest.approx([0.25] * 4)


def test_a_label_weighs_as_much_as_the_shop_after_40_of_its_orders_and_an_hour_as_the_label_after_20() -> None:
    """Dirichlet-multinomial, level by level; checked by hand on dishes that no one was shown."""
    counts = Counts([ordered("udon", label=Label.ADULT_MALE, hour=9)] * 40)
    counts.add(ordered("gimbap", label=None))
    shop = (40 + 10 / 4) / (41 + 10)
    label = (40 + 40 * shop) / 80
    assert counts.shares(DISHES, None, None, 9)[1] == pytest.approx(shop)
    assert counts.shares(DISHES, Label.ADULT_MALE, 1.0, 10)[1] == pytest.approx(label)
    assert counts.shares(DISHES, Label.ADULT_MALE, 1.0, 9)[1] == pytest.approx((40 + 20 * label) / 60)
    assert counts.shares(DISHES, Label.ELDER_MALE, 1.0, 9)[1] == pytest.approx(shop)


def test_a_half_sure_label_counts_half_and_is_half_believed() -> None:
    """A calibrated confidence is the share of such orders that are the label's."""
    sure = Counts([ordered("udon", confidence=1.0)] * 20)
    unsure = Counts([ordered("udon", confidence=0.5)] * 40)
    assert unsure.labels[Label.ELDER_FEMALE] == sure.labels[Label.ELDER_FEMALE]
    shop = sure.shares(DISHES, None, None, 12)
    alike = sure.shares(DISHES, Label.ELDER_FEMALE, 1.0, 12)
    half = sure.shares(DISHES, Label.ELDER_FEMALE, 0.5, 12)
    assert half == pytest.approx([(a + b) / 2 for a, b in zip(shop, alike, strict=True)])


def test_an_order_of_a_dish_that_was_shown_counts_less_by_the_lift() -> None:
    """Showing does not confirm itself."""
    counts = Counts([ordered("udon", shown=("udon",)), ordered("gimbap")])
    assert counts.shop.of(DISHES, 2.0) == [1.0, 0.5, 0.0, 0.0]


def test_the_lift_is_learnt_from_customers_of_one_label_with_and_without_the_dish_on_the_screen() -> None:
    """Here showing triples a dish's weight, and what sells is shown most: that alone is no lift.

    As dishes compete for one order the odds ratio comes out a little high, the less the longer the menu.
    """
    rng, counts = random.Random(1), Counts()
    menu = [f"dish-{number}" for number in range(20)]
    for seq in range(6000):
        label = rng.choice(LABELS)
        liked = [1 / (1 + (place + 5 * label.yolo_class) % 20) for place in range(20)]
        top = sorted(range(20), key=lambda place: -liked[place])[:4]
        shown = {menu[place] for place in rng.sample(top, 3)} | {rng.choice(menu)}
        weights = [like * (3 if dish in shown else 1) for dish, like in zip(menu, liked, strict=True)]
        counts.add(ordered(*rng.choices(menu, weights), seq=seq, label=label, shown=tuple(sorted(shown))))
    assert 2.8 < counts.lift() < 3.8


def test_dishes_that_are_always_shown_tell_nothing_of_the_lift() -> None:
    """Without a comparison the prior stays."""
    assert Counts([ordered("udon", shown=DISHES)] * 50).lift() == pytest.approx(PRIOR_LIFT)


@given(ORDERS, st.sampled_from([*Label, None]), st.floats(0, 1), st.integers(0, 23))
def test_shares_are_a_distribution_whatever_was_ordered(
    orders: list[object], label: Label | None, confidence: float, hour: int
) -> None:
    """Every dish keeps a chance, and the order of counting does not matter."""
    counts = Counts(orders)  # pyrefly: ignore[bad-argument-type]
    shares = counts.shares(DISHES, label, confidence, hour)
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0
    assert Counts(reversed(orders)).shares(DISHES, label, confidence, hour) == pytest.approx(shares)  # pyrefly: ignore
    assert 1 <= counts.lift() <= 10


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=6), st.floats(0.1, 100))
def test_shrinking_moves_every_share_between_the_counts_and_the_prior(counts: list[float], strength: float) -> None:
    total, prior = sum(counts), [1 / len(counts)] * len(counts)
    for share, count, before in zip(shrunken(counts, prior, strength), counts, prior, strict=True):
        own = count / total if total else before
        assert min(own, before) - 1e-9 <= share <= max(own, before) + 1e-9
