"""The corpus keeps apart what trains and what measures."""

from __future__ import annotations

from kiosk.menu.menu import Menu
from voice_build.corpus import Corpus

CORPUS = Corpus({dish.id: dish.name.ko for dish in Menu.load().dishes})


def test_a_voice_is_in_one_part_only() -> None:
    """So the test voices are strangers to the heads and the baseline."""
    voices = {part: set(names) for part, names in CORPUS.voices.items()}

    assert set(voices) == {"train", "validate", "test"}
    assert sum(map(len, voices.values())) == len(set.union(*voices.values()))


def test_other_words_of_the_measurement_are_not_trained() -> None:
    """Neither words of the heads nor each other's."""
    texts = {
        part: {one.text for one in CORPUS.utterances() if one.part == part and not one.words} for part in CORPUS.voices
    }

    assert texts["test"] & (texts["train"] | texts["validate"]) == set()


def test_every_utterance_can_be_spoken_and_is_the_same_next_time() -> None:
    """No sign is missing; speeds come from the text and the voice."""
    utterances = CORPUS.utterances()

    assert [one for one in utterances if not CORPUS.phonemes(one.text)] == []
    assert utterances == CORPUS.utterances()
    assert len(set(utterances)) == len(utterances)
