"""One listening in the engine: sound in, what was meant out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from kiosk.voice import decision
from kiosk.voice.engine.vad import Cutter, Sound, samples
from kiosk.voice.framing import MOST_SOUND
from kiosk.voice.port import Heard


class Words(Protocol):
    """What hears the words of a segment (recogniser.Recogniser), or a fake."""

    def tokens(self, segment: Sound) -> tuple[str, ...]:
        """Its words."""
        ...


Opinion = Callable[[Sound], Mapping[str, float]]


class Ears:
    """Hears one listening. Segments are decoded as soon as they end, so that the answer is quick."""

    def __init__(
        self,
        *,
        cutter: Cutter,
        words: Words,
        opinion: Opinion,
        spellings: Mapping[tuple[str, ...], str],
        fillers: Collection[str],
        expected: Collection[str],
        dishes: Collection[str],
        dish_wanted: bool,
        least: float,
    ) -> None:
        """`opinion`: the head's probabilities of a segment, empty for one that it does not judge."""
        self._cutter, self._words, self._opinion, self._least = cutter, words, opinion, least
        self._spellings, self._fillers = spellings, fillers
        self._expected, self._dishes, self._dish_wanted = expected, dishes, dish_wanted
        self._tokens: list[str] = []
        self._segments: list[Sound] = []
        self._bytes = 0

    def feed(self, pcm: bytes) -> None:
        """More sound; beyond eight seconds it is ignored."""
        pcm = pcm[: MOST_SOUND - self._bytes]
        self._bytes += len(pcm)
        for segment in self._cutter.feed(samples(pcm)):
            self._segment(segment)

    def heard(self) -> Heard:
        """The decision over all that was said."""
        for segment in self._cutter.end():
            self._segment(segment)
        found = decision.keywords(self._tokens, self._spellings, self._fillers)
        first = decision.decide(found, self._dishes, dish_wanted=self._dish_wanted)
        if first.status != "nothing" or found.words or len(self._segments) != 1:
            return first
        return decision.second_opinion(first, self._opinion(self._segments[0]), self._expected, self._least)

    def _segment(self, segment: Sound) -> None:
        self._segments.append(segment)
        self._tokens += self._words.tokens(segment)
