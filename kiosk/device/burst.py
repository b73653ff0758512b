"""A burst: some photos of one person, far enough apart to differ, of which the sharpest are asked about.

One frame may be blurred or catch a blink: users of a kiosk that looked at one frame needed up to twenty tries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kiosk.device.photos import Photo

LEAST_GAP_MS: Final = 200.0
# A page's timer may fire a little early, and a request may overtake another one.
_SLACK_MS: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class BurstRules:
    """`count` photos `gap_ms` apart, of which the `keep` sharpest are asked about."""

    count: int = 5
    keep: int = 3
    gap_ms: float = 220.0
    width: int = 1280
    height: int = 720
    quality: float = 0.85

    @property
    def longest_s(self) -> float:
        """Until a burst ends without its last photos: a camera may deliver fewer."""
        return (self.count * self.gap_ms + 800) / 1e3


class Burst:
    """The photos of one burst as they arrive. `times` are in milliseconds of one clock, the page's or ours."""

    def __init__(self, visit: str, rules: BurstRules) -> None:
        self.visit = visit
        self._rules = rules
        self._times: list[float] = []
        self.jpegs: list[bytes] = []

    def add(self, jpeg: bytes, at_ms: float) -> bool:
        """Take the photo unless the burst is complete, or another one of it is less than 200 ms away."""
        if self.complete or any(abs(at_ms - other) < LEAST_GAP_MS - _SLACK_MS for other in self._times):
            return False
        self._times.append(at_ms)
        self.jpegs.append(jpeg)
        return True

    @property
    def complete(self) -> bool:
        """Whether it has all its photos."""
        return len(self.jpegs) >= self._rules.count


def sharpest(photos: Iterable[Photo | None], keep: int) -> list[Photo]:
    """The `keep` sharpest, in the order in which they were taken."""
    taken = list(enumerate(photo for photo in photos if photo is not None))
    best = sorted(taken, key=lambda item: (-item[1].sharpness, item[0]))[:keep]
    return [photo for _, photo in sorted(best, key=lambda item: item[0])]
