"""Thread pools: blocking work outside the event loop, and objects that one thread at a time may use."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


async def in_thread(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Run blocking work in a thread of the pool and return its result."""
    return await asyncio.get_running_loop().run_in_executor(pool, work)


class IdlePool(Generic[T]):
    """Objects that one thread at a time may use: an idle one is reused, and one is created when all are in use."""

    def __init__(self, create: Callable[[], T]) -> None:
        self._create = create
        self._idle: deque[T] = deque()

    @contextmanager
    def use(self) -> Generator[T, None, None]:
        """An object for the block."""
        try:
            one = self._idle.pop()
        except IndexError:
            one = self._create()
        try:
            yield one
        finally:
            self._idle.append(one)
