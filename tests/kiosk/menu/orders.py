"""Orders for tests of the menu: as a page sends them, and as the book keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from contracts.names import new_image_id
from kiosk.menu.menu import Menu
from kiosk.menu.order import Order, default_choices, price_of
from kiosk.menu.orders import Ordered
from kiosk.menu.places import Place
from recipes.kiosk.labels import Label

SEOUL = timezone(timedelta(hours=9))
NOON = datetime(2026, 11, 29, 12, 0, tzinfo=SEOUL)
MENU = Menu.load()


def ulid(number: int, at: datetime = NOON) -> str:
    return new_image_id(at.astimezone(UTC), number.to_bytes(10))


def page_line(dish: str, count: int = 1) -> dict[str, Any]:
    """A line of a page's order, with the default choices."""
    known = MENU.dish(dish)
    assert known is not None
    choices = default_choices(known, MENU)
    return {"dish": dish, "choices": list(choices), "count": count, "price": price_of(known, choices, MENU)}


def page_order(*dishes: str, number: int = 1, visit: str | None = None, **changes: Any) -> dict[str, Any]:
    """An order as the page sends it: one of each dish."""
    lines = [page_line(dish) for dish in dishes or ("tteokbokki",)]
    order = {
        "order_id": ulid(number),
        "visit": visit,
        "screen": "easy",
        "language": "ko",
        "type": "here",
        "by": {"touch": 9, "voice": 2},
        "lines": lines,
        "total": sum(line["price"] * line["count"] for line in lines),
        "paid": {"method": "card", "demo": True},
    }
    return order | changes


def order(*dishes: str, number: int = 1, visit: str | None = None, **changes: Any) -> Order:
    return Order.from_page(page_order(*dishes, number=number, visit=visit, **changes), MENU)


def ordered(
    *dishes: str,
    seq: int = 1,
    label: Label | None = Label.ELDER_FEMALE,
    confidence: float | None = 1.0,
    hour: int = 12,
    shown: tuple[str, ...] = (),
) -> Ordered:
    """An order as the book tells it."""
    return Ordered(seq, ulid(seq), NOON, hour, label, confidence, dishes, shown)


def places(*dishes: str) -> tuple[Place, ...]:
    return tuple(Place(dish, None) for dish in dishes)


class Pages:
    """A book of these orders; see kiosk.menu.orders.OrderBook."""

    def __init__(self, *orders: Ordered) -> None:
        self.orders = list(orders)

    def after(self, seq: int) -> list[Ordered]:
        return [one for one in self.orders if one.seq > seq]
