"""Coroutines that run side by side, and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def run_together(*work: Awaitable[object]) -> None:
    """Wait for all. When one raises, or this is cancelled, the others are cancelled, and their ends are waited for.

    `asyncio.gather` does not wait: it is over when the first has been cancelled, and a process that another was about
    to end goes on.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()  # once: a second time would disturb its end
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()  # raises what ended it
