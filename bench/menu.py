"""What suggestions are worth: synthetic customers of a snack bar, and several ways to choose four dishes for them.

    python -m bench.menu [--shops 20] [--orders 5000] [--lift 2]

A shop has a taste: a weight for each dish; each label departs from it, and each part of the day departs from the
label's. Three dishes join the menu as new after NEW_AFTER orders. A customer orders one dish, likelier by the lift
where it is among the four shown: so every way to choose teaches itself by what it shows. The label is wrong at times,
and its confidence says how often. The figures depend on these assumptions; the differences tell more than the levels.

`found`: the share of orders whose dish would have been among the four had none been shown. `regret`: by how much that
is less than for four chosen with every weight known. Each shop runs every way with the same customers, so the interval
of a difference, 95 %, comes from the shops' differences.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

from bench.__main__ import processor
from kiosk.menu.counts import Counts
from kiosk.menu.menu import Menu
from kiosk.menu.orders import Ordered
from kiosk.menu.places import Places
from recipes.kiosk.labels import LABELS, Label

CHECKPOINTS: Final = (50, 200, 1000, 5000)
SHOWN: Final = 4
LIFT: Final = 2.0
NEW_AFTER: Final = 1000
NEW: Final = 3
HOURS: Final = range(10, 21)
PARTS: Final = (12, 15)  # hours at which noon and evening begin
# How far tastes differ, as standard deviations of the logarithm of a weight: dishes of a shop, labels, parts of a day.
DISHES_DIFFER, LABELS_DIFFER, PARTS_DIFFER = 1.0, 0.7, 0.5
LABEL_SHARES: Final = (0.15, 0.2, 0.3, 0.35)  # among customers, in the order of LABELS
CONFIDENCES: Final = {0.95: 0.5, 0.75: 0.3, 0.55: 0.2}  # confidence, which is calibrated: share of customers
DAY: Final = datetime(2026, 11, 29, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Customer:
    """The true label, the one that the kiosk has, its confidence, the hour, and a number 0-1 that draws the dish."""

    truth: Label
    said: Label
    confidence: float
    hour: int
    draw: float


class Shop:
    """Tastes by label and part of the day, and customers, from one seed."""

    def __init__(self, dishes: Sequence[str], seed: int) -> None:
        self._rng = random.Random(seed)
        base = self._normal(dishes, DISHES_DIFFER)
        self._weights: dict[tuple[Label, int], dict[str, float]] = {}
        for label in LABELS:
            of_label = self._normal(dishes, LABELS_DIFFER)
            for part in range(len(PARTS) + 1):
                of_part = self._normal(dishes, PARTS_DIFFER)
                self._weights[label, part] = {
                    dish: math.exp(base[dish] + of_label[dish] + of_part[dish]) for dish in dishes
                }

    def taste(self, label: Label, hour: int) -> dict[str, float]:
        """The weight of each dish."""
        return self._weights[label, sum(hour >= begins for begins in PARTS)]

    def customers(self, count: int) -> list[Customer]:
        """The next customers."""
        return [self._customer() for _ in range(count)]

    def _customer(self) -> Customer:
        rng = self._rng
        [truth] = rng.choices(LABELS, LABEL_SHARES)
        [confidence] = rng.choices(list(CONFIDENCES), list(CONFIDENCES.values()))
        wrong = rng.choice([label for label in LABELS if label is not truth])
        said = truth if rng.random() < confidence else wrong
        return Customer(truth, said, confidence, rng.choice(HOURS), rng.random())

    def _normal(self, dishes: Sequence[str], deviation: float) -> dict[str, float]:
        return {dish: self._rng.gauss(0, deviation) for dish in dishes}


class Book:
    """The orders of a simulated shop; see kiosk.menu.orders.OrderBook."""

    def __init__(self) -> None:
        self.orders: list[Ordered] = []

    def after(self, seq: int) -> list[Ordered]:
        return self.orders[seq:]


class Uncorrected(Counts):
    """Counts that take an order of a suggested dish for any other."""

    def lift(self) -> float:
        return 1.0


class Raw(Counts):
    """Plain counts by label and hour: what the first orders say is believed."""

    def shares(self, dishes: Sequence[str], label: Label | None, confidence: float | None, hour: int) -> list[float]:
        tally = self.shop if label is None or confidence is None else self.hours[label, hour]
        return tally.of(dishes, 1.0)


class OfShop(Uncorrected):
    """One list for all customers."""

    def shares(self, dishes: Sequence[str], label: Label | None, confidence: float | None, hour: int) -> list[float]:
        del label, confidence
        return super().shares(dishes, None, None, hour)


Choose = Callable[[Menu, Customer], Sequence[str]]
Way = Callable[[Book, random.Random], Choose]


def greedy(count: Callable[[], Counts]) -> Way:
    """The four with the largest shares; where shares are equal, drawn ones."""

    def way(book: Book, rng: random.Random) -> Choose:
        counts, ties = count(), defaultdict[str, float](rng.random)
        counted = 0

        def choose(menu: Menu, customer: Customer) -> Sequence[str]:
            nonlocal counted
            for order in book.after(counted):
                counts.add(order)
                counted = order.seq
            dishes = menu.suggestible()
            shares = counts.shares(dishes, customer.said, customer.confidence, customer.hour)
            by_dish = dict(zip(dishes, shares, strict=True))
            return sorted(dishes, key=lambda dish: (-by_dish[dish], ties[dish]))[:SHOWN]

        return choose

    return way


def kiosk(count: Callable[[], Counts]) -> Way:
    """The kiosk's own program: three by shares, one by Thompson sampling."""

    def way(book: Book, rng: random.Random) -> Choose:
        places = Places(Menu.load(), book, rng, count=count)

        def choose(menu: Menu, customer: Customer) -> Sequence[str]:
            places.use(menu)
            return [place.dish for place in places.choose(customer.said, customer.confidence, customer.hour)]

        return choose

    return way


