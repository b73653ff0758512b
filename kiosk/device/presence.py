"""Whether somebody stands before the kiosk, from small grey pictures. Pure NumPy: tens of microseconds a picture.

A picture is held against a background that is learnt slowly, and only while nobody is there: a person who stands still
never becomes background. The median of the difference is taken off first, because a camera's exposure changes the
whole picture when somebody in a white shirt arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROWS: Final = 54
COLUMNS: Final = 96

Grey = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class PresenceRules:
    """`level`: grey levels of 255 by which a pixel differs; `comes`, `leaves`: shares of the pixels that differ.

    `comes` is above `leaves`, so that a person at the edge does not flicker. `pictures`: in a row until somebody is
    there. `learn_s`: time constant of the background.
    """

    level: float = 20.0
    comes: float = 0.10
    leaves: float = 0.05
    pictures: int = 2
    learn_s: float = 20.0


class Presence:
    """Judges one picture after another. Deterministic: time is given."""

    def __init__(self, rules: PresenceRules | None = None) -> None:
        self._rules = rules or PresenceRules()
        self._background: NDArray[np.float32] | None = None
        self._last: NDArray[np.float32] | None = None
        self._last_s = 0.0
        self._in_a_row = 0
        self.present = False

    def look(self, grey: Grey, at_s: float) -> bool:
        """Whether somebody is there, by the picture (54 × 96) at that time in seconds.

        The first picture becomes the background: the kiosk is taken to start with nobody before it. Where somebody
        stood there, `relearn` corrects it after they left.
        """
        picture = grey.astype(np.float32)
        if self._background is None:
            self._background = picture
        share = self._changed(picture, self._background)
        seen = share >= (self._rules.leaves if self.present else self._rules.comes)
        self._in_a_row = self._in_a_row + 1 if seen != self.present else 0
        if self._in_a_row >= self._rules.pictures:
            self.present, self._in_a_row = seen, 0
        if not self.present and not seen:
            elapsed = max(0.0, at_s - self._last_s) if self._last is not None else 0.0
            self._background += (picture - self._background) * min(1.0, elapsed / self._rules.learn_s)
        self._last, self._last_s = picture, at_s
        return self.present

    def relearn(self) -> None:
        """Nobody is there, though the picture changed: a light was switched on, a chair moved. Learn it as it is."""
        if self._last is not None:
            self._background = self._last.copy()
        self.present, self._in_a_row = False, 0

    def forget(self) -> None:
        """The camera was off: the next picture is the background."""
        self._background = self._last = None
        self.present, self._in_a_row = False, 0

    def _changed(self, picture: NDArray[np.float32], background: NDArray[np.float32]) -> float:
        difference = picture - background
        difference -= np.median(difference)
        return float(np.mean(np.abs(difference) > self._rules.level))


def grey_of(data: bytes) -> Grey:
    """The picture of 54 rows of 96 bytes; ValueError for another number of bytes."""
    return np.frombuffer(data, np.uint8).reshape(ROWS, COLUMNS)
