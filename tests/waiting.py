"""Waiting for what others do, with a bound that a busy machine keeps, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, within_s: float, what: str) -> None:
    """Wait until the condition holds; the test fails when it doesn't within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)


async def until_async(condition: Callable[[], object]) -> None:
    """Let the event loop run until the condition holds; TimeoutError when it doesn't within a minute."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)
