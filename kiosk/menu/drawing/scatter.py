"""Numbers that look random and are the same on every machine and in every Python, so that a picture is reproducible."""


class Scatter:
    """A linear congruential generator (Knuth's MMIX constants)."""

    def __init__(self, seed: int) -> None:
        self._state = seed * 7919 + 12345

    def between(self, low: float, high: float) -> float:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return low + (high - low) * (self._state >> 11) / 2**53
