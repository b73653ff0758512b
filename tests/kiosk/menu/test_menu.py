"""The menu, from its file to the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kiosk.errors import InvalidMenu
from kiosk.menu.menu import DEFAULT_FILE, Menu

SMALL = """
categories = [{ id = "drinks", name = { ko = "음료", en = "Drinks" } }]
[contains]
milk = { ko = "우유", en = "milk" }
[options.ice]
name = { ko = "얼음", en = "Ice" }
kind = "one"
choices = [
    { id = "with", name = { ko = "넣기", en = "With" }, price = 0, default = true },
    { id = "cream", name = { ko = "크림", en = "Cream" }, price = 500, contains = ["milk"] },
]
[[dishes]]
id = "tea"
category = "drinks"
name = { ko = "차", en = "Tea" }
about = { ko = "따뜻한 차", en = "Hot tea" }
price = 2000
options = ["ice"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "menu.toml"
    path.write_text(text)
    return path


def test_the_menu_that_comes_with_nunchi_has_31_dishes_in_six_categories() -> None:
    """A whole snack bar, in the order of the screen."""
    menu = Menu.load()
    assert [category.id for category in menu.categories] == [
        "tteokbokki",
        "gimbap",
        "snacks",
        "noodles",
        "rice",
        "drinks",
    ]
    assert len(menu.dishes) == 31
    assert {dish.category for dish in menu.dishes} == {category.id for category in menu.categories}


def test_drinks_are_never_suggested() -> None:
    """They sell by habit, and would fill every place."""
    menu = Menu.load()
    assert {dish.id for dish in menu.dishes} - set(menu.suggestible()) == {"sikhye", "cola", "cider", "water"}


def test_its_korean_is_plain() -> None:
    """Words that stopped every customer over 70 at a fast-food kiosk are not on this menu, nor Latin letters."""
    menu = Menu.load()
    korean = [text for dish in menu.dishes for text in (dish.name.ko, dish.about.ko)]
    korean += [option.name.ko for option in menu.options.values()]
    korean += [choice.name.ko for option in menu.options.values() for choice in option.choices]
    assert [text for text in korean if re.search("테이크아웃|사이즈|사이드|토핑|세트|스파이시|[A-Za-z]", text)] == []


def test_the_page_gets_each_dish_with_its_options_written_out(tmp_path: Path) -> None:
    """The page needs no second table, and knows what an extra brings along."""
    assert Menu.load(written(tmp_path, SMALL)).to_page() == {
        "categories": [{"id": "drinks", "name": {"ko": "음료", "en": "Drinks"}}],
        "contains": {"milk": {"ko": "우유", "en": "milk"}},
        "dishes": [
            {
                "id": "tea",
                "category": "drinks",
                "name": {"ko": "차", "en": "Tea"},
                "about": {"ko": "따뜻한 차", "en": "Hot tea"},
                "price": 2000,
                "picture": "/menu/pictures/tea.svg",
                "spicy": 0,
                "contains": [],
                "sold_out": False,
                "new": False,
                "options": [
                    {
                        "id": "ice",
                        "name": {"ko": "얼음", "en": "Ice"},
                        "kind": "one",
                        "choices": [
                            {
                                "id": "with",
                                "name": {"ko": "넣기", "en": "With"},
                                "price": 0,
                                "default": True,
                                "contains": [],
                            },
                            {
                                "id": "cream",
                                "name": {"ko": "크림", "en": "Cream"},
                                "price": 500,
                                "default": False,
                                "contains": ["milk"],
                            },
                        ],
                    }
                ],
            }
        ],
    }


def test_every_mistake_of_a_menu_is_named_at_once(tmp_path: Path) -> None:
    """A shop corrects its file once, not once for each mistake; a mistake is not reported again as another's."""
    text = (
        SMALL.replace('category = "drinks"', 'category = "tea"')
        .replace("price = 2000", "price = 2000.5\ncolour = 1")
        .replace("default = true", "default = false")
        .replace('contains = ["milk"]', 'contains = ["nuts"]')
        + '[[dishes]]\nid = "Tee"\ncategory = "drinks"\nname = { ko = "차" }\n'
        + 'about = { ko = "차", en = "T" }\nprice = 10\n'
        + '[[dishes]]\nid = "milk"\ncategory = "cold"\nname = { ko = "우유", en = "Milk" }\n'
        + 'about = { ko = "우유", en = "Milk" }\nprice = 1000\n'
        + 'contains = ["milk", "milk", "soy"]\noptions = ["ice", "hot"]\n'
        + "[extra]\na = 1\n"
    )
    path = written(tmp_path, text)
    with pytest.raises(InvalidMenu) as refused:
        Menu.load(path)
    assert str(refused.value).splitlines() == [
        f"{path} is invalid; correct these:",
        "  extra: a menu has no such table",
        "  dishes tea: price: input should be a valid integer, not 2000.5",
        "  dishes tea: colour: there is no such field",
        "  dishes Tee: id: 'Tee' is not an id; use up to 32 of a-z, 0-9, and '-' between them",
        "  dishes Tee: name.en: missing",
        "  dishes Tee: price: input should be greater than or equal to 100, not 10",
        "  options ice: kind one needs exactly one default choice, not 0",
        "  dishes milk: category: there is no cold",
        "  dishes milk: contains: there is no soy",
        "  dishes milk: contains: milk stands there twice",
        "  dishes milk: options: there is no hot",
    ]


def test_a_menu_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidMenu, match="can't be read"):
        Menu.load(tmp_path / "none.toml")
    with pytest.raises(InvalidMenu, match="is not TOML"):
        Menu.load(written(tmp_path, "dishes = ["))
    with pytest.raises(InvalidMenu, match="categories: a menu needs some\n  dishes: a menu needs some"):
        Menu.load(written(tmp_path, ""))


def test_a_sold_out_dish_stays_on_the_menu_and_is_not_suggested() -> None:
    """Customers see that it is gone; the menu itself does not change."""
    menu = Menu.load(DEFAULT_FILE)
    today = menu.sold_out("gimbap", "udon")
    assert [dish.id for dish in today.dishes if dish.sold_out] == ["gimbap", "udon"]
    assert set(menu.suggestible()) - set(today.suggestible()) == {"gimbap", "udon"}
    assert [dish.id for dish in menu.dishes if dish.sold_out] == []
