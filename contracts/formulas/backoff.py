"""Exponential backoff with full jitter: a thousand kiosks must not reconnect at the same instant."""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 0.25
LAST_S: Final = 20.0


def full_jitter(attempt: int) -> float:
    """Seconds to wait before try `attempt` (0, 1, …): uniform from 0 up to a bound that doubles from 0.25 to 20.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return random.uniform(0, min(LAST_S, FIRST_S * 2 ** min(attempt, 16)))  # noqa: S311 - no secret
