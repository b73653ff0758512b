"""How long photos have been in the model."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from tests.fakes import FACE, MODEL, FakeDetector
from worker.telemetry.watchdog import HANG_TIMEOUT_S, TimedDetector

pytestmark = pytest.mark.anyio
PICTURE = np.zeros((2, 2, 3), np.uint8)


async def test_a_photo_that_hangs_in_the_model_is_noticed() -> None:
    """By its own time: others may come and go meanwhile."""
    time, inside, let_go = 0.0, threading.Event(), threading.Event()

    def hang_once() -> None:
        if not inside.is_set():
            inside.set()
            let_go.wait(60)

    detector = TimedDetector(FakeDetector(FACE, before=hang_once), clock=lambda: time)
    hanging = asyncio.create_task(asyncio.to_thread(detector.detect, [PICTURE]))
    await asyncio.to_thread(inside.wait, 60)
    time = HANG_TIMEOUT_S - 1
    assert (detector.detect([PICTURE]), detector.longest_s, detector.is_responsive()) == (
        [[FACE]],
        HANG_TIMEOUT_S - 1,
        True,
    )
    time = HANG_TIMEOUT_S
    assert not detector.is_responsive()
    let_go.set()
    assert (await hanging, detector.longest_s, detector.is_responsive()) == ([[FACE]], 0.0, True)


async def test_a_call_that_raises_has_ended() -> None:
    def fail() -> None:
        raise ValueError("on purpose")

    detector = TimedDetector(FakeDetector(before=fail))
    with pytest.raises(ValueError, match="on purpose"):
        detector.detect([PICTURE])
    assert (detector.longest_s, detector.model) == (0.0, MODEL)
