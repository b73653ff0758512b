"""Many small objects at a time: S3 answers one in tens of milliseconds, and hundreds a second."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

Say = Callable[[int, int, str], None]  # so many done, of so many, of what

_THREADS: Final = 8  # botocore keeps ten connections

_Thing = TypeVar("_Thing")
_Made = TypeVar("_Made")


def silent(done: int, of: int, note: str) -> None:
    """Nobody listens."""


@contextmanager
def in_threads(work: Callable[[_Thing], _Made], things: Sequence[_Thing]) -> Generator[Iterator[_Made], None, None]:
    """What `work` makes of each thing, in their order. When the block is left early, what has not begun never does."""
    pool = ThreadPoolExecutor(_THREADS, "dataset")
    try:
        yield pool.map(work, things)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
