"""One listening in the engine, with a detector and a recogniser of the test: loud is speech, texts come in order."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kiosk.voice.engine.listen import Ears
from kiosk.voice.engine.vad import BEFORE, PAUSE, WINDOW, Cutter, Sound, samples
from kiosk.voice.framing import MOST_SOUND
from kiosk.voice.port import Heard

SPELLINGS: dict[tuple[str, ...], str] = {
    ("김밥",): "gimbap",
    ("우동",): "udon",
    ("하나",): "count-1",
    ("취소",): "cancel",
}
SPEECH, SILENCE = 20, 20  # windows
NOTHING = Heard("nothing", ())


class LoudIsSpeech:
    """A detector: any window that is not silent is speech."""

    def process(self, data: bytes) -> float:
        return float(any(data))

    def reset(self) -> None: ...


class InOrder:
    """A recogniser that hears one text a segment, in order, and keeps how long each segment was."""

    def __init__(self, *texts: str) -> None:
        self._texts, self.lengths = list(texts), list[int]()

    def tokens(self, segment: Sound) -> tuple[str, ...]:
        self.lengths.append(len(segment))
        return tuple(self._texts.pop(0).split()) if self._texts else ("<UNK>",)


def ears(words: InOrder, opinion: Mapping[str, float] | None = None) -> Ears:
    return Ears(
        cutter=Cutter(LoudIsSpeech()),
        words=words,
        opinion=lambda _: opinion or {},
        spellings=SPELLINGS,
        fillers=("음", "주세요"),
        expected={"gimbap", "udon", "count-1", "cancel", "rose"},
        dishes=("gimbap", "udon", "rose"),
        dish_wanted=True,
        least=0.8,
    )


def pcm(windows: int, *, loud: bool) -> bytes:
    return struct.pack("<h", 9000 if loud else 0) * WINDOW * windows


def said(*texts: str, opinion: Mapping[str, float] | None = None) -> Heard:
    """Each text is one segment of speech between silences."""
    listening = ears(InOrder(*texts), opinion)
    listening.feed(pcm(SILENCE, loud=False))
    for _ in texts:
        listening.feed(pcm(SPEECH, loud=True) + pcm(SILENCE, loud=False))
    return listening.heard()


def test_silence_is_nothing() -> None:
    """Nothing was cut, so nothing was asked: not the head either."""
    assert said(opinion={"rose": 1.0}) == NOTHING


def test_words_of_one_listening_belong_together() -> None:
    """Also with a pause between dish and count."""
    assert said("김밥 하나 주세요") == Heard("understood", ("gimbap", "count-1"))
    assert said("음", "김밥", "하나") == Heard("understood", ("gimbap", "count-1"))


def test_a_second_thought_is_asked_again_and_cancel_is_obeyed() -> None:
    """Two dishes are none."""
    assert said("김밥", "우동") == NOTHING
    assert said("김밥", "취소") == Heard("cancelled", ())


def test_a_word_that_the_lexicon_lacks_is_the_heads() -> None:
    """One segment, no keyword, and the head is sure."""
    assert said("<UNK>", opinion={"rose": 0.9}) == Heard("understood", ("rose",))
    assert said("<UNK>", opinion={"rose": 0.7}) == NOTHING
    assert said("<UNK>", "<UNK>", opinion={"rose": 0.9}) == NOTHING
    assert said("김밥", opinion={"rose": 0.9}) == Heard("understood", ("gimbap",))


def test_babble_puts_nothing() -> None:
    """Much talk around a word is talk, even with one keyword in it."""
    assert said("오늘 사람 시간", "어제 우리 김밥") == NOTHING


def test_speech_that_still_runs_at_the_end_is_heard() -> None:
    """The customer let the button go at once."""
    listening = ears(InOrder("김밥"))
    listening.feed(pcm(SPEECH, loud=True))

    assert listening.heard() == Heard("understood", ("gimbap",))


def test_a_segment_has_the_quiet_before_it_and_ends_after_a_pause() -> None:
    """A quiet consonant before the first loud window is kept."""
    words = InOrder("김밥")
    listening = ears(words)
    listening.feed(pcm(SILENCE, loud=False) + pcm(SPEECH, loud=True) + pcm(SILENCE, loud=False))

    assert words.lengths == [(BEFORE + SPEECH + PAUSE) * WINDOW]


def test_a_click_is_no_speech() -> None:
    """Three loud windows are a tenth of a second."""
    words = InOrder()
    listening = ears(words)
    listening.feed(pcm(3, loud=True) + pcm(SILENCE, loud=False))

    assert (listening.heard(), words.lengths) == (NOTHING, [])


def test_sound_after_eight_seconds_is_ignored() -> None:
    """However much is sent."""
    words = InOrder("김밥")
    listening = ears(words)
    listening.feed(b"\0" * MOST_SOUND)
    listening.feed(pcm(SPEECH, loud=True))

    assert (listening.heard(), words.lengths) == (NOTHING, [])


@given(st.lists(st.integers(1, 4000), max_size=8))
def test_the_size_of_the_chunks_changes_nothing(sizes: list[int]) -> None:
    """The page sends what it has."""
    whole = pcm(SILENCE, loud=False) + pcm(SPEECH, loud=True) + pcm(SILENCE, loud=False)
    words = InOrder("김밥")
    listening, rest = ears(words), whole
    for size in sizes:
        listening.feed(rest[: 2 * size])
        rest = rest[2 * size :]
    listening.feed(rest)

    assert listening.heard() == Heard("understood", ("gimbap",))
    assert words.lengths == [(BEFORE + SPEECH + PAUSE) * WINDOW]


def test_samples_are_between_minus_one_and_one() -> None:
    """An odd last byte is dropped."""
    np.testing.assert_array_equal(samples(struct.pack("<hh", -32768, 16384) + b"x"), [-1.0, 0.5])