OURS: Final = "the kiosk's"
WAYS: Final[Mapping[str, Way]] = {
    "raw counts by label and hour": greedy(Raw),
    "one list for the shop": greedy(OfShop),
    "four by shrunken counts, not corrected": greedy(Uncorrected),
    "four by shrunken counts, corrected": greedy(Counts),
    "the kiosk's, not corrected": kiosk(Uncorrected),
    OURS: kiosk(Counts),
}


@dataclass(frozen=True, slots=True)
class Course:
    """One shop under one way. For each order: the chance that it was found, and the most there was."""

    found: list[float]
    best: list[float]

    def mean(self, orders: int) -> float:
        """The share found of the first orders."""
        return statistics.fmean(self.found[:orders])

    def regret(self, orders: int) -> float:
        return statistics.fmean(self.best[:orders]) - self.mean(orders)


def run(shop: Shop, customers: Sequence[Customer], way: Way, *, seed: int, lift: float) -> Course:
    """All customers of a shop, one after the other."""
    before, after = menus(seed)
    book, course = Book(), Course([], [])
    choose = way(book, random.Random(seed))
    for seq, customer in enumerate(customers, 1):
        menu = after if seq > NEW_AFTER else before
        shown = tuple(choose(menu, customer))
        taste = shop.taste(customer.truth, customer.hour)
        weights = {dish: taste[dish] for dish in menu.suggestible()}
        total = sum(weights.values())
        course.found.append(sum(weights[dish] for dish in shown) / total)
        course.best.append(sum(sorted(weights.values())[-SHOWN:]) / total)
        dish = drawn({dish: weight * (lift if dish in shown else 1) for dish, weight in weights.items()}, customer.draw)
        book.orders.append(
            Ordered(seq, str(seq), DAY, customer.hour, customer.said, customer.confidence, (dish,), shown)
        )
    return course


def menus(seed: int) -> tuple[Menu, Menu]:
    """The menu without some drawn dishes, and with them, as new."""
    menu = Menu.load()
    joining = random.Random(seed).sample(menu.suggestible(), NEW)
    dishes = tuple(dish.model_copy(update={"new": dish.id in joining}) for dish in menu.dishes)
    return menu.sold_out(*joining), menu.model_copy(update={"dishes": dishes})


def drawn(weights: Mapping[str, float], draw: float) -> str:
    """The dish at `draw`, 0-1, of the weights."""
    target = draw * sum(weights.values())
    return next(dish for dish, upto in zip(weights, accumulate(weights.values()), strict=True) if target < upto)


def measure(shops: int, orders: int, lift: float = LIFT) -> dict[str, list[Course]]:
    """Every way in every shop."""
    dishes = Menu.load().suggestible()
    courses: dict[str, list[Course]] = {name: [] for name in WAYS}
    for seed in range(shops):
        shop = Shop(dishes, seed)
        customers = shop.customers(orders)
        for name, way in WAYS.items():
            courses[name].append(run(shop, customers, way, seed=seed, lift=lift))
    return courses


def table(courses: Mapping[str, Sequence[Course]], points: Sequence[int]) -> str:
    """Found by way and number of orders, and the regret at the end, as Markdown."""
    lines = [
        "| way | " + " | ".join(f"first {point:,}" for point in points) + " | regret |",
        "|---|" + "---:|" * (len(points) + 1),
    ]
    for name, runs in courses.items():
        found = [statistics.fmean(course.mean(point) for course in runs) for point in points]
        regret = statistics.fmean(course.regret(points[-1]) for course in runs)
        lines.append(f"| {name} | {' | '.join(f'{share:.3f}' for share in found)} | {regret:.3f} |")
    best = [statistics.fmean(course.mean(p) + course.regret(p) for course in courses[OURS]) for p in points]
    lines.append(f"| every weight known | {' | '.join(f'{share:.3f}' for share in best)} | 0 |")
    return "\n".join(lines)


def gap(ours: Sequence[Course], other: Sequence[Course], orders: int) -> tuple[float, float]:
    """By how much more is found, in the mean of the shops, and half its 95 % interval; two shops or more."""
    gaps = [a.mean(orders) - b.mean(orders) for a, b in zip(ours, other, strict=True)]
    return statistics.fmean(gaps), 1.96 * statistics.stdev(gaps) / math.sqrt(len(gaps))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").replace("%", "%%"), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shops", type=int, default=20)
    parser.add_argument("--orders", type=int, default=CHECKPOINTS[-1])
    parser.add_argument("--lift", type=float, default=LIFT)
    options = parser.parse_args()
    began = time.perf_counter()
    courses = measure(options.shops, options.orders, options.lift)
    took = time.perf_counter() - began
    print(f"{options.shops} shops of {options.orders:,} orders, lift {options.lift:g}; {took:.0f} s on {processor()}\n")
    points = [point for point in CHECKPOINTS if point < options.orders] + [options.orders]
    print(table(courses, points), "\n")
    for name in WAYS:
        if name != OURS and options.shops > 1:
            gaps = [gap(courses[OURS], courses[name], point) for point in points]
            print(f"more found than by {name}:", ", ".join(f"{mean:+.3f} ± {half:.3f}" for mean, half in gaps))


if __name__ == "__main__":
    main()
