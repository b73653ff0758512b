"""Suggestions."""

from __future__ import annotations

import random
from dataclasses import replace

from kiosk.menu.menu import Menu
from kiosk.menu.places import Place, Places, Reason
from recipes.kiosk.labels import Label
from tests.kiosk.menu.orders import MENU, Pages, ordered

ELDER, ADULT = Label.ELDER_FEMALE, Label.ADULT_MALE


def many(*groups: tuple[int, str, Label | None]) -> Pages:
    """So many orders of each dish and label."""
    orders = [(dish, label) for count, dish, label in groups for _ in range(count)]
    return Pages(*(ordered(dish, seq=seq, label=label) for seq, (dish, label) in enumerate(orders, 1)))


def chosen(places: Places, label: Label | None = ELDER, hour: int = 12) -> list[str]:
    return [place.dish for place in places.choose(label, 1.0, hour)]


def with_new(menu: Menu, id: str) -> Menu:
    dishes = tuple(dish.model_copy(update={"new": dish.id == id}) for dish in menu.dishes)
    return menu.model_copy(update={"dishes": dishes})


def test_three_favourites_of_such_customers_come_first_and_then_one_other() -> None:
    """Each label sees its own."""
    book = many((30, "udon", ELDER), (20, "sundae", ELDER), (10, "gimbap", ELDER), (50, "donkkaseu", ADULT))
    places = Places(MENU, book, random.Random(0))
    assert chosen(places, ELDER)[:3] == ["udon", "sundae", "gimbap"]
    assert chosen(places, ADULT)[:2] == ["donkkaseu", "udon"]
    assert len(set(chosen(places))) == 4


def test_a_reason_is_given_from_40_orders_and_5_with_the_dish_on() -> None:
    """Below, "2 of 3 like you" is chance, and could be one person's lunches."""
    few = Places(MENU, many((39, "udon", ELDER)), random.Random(0))
    assert [place.reason for place in few.choose(ELDER, 1.0, 12)] == [None] * 4
    enough = Places(MENU, many((30, "udon", ELDER), (6, "gimbap", ELDER), (4, "sundae", ELDER)), random.Random(0))
    assert enough.choose(ELDER, 1.0, 12)[:3] == (
        Place("udon", Reason("like_you", 30, 40)),
        Place("gimbap", Reason("like_you", 6, 40)),
        Place("sundae", None),
    )


def test_a_dish_that_the_shop_likes_more_than_such_customers_is_the_shops() -> None:
    """ "Like you" is said only where it is so; and without a label of nobody."""
    book = many((36, "udon", ELDER), (9, "gimbap", ELDER), (55, "gimbap", ADULT))
    places = Places(MENU, book, random.Random(0))
    reasons = {place.dish: place.reason for place in places.choose(ELDER, 1.0, 12)}
    assert (reasons["udon"], reasons["gimbap"]) == (Reason("like_you", 36, 45), Reason("shop", 64, 100))
    reasons = {place.dish: place.reason for place in places.choose(None, None, 12)}
    assert (reasons["udon"], reasons["gimbap"]) == (Reason("shop", 36, 100), Reason("shop", 64, 100))


def test_a_sold_out_dish_and_a_drink_are_never_suggested() -> None:
    """However often they were ordered."""
    book = many((90, "udon", ELDER), (90, "cola", ELDER), (90, "pizza", ELDER))
    places = Places(MENU, book, random.Random(0))
    places.use(MENU.sold_out("udon"))
    seen = {dish for _ in range(200) for dish in chosen(places)}
    assert seen.isdisjoint({"udon", "cola", "pizza"})


def test_the_fourth_place_tries_every_dish_and_settles_on_what_sells_when_shown() -> None:
    """A new dish gets its chance; one that customers pass over many times loses it."""
    start = Places(MENU, Pages(), random.Random(0))
    seen = {chosen(start)[3] for _ in range(500)}
    assert seen == set(MENU.suggestible()) - set(chosen(start)[:3])
    favourites = ("udon", "sundae", "gimbap")
    orders = [ordered(dish, seq=0, label=ADULT) for dish in favourites] * 50
    passed = [dish for dish in MENU.suggestible() if dish not in (*favourites, "omurice")]
    orders += [ordered("udon", label=ADULT, shown=(dish,)) for dish in passed] * 20
    orders += [ordered("omurice", label=ADULT, shown=("omurice",))] * 4
    book = Pages(*(replace(one, seq=seq) for seq, one in enumerate(orders, 1)))
    later = Places(MENU, book, random.Random(0))
    assert set(chosen(later, ADULT)[:3]) == set(favourites)
    assert sum(chosen(later, ADULT)[3] == "omurice" for _ in range(100)) > 90


def test_a_dish_that_the_menu_calls_new_says_so_in_the_fourth_place() -> None:
    menu = with_new(MENU, "kal-guksu")
    places = Places(menu, Pages(), random.Random(0))
    fourth = [places.choose(None, None, 12)[3] for _ in range(500)]
    assert {place.reason for place in fourth if place.dish == "kal-guksu"} == {Reason("new", 0, 0)}
    assert {place.reason for place in fourth if place.dish != "kal-guksu"} == {None}


def test_the_same_orders_and_the_same_chance_give_the_same_places() -> None:
    book = many((30, "udon", ELDER), (20, "sundae", ADULT))
    first, second = (Places(MENU, book, random.Random(7)) for _ in range(2))
    assert [chosen(first) for _ in range(50)] == [chosen(second) for _ in range(50)]


def test_orders_that_come_later_are_counted_once() -> None:
    """The book is asked only for what is new."""
    book = many((5, "udon", ELDER))
    places = Places(MENU, book, random.Random(0))
    assert chosen(places)[0] == "udon"
    book.orders += [ordered("sundae", seq=6 + n) for n in range(6)]
    assert chosen(places)[:2] == ["sundae", "udon"]
    assert chosen(places)[:2] == ["sundae", "udon"]


def test_a_short_menu_has_fewer_places_and_an_empty_one_none() -> None:
    all_but_two = [dish for dish in MENU.suggestible() if dish not in ("udon", "sundae")]
    places = Places(MENU.sold_out(*all_but_two), Pages(), random.Random(0))
    assert chosen(places) == ["sundae", "udon"]
    places.use(MENU.sold_out(*MENU.suggestible()))
    assert chosen(places) == []
