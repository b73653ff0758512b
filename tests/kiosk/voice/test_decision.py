"""What was meant: exactly one keyword, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.voice.decision import MOST_OTHERS, decide, keywords, second_opinion
from kiosk.voice.port import Heard
from kiosk.voice.words import FILLERS

DISHES = ("tteokbokki", "cheese-tteokbokki", "gimbap", "cheese-gimbap")
SPELLINGS: dict[tuple[str, ...], str] = {
    ("떡볶이",): "tteokbokki",
    ("치즈", "떡볶이"): "cheese-tteokbokki",
    ("김밥",): "gimbap",
    ("치즈", "김밥"): "cheese-gimbap",
    ("하나",): "count-1",
    ("두", "개"): "count-2",
    ("네", "개"): "count-4",
    ("네",): "yes",
    ("아니요",): "no",
    ("취소",): "cancel",
}
NOTHING = Heard("nothing", ())


def heard(text: str, *, dish_wanted: bool = True) -> Heard:
    return decide(keywords(text.split(), SPELLINGS, FILLERS), DISHES, dish_wanted=dish_wanted)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("떡볶이 하나", ("tteokbokki", "count-1")),
        ("음 저기 떡볶이 두 개 주세요", ("tteokbokki", "count-2")),
        ("치즈 떡볶이", ("cheese-tteokbokki",)),
        ("김밥", ("gimbap",)),
        ("김밥 김밥", ("gimbap",)),
        ("네", ("yes",)),
        ("네 네", ("yes",)),
        ("여기요 김밥 하나", ("gimbap", "count-1")),
        ("오늘 치즈 김밥 하나", ("cheese-gimbap", "count-1")),
    ],
)
def test_one_keyword_is_understood(said: str, words: tuple[str, ...]) -> None:
    """One dish with at most one count, dish first; or one other word. Fillers and repetition change nothing."""
    assert heard(said) == Heard("understood", words)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "<UNK>",
        "사람 오늘",
        "김밥 떡볶이",
        "김밥 하나 두 개",
        "하나 두 개",
        "하나",
        "시 해 김밥",
        "이 떡볶이 하나",
        "네 아니요",
        "네 김밥",
        "치즈",
        "주세요",
        "오늘 사람 시간 어제 우리 김밥",
        "오늘 사람 김밥",
        "하나 오늘 김밥",
    ],
)
def test_anything_else_is_nothing(said: str) -> None:
    """Silence, unknown words, two dishes, two counts, half a name, a count of nothing, talk, a name amid words."""
    assert heard(said) == NOTHING


def test_a_count_before_the_dish_is_not_taken() -> None:
    """Noise before a word sounds like a number; the page asks how many."""
    assert heard("하나 떡볶이") == Heard("understood", ("tteokbokki",))


@pytest.mark.parametrize(("said", "word"), [("네 개", "count-4"), ("하나", "count-1"), ("음 두 개 주세요", "count-2")])
def test_a_count_alone_counts_the_dish_that_is_open(said: str, word: str) -> None:
    """There it is the answer to 몇 개 드릴까요?"""
    assert heard(said, dish_wanted=False) == Heard("understood", (word,))


@pytest.mark.parametrize("said", ["취소", "김밥 하나 취소", "취소 네", "오늘 사람 시간 어제 우리 취소"])
def test_cancel_always_works(said: str) -> None:
    """Wherever it stands, whatever else was heard."""
    assert heard(said) == Heard("cancelled", ())


REJECTED = st.sampled_from(["사람", "오늘", "<UNK>", "[unk]", "치즈", "두"])


@given(st.lists(REJECTED, max_size=40))
def test_words_that_mean_nothing_never_put_anything(tokens: list[str]) -> None:
    """However many were heard."""
    assert decide(keywords(tokens, SPELLINGS, FILLERS), DISHES, dish_wanted=False) == NOTHING


@given(st.lists(st.sampled_from([*(" ".join(spelling) for spelling in SPELLINGS), "사람", "주세요"]), max_size=12))
def test_nothing_is_put_that_was_not_said_and_never_two_dishes(phrases: list[str]) -> None:
    """Of any talk."""
    result = heard(" ".join(phrases))

    assert set(result.words) <= set(SPELLINGS.values())
    assert len([word for word in result.words if word in DISHES]) <= 1
    assert len(result.words) <= 2


def test_talk_around_a_keyword_is_counted_without_fillers() -> None:
    """Words that a polite order has around it do not make it talk."""
    found = keywords(["음", "저기", "오늘", "김밥", "<UNK>", "주세요"], SPELLINGS, FILLERS)

    assert (found.words, found.others) == (("gimbap",), 2)
    assert MOST_OTHERS == 4


@pytest.mark.parametrize(
    ("first", "probabilities", "expected", "result"),
    [
        (NOTHING, {"yes": 0.9, "no": 0.05}, ("yes", "no"), Heard("understood", ("yes",))),
        (NOTHING, {"yes": 0.7, "no": 0.05}, ("yes", "no"), NOTHING),
        (NOTHING, {"yes": 0.9, "no": 0.05}, ("no",), NOTHING),
        (NOTHING, {"cancel": 0.9}, ("yes", "cancel"), Heard("cancelled", ())),
        (NOTHING, {}, ("yes",), NOTHING),
        (Heard("understood", ("no",)), {"yes": 0.99}, ("yes", "no"), Heard("understood", ("no",))),
        (Heard("cancelled", ()), {"yes": 0.99}, ("yes", "no"), Heard("cancelled", ())),
    ],
)
def test_the_head_speaks_only_where_the_grammar_understood_nothing(
    first: Heard, probabilities: dict[str, float], expected: tuple[str, ...], result: Heard
) -> None:
    """And only when it is sure of a word that is expected."""
    assert second_opinion(first, probabilities, expected, 0.8) == result
