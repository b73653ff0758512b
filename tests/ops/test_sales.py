"""Counts of orders, added up."""

from __future__ import annotations

from collections import Counter

import pytest

from contracts.errors import InvalidName
from ops.sales import Count, DishShare, Sales, sales
from recipes.kiosk.labels import Label
from recipes.kiosk.orders import CountKey
from retrain.intervals import wilson


def count(kiosk: str, label: Label | None, hour: int, month: str, orders: int, **dishes: int) -> Count:
    return Count(CountKey(kiosk, label, hour, month), orders, orders * 0.5, dishes)


COUNTS = [
    count("lobby", None, 12, "2026-11", 5, udon=5),
    count("lobby", Label.ELDER_FEMALE, 12, "2026-10", 10, gimbap=4),
    count("terrace", Label.ELDER_FEMALE, 9, "2026-11", 30, gimbap=16, udon=30),
]


def test_orders_add_up_by_label_those_without_one_last() -> None:
    """Over kiosks, hours and months."""
    assert sales(COUNTS) == [
        Sales(Label.ELDER_FEMALE, None, 40, 20.0, Counter(udon=30, gimbap=20)),
        Sales(None, None, 5, 2.5, Counter(udon=5)),
    ]
    [elder, unlabelled] = sales(COUNTS)
    assert (elder.few, elder.confidence, unlabelled.few, unlabelled.confidence) == (False, 0.5, True, None)
    assert elder.shares(1) == [DishShare("udon", 30, 0.75, wilson(30, 40))]


def test_hours_are_apart_and_a_kiosk_or_months_alone_when_asked() -> None:
    assert [(part.label, part.hour, part.orders) for part in sales(COUNTS, by_hour=True)] == [
        (Label.ELDER_FEMALE, 9, 30),
        (Label.ELDER_FEMALE, 12, 10),
        (None, 12, 5),
    ]
    assert [part.orders for part in sales(COUNTS, kiosk="lobby")] == [10, 5]
    assert [part.orders for part in sales(COUNTS, since="2026-11")] == [30, 5]


def test_an_item_is_read_and_a_marker_is_none() -> None:
    item = {
        "pk": {"S": "lobby#elder_male#07"},
        "sk": {"S": "2026-11"},
        "orders": {"N": "2"},
        "weight": {"N": "1.5"},
        "dish:udon": {"N": "1"},
    }
    assert Count.from_item(item) == Count(CountKey("lobby", Label.ELDER_MALE, 7, "2026-11"), 2, 1.5, {"udon": 1})
    marker = {"pk": {"S": "lobby#order#01jd8v2k5e9m3x7q4r6t0w1y2z"}, "sk": {"S": "order"}, "expires_at": {"N": "1"}}
    assert Count.from_item(marker) is None
    with pytest.raises(InvalidName):
        Count.from_item({"pk": {"S": "other"}, "sk": {"S": "thing"}})
