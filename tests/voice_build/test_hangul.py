"""Hangul as it is said: the rules of the Standard Pronunciation that a menu needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_build.hangul import phonemes, pronounced, syllables


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("네", "ne"),
        ("떡볶이", "ʔtʌkpoʔki"),
        ("볶음밥", "poʔkɯmbap"),
        ("국수", "kuksu"),
        ("합니다", "hamnida"),
        ("됐어요", "tweʔsʌjo"),
        ("좋아요", "ʨoajo"),
        ("좋고", "ʨokʰo"),
        ("많이", "mani"),
        ("같이", "kaʨʰi"),
        ("축하", "ʨʰukʰa"),
        ("음료", "ɯmnjo"),
        ("설날", "sʌllal"),
        ("없어요", "ʌpsʌjo"),
        ("식혜", "ɕikʰje"),
        ("튀김 두 개", "tʰwiɡim tu ke"),
    ],
)
def test_words_are_said_as_koreans_say_them(written: str, said: str) -> None:
    """Liaison, tense, aspirated and nasal consonants, ㄹ, palatalisation; voiced between vowels."""
    assert phonemes(written) == said


def test_punctuation_and_spaces_stay() -> None:
    """Kokoro pauses there."""
    assert phonemes("네, 또 와요.") == "ne, ʔto wajo."


@pytest.mark.parametrize("text", ["2개", "menu", "ㅋㅋ"])
def test_what_is_no_syllable_is_refused(text: str) -> None:
    """It would silently be left out of the sound."""
    with pytest.raises(ValueError, match="no Hangul syllable; write it as it is said"):
        phonemes(text)


@given(st.text(st.characters(min_codepoint=ord("가"), max_codepoint=ord("힣")), min_size=1, max_size=8))
def test_every_word_has_as_many_syllables_as_letters(word: str) -> None:
    """And every coda is one of the seven that are said."""
    said = pronounced(word)

    assert len(said) == len(syllables(word)) == len(word)
    assert {one.coda for one in said} <= {"", *"ㄱㄴㄷㄹㅁㅂㅇ"}
    assert phonemes(word)
