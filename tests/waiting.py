"""Waiting for what other processes do, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, within_s: float, what: str) -> None:
    """Wait until the condition holds; the test fails when it doesn't within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)
