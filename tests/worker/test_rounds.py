"""When the worker looks for what was left behind."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from worker.rounds import make_rounds

pytestmark = pytest.mark.anyio


class Looks:
    """Notes every look, and finds what it was told to, an error raised, nothing after that."""

    def __init__(self, *found: int | Exception, until: int) -> None:
        self.made: list[str] = []
        self.enough = asyncio.Event()
        self._found = list(found)
        self._until = until

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
        if len(self.made) >= self._until:
            self.enough.set()


async def rounds(looks: Looks, *, sweep_every_s: float, recover_every_s: float, alone: bool = True) -> list[str]:
    """The looks that are made, as many as were to be made."""
    task = asyncio.create_task(
        make_rounds(looks, sweep_every_s=sweep_every_s, recover_every_s=recover_every_s, alone=alone)
    )
    async with asyncio.timeout(20):
        await looks.enough.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return looks.made[: looks._until]


@pytest.mark.parametrize("alone", [True, False])
async def test_a_start_recovers_and_sweeps_at_once_and_a_long_period_sweeps_no_more_for_now(alone: bool) -> None:
    made = await rounds(Looks(until=6), sweep_every_s=3600, recover_every_s=0.01, alone=alone)
    assert made == ["recover", "sweep", *["recover"] * 4]


@pytest.mark.parametrize("found", [3, ConnectionError("S3 is away")], ids=str)
async def test_a_sweep_that_found_something_or_failed_is_soon_followed_by_another(found: int | Exception) -> None:
    made = await rounds(Looks(found, until=6), sweep_every_s=3600, recover_every_s=0.01)
    assert made == ["recover", "sweep", "recover", "sweep", "recover", "recover"]


async def test_what_can_not_be_recovered_does_not_keep_from_sweeping() -> None:
    class Failing(Looks):
        async def recover(self) -> None:
            await super().recover()
            raise ConnectionError("S3 is away")

    made = await rounds(Failing(until=4), sweep_every_s=0.01, recover_every_s=180)
    assert made == ["recover", "sweep", "recover", "sweep"]
