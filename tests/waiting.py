"""Wait for a condition, with a timeout that holds on a busy machine, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, within_s: float, what: str) -> None:
    """Poll until the condition holds; AssertionError after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)


async def until_async(condition: Callable[[], object]) -> None:
    """Run the event loop until the condition holds; TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)
