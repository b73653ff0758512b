"""Words out of a segment: Vosk with a grammar of the expected words and of common words that mean nothing here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from kiosk.voice.engine.vad import Sound
from kiosk.voice.framing import RATE

REJECTS: Final = Path(__file__).parents[1] / "rejects.txt"
UNKNOWN: Final = "<UNK>"
# Of the loudest sample: the model hears loud speech worse. Of 62 names by the voices of `validate`, right and taken for
# another: 38 and 3 at 0.3, 31 and 7 at 0.9, 35 and 3 as they came.
LEVEL: Final = np.float32(0.3)
# Silence around a segment: the decoder needs some before the first and after the last sound.
_QUIET: Final = np.zeros(RATE // 4, np.float32)
Spelling = tuple[str, ...]


class Lexicon(Protocol):
    """Vosk's model, as far as the lexicon goes."""

    def vosk_model_find_word(self, word: str) -> int:
        """The number of a word, or -1."""
        ...


def spelled(text: str, lexicon: Lexicon) -> Spelling | None:
    """A text in words of the lexicon; a word that it lacks in as few parts as possible; None where that can't be."""
    parts: list[str] = []
    for word in text.split():
        found = _split(word, lexicon)
        if found is None:
            return None
        parts += found
    return tuple(parts)


def _split(word: str, lexicon: Lexicon) -> list[str] | None:
    @cache
    def best(rest: str) -> tuple[str, ...] | None:
        if not rest or lexicon.vosk_model_find_word(rest) >= 0:
            return (rest,) if rest else ()
        choices = [
            (rest[:size], *after)
            for size in range(len(rest) - 1, 0, -1)
            if lexicon.vosk_model_find_word(rest[:size]) >= 0 and (after := best(rest[size:])) is not None
        ]
        return min(choices, key=len, default=None)

    parts = best(word)
    return None if parts is None else list(parts)


def spellings(vocabulary: Mapping[str, Collection[str]], lexicon: Lexicon) -> dict[Spelling, str]:
    """Spelling → word id, of every form that the lexicon can spell. A spelling of two words is the first's."""
    found: dict[Spelling, str] = {}
    for word, forms in vocabulary.items():
        for form in forms:
            spelling = spelled(form, lexicon)
            if spelling:
                found.setdefault(spelling, word)
    return found


def rejects(lexicon: Lexicon, file: Path = REJECTS) -> tuple[str, ...]:
    """The common words of the file that the lexicon has."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    words = dict.fromkeys(word for line in lines for word in line.split())
    return tuple(word for word in words if lexicon.vosk_model_find_word(word) >= 0)


class Recogniser:
    """One listening's recogniser; the grammar is kept for the next one that expects the same."""

    def __init__(self, vosk: Any, model: Any, phrases: Iterable[str]) -> None:
        """`vosk`: the module; `model`: vosk.Model; `phrases`: all that may be heard, each in words of the lexicon."""
        grammar = json.dumps([*phrases, UNKNOWN], ensure_ascii=False)
        self._recogniser = vosk.KaldiRecognizer(model, RATE, grammar)

    def tokens(self, segment: Sound) -> tuple[str, ...]:
        """The words of a segment; what is unknown is <UNK>."""
        loudest = np.abs(segment).max(initial=np.float32(1e-6))
        sound = np.concatenate([_QUIET, segment * (LEVEL / loudest), _QUIET])
        self._recogniser.AcceptWaveform((sound * 32767).astype("<i2").tobytes())
        text = json.loads(self._recogniser.FinalResult())["text"]
        self._recogniser.Reset()
        return tuple(text.split())
