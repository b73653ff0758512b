"""The simulation of suggestions, in small."""

from __future__ import annotations

from bench.menu import LIFT, OURS, WAYS, Shop, gap, measure, menus, run, table
from kiosk.menu.menu import Menu


def test_the_same_seed_gives_every_way_the_same_customers_and_the_same_course() -> None:
    """So the ways are compared on the same shops."""
    dishes = Menu.load().suggestible()
    courses = [
        run(shop, shop.customers(60), WAYS[OURS], seed=3, lift=LIFT) for shop in (Shop(dishes, 3), Shop(dishes, 3))
    ]
    assert courses[0] == courses[1]


def test_what_is_found_lies_between_nothing_and_the_best() -> None:
    """For every way and order."""
    for runs in measure(1, 60).values():
        assert all(
            0 < found <= best < 1 for course in runs for found, best in zip(course.found, course.best, strict=True)
        )


def test_suggestions_of_the_kiosk_find_more_than_raw_counts_in_the_first_hundred_orders() -> None:
    """The least that they must do."""
    courses = measure(3, 100)
    more, _ = gap(courses[OURS], courses["raw counts by label and hour"], 100)
    assert more > 0.05
    assert len(table(courses, [50, 100]).splitlines()) == 2 + len(WAYS) + 1


def test_three_dishes_join_as_new() -> None:
    before, after = menus(1)
    joined = set(after.suggestible()) - set(before.suggestible())
    assert len(joined) == 3
    assert {dish.id for dish in after.dishes if dish.new} == joined
