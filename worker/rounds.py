"""What the worker looks after from time to time: what it decided and did not tell, and what nobody decided."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

RECOVER_EVERY_S: Final = 180.0


class Recovering(Protocol):
    """The side of the pipeline that this uses."""

    async def recover(self) -> None: ...

    async def sweep(self) -> int: ...


async def make_rounds(
    pipeline: Recovering, *, sweep_every_s: float, alone: bool, recover_every_s: float = RECOVER_EVERY_S
) -> None:
    """Recover and sweep, at once and then for ever; one that found something, or failed, is soon followed by another.

    Workers that are not alone draw their own time between sweeps, half as long to half as long again, so that those
    that a group started together don't list the bucket together every time.
    """
    recover_every_s = min(recover_every_s, sweep_every_s)
    sweep_at = time.monotonic()
    while True:
        await _attempted(pipeline.recover)
        if time.monotonic() >= sweep_at:
            found = await _attempted(pipeline.sweep)
            drawn_s = sweep_every_s if alone else sweep_every_s * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            sweep_at = time.monotonic() + (drawn_s if found == 0 else recover_every_s)
        await asyncio.sleep(max(0.0, min(recover_every_s, sweep_at - time.monotonic())))


async def _attempted(look: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await look()
    except Exception:
        # S3 may be away for a while; the next look finds the same photos.
        log.exception("%s failed; a later look finds the same", getattr(look, "__name__", look))
        return None
