"""The counter: suggestions of dishes, orders, calls for a person, today's figures. Needs no cloud."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final, Protocol

from kiosk.errors import OrdersUnreadable
from kiosk.menu.menu import Menu
from kiosk.menu.order import Order
from kiosk.menu.orders import Figures, Receipt
from kiosk.menu.places import Place
from kiosk.screen.events import Events
from recipes.kiosk.labels import Label

log = logging.getLogger(__name__)

MOST_CALLS: Final = 50


class Book(Protocol):
    """The orders on this device; see kiosk.menu.orders.OrderBook."""

    def accept(self, order: Order, *, label: Label | None, confidence: float | None) -> Receipt: ...

    def shown(self, visit: str, places: tuple[Place, ...]) -> None: ...

    def figures(self, day: date) -> Figures: ...

    def waiting(self) -> int: ...


class ChoosesPlaces(Protocol):
    """What to suggest; see kiosk.menu.places.Places."""

    def choose(self, label: Label | None, confidence: float | None, hour: int) -> tuple[Place, ...]: ...


class Selling:
    """Publishes `places` and `calls`. `clock`: the shop's local time; `ordered` is told of each order."""

    def __init__(
        self,
        menu: Menu,
        book: Book,
        places: ChoosesPlaces,
        events: Events,
        *,
        clock: Callable[[], datetime],
        ordered: Callable[[], None] = lambda: None,
    ) -> None:
        self.menu = menu
        self._book, self._places, self._events = book, places, events
        self._clock, self._ordered = clock, ordered
        self._choosing = asyncio.Lock()
        self._calls: dict[str, dict[str, Any]] = {}
        self._called = 0
        self.suggested: dict[str, Any] = {"visit": None, "places": []}  # as it was last published

    @property
    def calls(self) -> dict[str, Any]:
        """The calls that wait, oldest first."""
        return {"calls": list(self._calls.values())}

    async def suggest(
        self, visit: str | None, label: Label | None, confidence: float | None, *, still: Callable[[], bool]
    ) -> None:
        """Choose places and publish them if the visit is `still` the one that runs; note that they were shown."""
        try:
            async with self._choosing:
                places = await asyncio.to_thread(self._places.choose, label, confidence, self._clock().hour)
            if not still():
                return
            self.suggested = {"visit": visit, "places": [asdict(place) for place in places]}
            self._events.publish("places", self.suggested)
            if visit is not None:
                await asyncio.to_thread(self._book.shown, visit, places)
        except (sqlite3.Error, OSError):
            log.exception("no places are suggested: the orders can't be read or written")

    async def order(self, fields: object, *, visit: str | None, label: tuple[Label, float] | None) -> Receipt:
        """Accept an order, once. InvalidOrder; OrdersUnreadable when it can't be written down.

        `label` is the one of `visit`: an order of another visit gets none.
        """
        order = Order.from_page(fields, self.menu)
        known = label if visit is not None and order.visit == visit else None
        name, confidence = known or (None, None)
        try:
            receipt = await asyncio.to_thread(self._book.accept, order, label=name, confidence=confidence)
        except (sqlite3.Error, OSError) as error:
            raise OrdersUnreadable(f"the order can't be written down: {error}. Is the disk full?") from error
        self._ordered()
        return receipt

    def call(self, visit: str | None, reason: str) -> None:
        """A customer asks for a person. Twice by one visit for one reason is one call."""
        if visit is not None and any(
            (call["visit"], call["reason"]) == (visit, reason) for call in self._calls.values()
        ):
            return
        self._called += 1
        id = str(self._called)
        self._calls[id] = {"id": id, "at": self._clock().isoformat(), "reason": reason, "visit": visit}
        while len(self._calls) > MOST_CALLS:
            del self._calls[next(iter(self._calls))]
        self._events.publish("calls", self.calls)

    def call_answered(self, id: str) -> None:
        """Somebody went there."""
        if self._calls.pop(id, None) is not None:
            self._events.publish("calls", self.calls)

    async def figures(self) -> Mapping[str, Any]:
        """Today's."""
        today = self._clock().date()
        figures = await asyncio.to_thread(self._book.figures, today)
        top = [{"dish": dish, "count": count} for dish, count in figures.top]
        return asdict(figures) | {"day": today.isoformat(), "top": top} | self.calls

    async def pending(self) -> int:
        """Orders that the cloud does not have yet."""
        return await asyncio.to_thread(self._book.waiting)
