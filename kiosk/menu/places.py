"""Suggestions: three dishes that such customers order, and one that few have had the chance to."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from kiosk.menu.counts import LABEL_PRIOR, Counts, Exposure
from kiosk.menu.menu import Menu
from kiosk.menu.orders import Ordered
from recipes.kiosk.labels import Label

PLACES: Final = 3
# A reason is given from so many orders on: below, "2 of 3 like you" is chance, and could be one person's lunches.
LEAST_ORDERS: Final = 40
LEAST_WITH_DISH: Final = 5
# Expected of a new dish: one customer in ten takes it when shown. That is more than of most dishes, so it is tried.
_NEW_TAKEN: Final = 1.0
_NEW_PASSED: Final = 9.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a dish is suggested: `count` of `of` orders by such customers, or in the shop, had it; or it is new."""

    kind: Literal["like_you", "shop", "new"]
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Place:
    """A suggested dish; no reason where too few orders give one."""

    dish: str
    reason: Reason | None


class Book(Protocol):
    """The orders so far; see kiosk.menu.orders.OrderBook."""

    def after(self, seq: int) -> list[Ordered]: ...


class Places:
    """Chooses what to suggest from the orders in `book`, with `rng` for the fourth place.

    The same orders, menu and state of `rng` give the same places. Nothing is stored: a customer is a label and an hour.
    """

    def __init__(self, menu: Menu, book: Book, rng: random.Random, *, count: Callable[[], Counts] = Counts) -> None:
        self._book = book
        self._beta = rng.betavariate
        self._counts = count()
        self._seq = 0
        self.use(menu)

    def use(self, menu: Menu) -> None:
        """From now on suggest from this menu: a dish was sold out, or is there again."""
        self._menu = menu
        self._new = {dish.id for dish in menu.dishes if dish.new}

    def choose(self, label: Label | None, confidence: float | None, hour: int) -> tuple[Place, ...]:
        """Four places for a customer with that label (confidence 0-1) at that hour (0-23); fewer on a short menu.

        Without a label, the shop's favourites. Sold-out dishes are never among them.
        """
        for ordered in self._book.after(self._seq):
            self._counts.add(ordered)
            self._seq = ordered.seq
        dishes = self._menu.suggestible()
        if not dishes:
            return ()
        shares = self._counts.shares(dishes, label, confidence, hour)
        ranked = sorted(range(len(dishes)), key=lambda index: (-shares[index], index))
        favourites = [dishes[index] for index in ranked[:PLACES]]
        places = [Place(dish, self._reason(dish, label)) for dish in favourites]
        rest = ranked[PLACES:]
        if fourth := self._explored([dishes[index] for index in rest], [shares[index] for index in rest], label):
            new = Reason("new", 0, 0) if fourth in self._new else None
            places.append(Place(fourth, new or self._reason(fourth, label)))
        return tuple(places)

    def _explored(self, dishes: Sequence[str], shares: Sequence[float], label: Label | None) -> str | None:
        """Thompson sampling: a dish's chance is the probability that it is the best of these to show.

        Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 25, 1933. The share of a
        dish has a beta distribution, as narrow as the label's orders are many. A new dish had no part in those: its
        share comes from the customers that it was shown to.
        """
        exposure = self._counts.shop_exposure if label is None else self._counts.exposures[label]
        evidence = LABEL_PRIOR + exposure.orders
        best, best_share = None, -1.0
        for dish, expected in zip(dishes, shares, strict=True):
            if dish in self._new:
                shop = self._counts.shop_exposure
                taken, shown = shop.shown_chosen.get(dish, 0), shop.shown.get(dish, 0)
                share = self._beta(taken + _NEW_TAKEN, shown - taken + _NEW_PASSED) / self._counts.lift()
            else:
                share = self._beta(evidence * expected, evidence * (1 - expected))
            if share > best_share:
                best, best_share = dish, share
        return best

    def _reason(self, dish: str, label: Label | None) -> Reason | None:
        """What enough orders say about a dish: those of the label if it likes the dish, else those of the shop."""
        shop = _reason("shop", self._counts.shop_exposure, dish)
        alike = None if label is None else _reason("like_you", self._counts.exposures[label], dish)
        if alike and (shop is None or alike.count * shop.of >= shop.count * alike.of):
            return alike
        return shop


def _reason(kind: Literal["like_you", "shop"], exposure: Exposure, dish: str) -> Reason | None:
    count = exposure.chosen.get(dish, 0)
    enough = exposure.orders >= LEAST_ORDERS and count >= LEAST_WITH_DISH
    return Reason(kind, count, exposure.orders) if enough else None
