"""What sells to whom: the counts of the table of orders, added up by label, and by label and hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.orders import DISH, ORDERS, PARTITION, SORT, WEIGHT
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.orders import CountKey
from retrain.intervals import wilson

# Below it a share tells more of chance than of taste; the kiosk gives no reason either (kiosk/menu/places.py).
LEAST_ORDERS: Final = 40


@dataclass(frozen=True, slots=True)
class Count:
    """An item of the table: orders, the sum of their labels' confidences, and the orders with each dish."""

    key: CountKey
    orders: int
    weight: float
    dishes: Mapping[str, int]

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Count | None:
        """From an item as DynamoDB returns it; None for an order's marker. InvalidName for an unknown key."""
        key = CountKey.parse(item[PARTITION]["S"], item[SORT]["S"])
        if key is None:
            return None
        numbers = {name: value["N"] for name, value in item.items() if "N" in value}
        return cls(
            key,
            int(numbers.get(ORDERS, 0)),
            float(numbers.get(WEIGHT, 0)),
            {name.removeprefix(DISH): int(number) for name, number in numbers.items() if name.startswith(DISH)},
        )


@dataclass(frozen=True, slots=True)
class DishShare:
    """Orders with a dish: their number, and their share with its 95 % interval by Wilson."""

    dish: str
    count: int
    share: float
    interval: tuple[float, float]


@dataclass(slots=True)
class Sales:
    """The orders of one label (None: without one) at one hour (None: all day)."""

    label: Label | None
    hour: int | None
    orders: int = 0
    weight: float = 0.0
    dishes: Counter[str] = field(default_factory=Counter)

    def add(self, count: Count) -> None:
        """Add an item's counts."""
        self.orders += count.orders
        self.weight += count.weight
        self.dishes.update(count.dishes)

    @property
    def confidence(self) -> float | None:
        """The mean confidence of the label; None without one."""
        return self.weight / self.orders if self.label is not None and self.orders else None

    @property
    def few(self) -> bool:
        """Whether the orders are too few to tell a taste."""
        return self.orders < LEAST_ORDERS

    def shares(self, most: int | None = None) -> list[DishShare]:
        """The dishes by their orders, the most ordered first."""
        ranked = sorted(self.dishes.items(), key=lambda item: (-item[1], item[0]))[:most]
        return [DishShare(dish, n, n / self.orders, wilson(n, self.orders)) for dish, n in ranked if self.orders]


def sales(
    counts: Iterable[Count], *, by_hour: bool = False, kiosk: str | None = None, since: str | None = None
) -> list[Sales]:
    """By label in their order, orders without a label last; with `by_hour` each label's hours apart.

    `kiosk` and `since` (a month, `2026-11`) leave the others out.
    """
    found: dict[tuple[Label | None, int | None], Sales] = {}
    for count in counts:
        key = count.key
        if (kiosk is None or key.kiosk == kiosk) and (since is None or key.month >= since):
            place = key.label, key.hour if by_hour else None
            found.setdefault(place, Sales(*place)).add(count)
    order = [*LABELS, None]
    return [found[place] for place in sorted(found, key=lambda place: (order.index(place[0]), place[1] or 0))]
