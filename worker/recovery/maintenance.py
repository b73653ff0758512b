"""Periodic maintenance: resume undelivered results, and sweep for uploads without a result."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

RECOVER_PERIOD_S: Final = 180.0
# Times as long as a sweep took: one over 3.5 million uploads takes a processor nine minutes, to read S3's lists alone.
REST_FACTOR: Final = 10


class RecoversPhotos(Protocol):
    """The methods of the pipeline that maintenance uses."""

    async def recover(self) -> None: ...

    async def sweep(self) -> int: ...


async def run_maintenance(
    pipeline: RecoversPhotos,
    *,
    sweep_period_s: float,
    alone: bool,
    recover_period_s: float = RECOVER_PERIOD_S,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Recover and sweep, at once and then periodically, until cancelled.

    A sweep that found photos, or failed, is repeated soon: after `recover_period_s`, or after REST_FACTOR times as long
    as it took, since a photo that always fails is found each time.
    Workers of a group (not `alone`) draw the time until their first sweep, up to a whole period, and between sweeps,
    half a period to one and a half: a group that starts together must not list the bucket at the same time. What such
    a worker's first sweep would find, the queue delivers.
    """
    recover_period_s = min(recover_period_s, sweep_period_s)
    sweep_at = clock() + (0 if alone else random.uniform(0, sweep_period_s))  # noqa: S311 - no secret
    while True:
        await _run_logged(pipeline.recover)
        if clock() >= sweep_at:
            started = clock()
            count = await _run_logged(pipeline.sweep)
            ended = clock()
            period_s = sweep_period_s if alone else sweep_period_s * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            soon_s = max(recover_period_s, REST_FACTOR * (ended - started))
            sweep_at = ended + (period_s if count == 0 else min(period_s, soon_s))
        await asyncio.sleep(max(0.0, min(recover_period_s, sweep_at - clock())))


async def _run_logged(step: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await step()
    except Exception:
        # S3 may be unavailable for a while; the next run finds the same photos.
        log.exception("%s failed; the next run finds the same photos", getattr(step, "__name__", step))
        return None
