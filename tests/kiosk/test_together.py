"""Coroutines that run side by side, and end together."""

from __future__ import annotations

import asyncio

import pytest

from kiosk.together import run_together


async def _ends_slowly(ended: list[str]) -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0.05)  # as of a process that ends
        ended.append("slow")


async def _fails() -> None:
    await asyncio.sleep(0)
    raise ValueError("broken")


def test_a_cancellation_waits_for_the_end_of_each() -> None:
    """The one that ends at once does not leave the other behind."""

    async def cancelled() -> list[str]:
        ended: list[str] = []
        task = asyncio.ensure_future(run_together(asyncio.sleep(3600), _ends_slowly(ended)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ended

    assert asyncio.run(cancelled()) == ["slow"]


def test_one_that_fails_ends_the_others_and_its_error_is_raised() -> None:
    async def failed() -> list[str]:
        ended: list[str] = []
        with pytest.raises(ValueError, match="broken"):
            await run_together(_ends_slowly(ended), _fails())
        return ended

    assert asyncio.run(failed()) == ["slow"]


def test_when_all_have_ended_so_has_this() -> None:
    asyncio.run(run_together(asyncio.sleep(0), asyncio.sleep(0.01)))
