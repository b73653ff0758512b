"""Blocking work outside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


async def in_thread(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Run blocking work in a thread of the pool and return its result."""
    return await asyncio.get_running_loop().run_in_executor(pool, work)
