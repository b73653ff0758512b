"""The corpus: which voice says which text how fast, and the sound of each, kept between runs.

python -m voice_build sounds --work folder [--share 0/2]
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from voice_build.hangul import phonemes
from voice_build.kokoro import Kokoro

FILE: Final = Path(__file__).with_name("corpus.toml")
MENU: Final = Path(__file__).parents[1] / "kiosk" / "menu" / "menu.toml"
RATE: Final = 16_000
TEST_VOICES: Final = 3  # of those that say the words also say every dish
Part = Literal["train", "validate", "test"]
Sound = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Utterance:
    """`words`: the word ids that it means, none for other speech. `kind`: word, dish or other."""

    kind: str
    part: Part
    text: str
    words: tuple[str, ...]
    voice: str
    speed: float


class Corpus:
    """The utterances of corpus.toml and of a menu (dish id → its Korean name)."""

    def __init__(self, dishes: dict[str, str], *, file: Path = FILE) -> None:
        self._fields: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        self._dishes = dishes

    @property
    def voices(self) -> dict[str, list[str]]:
        """The voices of each part."""
        voices: dict[str, list[str]] = self._fields["voices"]
        return voices

    def utterances(self) -> list[Utterance]:
        """All of them, in an order that makes the first thousand enough to train."""
        trained = [*self._words("train"), *self._others("train"), *self._words("validate"), *self._others("validate")]
        tests = [*self._words("test"), *self._others("test"), *self._dish_names("test", TEST_VOICES)]
        return [*trained, *tests, *self._dish_names("validate")]

    def phonemes(self, text: str) -> str:
        """How the text is said."""
        for written, said in self._fields["said"].items():
            text = text.replace(written, said)
        return phonemes(text)

    def _words(self, part: Part) -> Iterator[Utterance]:
        for word, texts in self._fields["words"].items():
            for text in texts:
                for voice in self._fields["voices"][part]:
                    yield self._utterance("word", part, text, (word,), voice)

    def _others(self, part: Part) -> Iterator[Utterance]:
        texts = self._fields["others"]["test" if part == "test" else "train"]
        voices = self._fields["voices"][part]
        for at, text in enumerate(texts):
            for step in range(1 if part == "test" else len(voices) // 2):
                yield self._utterance("other", part, text, (), voices[(at + 2 * step) % len(voices)])
        if part == "train":  # the head must not take a dish for its words
            for at, (dish, name) in enumerate(self._dishes.items()):
                if dish not in self._fields["words"]:
                    yield self._utterance("other", part, name, (), voices[at % len(voices)])

    def _dish_names(self, part: Part, most: int | None = None) -> Iterator[Utterance]:
        """Of `test` for the measurement, of `validate` to choose how the recogniser decides."""
        for dish, name in self._dishes.items():
            for voice in self._fields["voices"][part][:most]:
                yield self._utterance("dish", part, name, (dish,), voice)

    def _utterance(self, kind: str, part: Part, text: str, words: tuple[str, ...], voice: str) -> Utterance:
        draw = random.Random(f"{text} {voice}")  # noqa: S311  (a speed, no secret)
        return Utterance(kind, part, text, words, voice, draw.choice(self._fields["speeds"][part]))


class Sounds:
    """The sound of utterances at 16 kHz, made once and kept in a folder."""

    def __init__(self, corpus: Corpus, kokoro: Kokoro | None, *, folder: Path) -> None:
        """Without `kokoro` only what is there already can be read."""
        self._corpus, self._kokoro, self._folder = corpus, kokoro, folder

    def of(self, utterance: Utterance) -> Sound:
        """Its sound, loudest sample 0.5. Raises FileNotFoundError when it is not there and nothing makes it."""
        said = self._corpus.phonemes(utterance.text)
        key = hashlib.sha256(f"{said}|{utterance.voice}|{utterance.speed}".encode()).hexdigest()[:20]
        file = self._folder / f"{key}.npy"
        if not file.exists():
            if self._kokoro is None:
                raise FileNotFoundError(f"{utterance.text!r} by {utterance.voice} is not in {self._folder}")
            sound = resample_poly(self._kokoro.say(said, voice=utterance.voice, speed=utterance.speed), 2, 3)
            sound = sound / max(1e-6, float(np.abs(sound).max())) / 2
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".part.npy")
            np.save(partial, (sound * 32767).astype(np.int16))
            partial.rename(file)
        stored: NDArray[np.int16] = np.load(file)
        return stored.astype(np.float32) * np.float32(1 / 32767)
