"""Forms in words of the lexicon: whole, split, or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kiosk.voice.engine.recogniser import LEVEL, REJECTS, Recogniser, rejects, spelled, spellings


class Lexicon:
    """Some words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def vosk_model_find_word(self, word: str) -> int:
        return self._words.index(word) if word in self._words else -1


LEXICON = Lexicon("모둠", "튀김", "모", "둠", "로", "제", "떡볶이", "사람", "오늘")


def test_a_word_is_split_into_as_few_parts_as_possible() -> None:
    """Of words that the lexicon has."""
    assert spelled("떡볶이", LEXICON) == ("떡볶이",)
    assert spelled("모둠튀김", LEXICON) == ("모둠", "튀김")
    assert spelled("로제 떡볶이", LEXICON) == ("로", "제", "떡볶이")
    assert spelled("잔치국수", LEXICON) is None


def test_forms_that_can_not_be_spelled_are_left_out() -> None:
    """A word keeps its other forms; one spelling has one meaning."""
    vocabulary = {"twigim": ("모둠튀김", "모둠 튀김"), "guksu": ("잔치국수",), "other": ("모둠 튀김",)}

    assert spellings(vocabulary, LEXICON) == {("모둠", "튀김"): "twigim"}


def test_rejects_are_words_of_the_lexicon() -> None:
    """Some three hundred common words, once each."""
    listed = [word for line in REJECTS.read_text().splitlines() if not line.startswith("#") for word in line.split()]

    assert rejects(LEXICON) == ("사람", "오늘", "제")[: len(rejects(LEXICON))]
    assert len(listed) > 300


class HearsHowLoud:
    """Vosk, as far as one recogniser goes: it keeps the loudest sample and hears one word."""

    loudest = 0

    def KaldiRecognizer(self, *_: object) -> HearsHowLoud:
        return self

    def AcceptWaveform(self, pcm: bytes) -> None:
        self.loudest = int(np.abs(np.frombuffer(pcm, "<i2")).max())

    def FinalResult(self) -> str:
        return json.dumps({"text": "떡볶이 하나"})

    def Reset(self) -> None:
        return


@pytest.mark.parametrize("peak", [0.01, 0.2, 1.0])
def test_a_segment_is_as_loud_as_any_other_for_the_model(peak: float) -> None:
    """Near or far, whispered or shouted."""
    vosk = HearsHowLoud()
    segment = (peak * np.sin(np.arange(16_000) / 5)).astype(np.float32)

    assert Recogniser(vosk, None, ["떡볶이", "하나"]).tokens(segment) == ("떡볶이", "하나")
    assert vosk.loudest == pytest.approx(LEVEL * 32767, rel=0.01)
