"""An order, from the page's JSON, against the menu."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.errors import InvalidOrder
from kiosk.menu.order import MOST_OF_A_DISH, Line, Order, price_of
from tests.kiosk.menu.orders import MENU, page_line, page_order, ulid


def refusal(fields: object, menu: Any = MENU) -> str:
    with pytest.raises(InvalidOrder) as refused:
        Order.from_page(fields, menu)
    return str(refused.value)


def test_an_order_that_fits_the_menu_is_read_whole() -> None:
    """Ids come in either case, as ULIDs do, and are kept in lower case."""
    fields = page_order("gimbap", "cola", number=7, visit=ulid(8).upper(), order_id=ulid(7).upper())
    assert Order.from_page(fields, MENU) == Order(
        order_id=ulid(7),
        visit=ulid(8),
        screen="easy",
        language="ko",
        type="here",
        touch=9,
        voice=2,
        lines=(Line("gimbap", (), 1, 4000), Line("cola", ("ice/with",), 1, 2000)),
        total=6000,
        paid="card",
        demo=True,
    )


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    """The page shows it to nobody, but a maker of pages reads it."""
    lines = [
        page_line("udon") | {"dish": "pizza", "price": 1},
        page_line("udon"),
        page_line("cola") | {"choices": ["ice/with", "ice/without", "ice/hot"]},
        page_line("ramyeon") | {"choices": ["noodle-firmness/soft", "ramyeon-extras/egg", "ramyeon-extras/egg"]},
        page_line("gimbap") | {"price": 3999},
    ]
    fields = page_order(lines=lines, total=1, order_id="x", visit="y")
    assert refusal(fields, MENU.sold_out("udon")) == (
        "the menu has no dish 'pizza'; udon is sold out; cola has no choice 'ice/hot'; "
        "cola needs one choice of ice, not 2; ramyeon: ramyeon-extras/egg stands there twice; "
        "gimbap costs 4000 won with these choices, not 3999; order_id 'x' is not a ULID; visit 'y' is not a ULID; "
        "the total is 15500 won, not 1. Nothing was ordered"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lines": []}, "lines: list should have at least 1 item after validation, not 0. Nothing was ordered"),
        ({"screen": "huge"}, "screen: input should be 'usual' or 'easy'. Nothing was ordered"),
        ({"language": "fr"}, "language: input should be 'ko' or 'en'. Nothing was ordered"),
        ({"total": "4500"}, "total: input should be a valid integer. Nothing was ordered"),
        ({"name": "Kim"}, "name: an order has no such field. Nothing was ordered"),
        ({"total": 1}, "the total is 4500 won, not 1. Nothing was ordered"),
    ],
)
def test_an_order_of_another_form_is_refused(change: dict[str, Any], reason: str) -> None:
    assert refusal(page_order() | change) == reason


def test_an_order_that_is_no_object_is_refused() -> None:
    assert refusal([1]).startswith("the order: input should be a valid dictionary")


@pytest.mark.parametrize("count", [0, MOST_OF_A_DISH + 1, 1.5, True, "2"])
def test_a_count_is_a_whole_number_from_1_to_20(count: object) -> None:
    """A finger that stays on "+" orders no hundred."""
    assert refusal(page_order(lines=[page_line("gimbap") | {"count": count}])).startswith("lines.1.count: ")


@given(st.data())
def test_whatever_is_chosen_from_the_menu_is_accepted_at_the_menus_price_and_at_no_other(data: st.DataObject) -> None:
    """Prices come from the menu alone: a page can't sell cheaper."""
    lines: list[dict[str, Any]] = []
    for dish in data.draw(st.lists(st.sampled_from(MENU.dishes), min_size=1, max_size=5)):
        choices: list[str] = []
        for id in dish.options:
            option = MENU.options[id]
            ids = [f"{id}/{choice.id}" for choice in option.choices]
            some = (
                st.lists(st.sampled_from(ids), unique=True)
                if option.kind == "many"
                else st.sampled_from(ids).map(lambda one: [one])
            )
            choices += data.draw(some)
        count = data.draw(st.integers(1, MOST_OF_A_DISH))
        lines.append({"dish": dish.id, "choices": choices, "count": count, "price": price_of(dish, choices, MENU)})
    fields = page_order(lines=lines, total=sum(line["price"] * line["count"] for line in lines))
    order = Order.from_page(fields, MENU)
    assert [(line.dish, list(line.choices), line.count, line.price) for line in order.lines] == [
        tuple(line.values()) for line in lines
    ]
    wrong = data.draw(st.sampled_from(lines))
    wrong["price"] += data.draw(st.sampled_from([-500, -1, 1, 1000]))
    assert "costs" in refusal(fields)
