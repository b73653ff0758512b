"""A worker that reads the queue and is told to stop: nothing that it leaves waits for a timeout."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FACE, FakeDetector, MemoryQueue
from tests.waiting import until_async
from tests.worker.photos.consumer_harness import SHARED, Gate, reader
from worker.photos.sqs_queue import ReceivedMessage

pytestmark = pytest.mark.anyio


async def test_stopping_finishes_what_is_in_hand_and_releases_what_only_waits_at_once(tmp_path: Path) -> None:
    gate = Gate()
    settings = replace(SHARED, photos_at_once=2)
    async with reader(tmp_path, detector=FakeDetector(FACE, before=gate), settings=settings) as one:
        one.announce(first := one.worker.upload())
        await until_async(lambda: gate.entered == 1)
        one.announce(*(several := [one.worker.upload() for _ in range(3)]))
        await until_async(lambda: gate.entered == 2)
        stopping = asyncio.create_task(one.stop())
        await until_async(lambda: one.worker.pipeline.waiting == 0)
        gate.open()
        await stopping
        assert set(one.worker.store.stored) == {first, several[0]}
        assert one.queue.left == [(0, 1)]
        assert one.fates() == {"received": 2, "deleted": 1, "released": 1}


async def test_what_a_last_long_poll_brings_after_the_stop_is_given_back_at_once(tmp_path: Path) -> None:
    class LongPoll(MemoryQueue):
        def __init__(self) -> None:
            super().__init__()
            self.asked, self.answer = threading.Event(), threading.Event()

        def receive(self, limit: int) -> list[ReceivedMessage]:
            self.asked.set()
            assert self.answer.wait(60)
            return super().receive(limit)

    queue = LongPoll()
    async with reader(tmp_path, queue=queue) as one:
        await until_async(queue.asked.is_set)
        await one.stop()
        one.announce(one.worker.upload())
        queue.answer.set()
        await until_async(lambda: one.fates() == {"received": 1, "released": 1})
        assert queue.left == [(0, 1)]
        assert one.worker.store.stored == {}
