"""The words of a menu and of the dialogue."""

from __future__ import annotations

from kiosk.menu.menu import Menu
from kiosk.voice.words import CANCEL, COUNTS, DIALOGUE, expected, forms_of_counts, forms_of_dishes, vocabulary


def test_each_listening_expects_its_kinds_and_always_cancel() -> None:
    """Kinds are groups of words or words; what nobody knows adds nothing."""
    dishes = ("gimbap", "udon")

    assert expected(("yes_no",), dishes) == {"yes", "no", "cancel"}
    assert expected(("here_away", "again"), dishes) == {"here", "away", "again", "cancel"}
    assert expected(("dish", "count"), dishes) == {"gimbap", "udon", *COUNTS, "cancel"}
    assert expected(("udon", "count-2", "pizza"), dishes) == {"udon", "count-2", "cancel"}
    assert expected((), dishes) == {CANCEL}


def test_a_dish_is_said_with_or_without_its_spaces() -> None:
    """치즈 떡볶이 is one word in the lexicon or two."""
    forms = forms_of_dishes([("cheese-gimbap", "치즈 김밥"), ("udon", "우동")])

    assert forms == {"cheese-gimbap": ("치즈 김밥", "치즈김밥"), "udon": ("우동",)}


def test_a_dish_is_called_by_its_other_words_too() -> None:
    """Who asks for 오뎅 means the 어묵 of the menu."""
    forms = forms_of_dishes([("eomuk", "어묵"), ("twigim", "모둠 튀김")])

    assert forms == {"eomuk": ("어묵", "오뎅"), "twigim": ("모둠 튀김", "모둠튀김", "모듬 튀김", "모듬튀김")}


def test_counts_have_both_kinds_of_numbers() -> None:
    """One to four with every counter, five to nine by pieces."""
    forms = forms_of_counts()

    assert {"하나", "한 개", "한 그릇", "일 인분", "한잔"} <= set(forms["count-1"])
    assert forms["count-9"] == ("아홉", "아홉 개", "아홉개")
    assert tuple(forms) == COUNTS


def test_no_form_means_two_words() -> None:
    """Of the menu that is delivered and the dialogue."""
    dishes = {dish.id: dish.name.ko for dish in Menu.load().dishes}
    meanings = [form for forms in vocabulary(forms_of_dishes(dishes.items())).values() for form in forms]

    assert len(meanings) == len(set(meanings))
    assert set(DIALOGUE) == {"yes", "no", "cancel", "again", "done", "here", "away"}
