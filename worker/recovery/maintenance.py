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
# Times as long as a sweep took: one over 3.5 million uploads takes a processor nine minutes, to read S3's lists alone.
REST: Final = 10


class RecoversPhotos(Protocol):
    """The side of the pipeline that this uses."""

    async def recover(self) -> None: ...

    async def sweep(self) -> int: ...


async def run_maintenance(
    pipeline: RecoversPhotos,
    *,
    sweep_every_s: float,
    alone: bool,
    recover_every_s: float = RECOVER_EVERY_S,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Recover and sweep, at once and then for ever.

    A sweep that found something, or failed, is soon followed by another: after `recover_every_s`, or after REST times
    as long as it took, since what fails for good is found each time.
    Workers that are not alone draw their own time until the first sweep, up to the whole, and between sweeps, half as
    long to half as long again: those that a group started together, because customers wait, should neither list the
    bucket together nor at once. What such a worker's sweep would find at its start, the queue has.
    """
    recover_every_s = min(recover_every_s, sweep_every_s)
    sweep_at = clock() + (0 if alone else random.uniform(0, sweep_every_s))  # noqa: S311 - no secret
    while True:
        await _attempted(pipeline.recover)
        if clock() >= sweep_at:
            begun = clock()
            found = await _attempted(pipeline.sweep)
            ended = clock()
            drawn_s = sweep_every_s if alone else sweep_every_s * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            soon_s = max(recover_every_s, REST * (ended - begun))
            sweep_at = ended + (drawn_s if found == 0 else min(drawn_s, soon_s))
        await asyncio.sleep(max(0.0, min(recover_every_s, sweep_at - clock())))


async def _attempted(look: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await look()
    except Exception:
        # S3 may be away for a while; the next look finds the same photos.
        log.exception("%s failed; a later look finds the same", getattr(look, "__name__", look))
        return None
