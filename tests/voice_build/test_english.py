"""English by a dictionary, Korean words in it as Koreans say them."""

from __future__ import annotations

import pytest

from voice_build import english


@pytest.fixture
def dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dictionary of three words, instead of misaki's of the build environment."""
    words = {"fried": "fɹˈId", "noodle": "nˈudᵊl", "read": {"DEFAULT": "ɹˈid", "VBD": "ɹˈɛd"}}
    monkeypatch.setattr(english, "_dictionary", lambda: words)


@pytest.mark.usefixtures("dictionary")
def test_words_come_from_the_dictionary_and_korean_ones_from_hangul() -> None:
    """A plural of a word that is there, the usual reading of several, punctuation kept."""
    assert english.phonemes("Fried noodles, read gimbap.") == "fɹˈId nˈudᵊlz, ɹˈid kimpap."
    assert english.syllables("Fried noodles") == 3


@pytest.mark.usefixtures("dictionary")
def test_a_word_without_a_pronunciation_is_an_error() -> None:
    """It would be missing from the sound."""
    with pytest.raises(ValueError, match="no pronunciation of 'zebra'"):
        english.phonemes("fried zebra")
