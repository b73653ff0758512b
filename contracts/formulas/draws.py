"""Deterministic draws: a sample that is the same on every run and every machine."""

from __future__ import annotations

import hashlib


def stable_draw(*names: str) -> float:
    """A number from 0 up to 1, uniform over names. The same names always give the same number.

    A draw by name instead of at random selects the same photos tomorrow, and a larger share contains a smaller one.
    Name the purpose first: draws for two purposes are independent.
    """
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)  # 48 bits: a float holds every one of them
