"""When the worker looks for what was left behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import pytest

from worker.recovery.maintenance import run_maintenance

pytestmark = pytest.mark.anyio


class Looks:
    """Notes every look, and finds what it was told to, an error raised, nothing after that."""

    def __init__(self, *found: int | Exception, until: int, sweeps: int = 0) -> None:
        self.made: list[str] = []
        self.enough = asyncio.Event()
        self._found = list(found)
        self._until, self._sweeps = until, sweeps

    async def recover(self) -> None:
        self._note("recover")

    async def sweep(self) -> int:
        self._note("sweep")
        found = self._found.pop(0) if self._found else 0
        if isinstance(found, Exception):
            raise found
        return found

    def _note(self, look: str) -> None:
        self.made.append(look)
        if len(self.made) >= self._until and self.made.count("sweep") >= self._sweeps:
            self.enough.set()


async def rounds(
    looks: Looks,
    *,
    sweep_period_s: float,
    recover_period_s: float,
    alone: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> list[str]:
    """The looks that are made, as many as were to be made, or a few more for want of sweeps."""
    task = asyncio.create_task(
        run_maintenance(
            looks, sweep_period_s=sweep_period_s, recover_period_s=recover_period_s, alone=alone, clock=clock
        )
    )
    async with asyncio.timeout(60):
        await looks.enough.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return looks.made if looks._sweeps else looks.made[: looks._until]


async def test_a_start_recovers_and_sweeps_at_once_and_a_long_period_sweeps_no_more_for_now() -> None:
    made = await rounds(Looks(until=6), sweep_period_s=3600, recover_period_s=0.01)
    assert made == ["recover", "sweep", *["recover"] * 4]


async def test_a_worker_of_several_recovers_at_once_and_sweeps_in_its_own_time() -> None:
    """A group grows when customers wait: its new workers must not begin with minutes of reading lists."""
    made = await rounds(Looks(until=6), sweep_period_s=36_000, recover_period_s=0.01, alone=False)
    assert made == ["recover"] * 6
    made = await rounds(Looks(until=6, sweeps=2), sweep_period_s=0.05, recover_period_s=0.01, alone=False)
    assert made.count("sweep") == 2


@pytest.mark.parametrize("found", [3, ConnectionError("S3 is away")], ids=str)
async def test_a_sweep_that_found_something_or_failed_is_soon_followed_by_another(found: int | Exception) -> None:
    made = await rounds(Looks(found, until=6, sweeps=2), sweep_period_s=3600, recover_period_s=0.01)
    assert (made[:3], made.count("sweep")) == (["recover", "sweep", "recover"], 2)


async def test_a_look_over_millions_of_uploads_that_always_finds_something_does_not_go_on_all_the_time() -> None:
    """It took its time; so long, and much longer, nobody looks again."""

    seconds = [0.0]  # pass in sweeps alone

    class Long(Looks):
        async def sweep(self) -> int:
            seconds[0] += 0.2
            await super().sweep()
            return 1

    made = await rounds(Long(until=12), sweep_period_s=3600, recover_period_s=0.01, clock=lambda: seconds[0])
    assert made == ["recover", "sweep", *["recover"] * 10]


async def test_what_can_not_be_recovered_does_not_keep_from_sweeping() -> None:
    class Failing(Looks):
        async def recover(self) -> None:
            await super().recover()
            raise ConnectionError("S3 is away")

    made = await rounds(Failing(until=4), sweep_period_s=0.01, recover_period_s=180)
    assert made == ["recover", "sweep", "recover", "sweep"]
