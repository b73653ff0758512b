"""Takes photos from the upload queue, as many as there is room for; a message is deleted when its photos are settled.

    receive ─► hand in to the pipeline ─► all settled, or no such upload  ─► delete
       │                               ├► not all of them                 ─► give back, for a try after a while
       │                               └► the worker stops                ─► give back, for another worker at once
       ├► nothing of ours in it                                           ─► delete
       └► no S3 event                                                     ─► leave it to the redrive policy

While a photo is in hand its message is kept invisible, so that nobody else begins with it. A worker that dies keeps
nothing, and SQS gives its messages to others; what was given out too often goes to the dead letters.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

from contracts.backoff import full_jitter
from contracts.errors import InvalidMessage
from contracts.events import read_event
from contracts.tickets import Ticket
from worker.photos.pending import PhotoOutcome
from worker.photos.sqs_queue import ReceivedMessage, UploadQueue
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)

# Before a message that failed is tried again; the first time its label can still be news. Of five tries the last begins
# after a quarter of an hour: so long may S3 be away before messages are among the dead letters.
RETRY_S: Final = (2, 60, 240, 600)
BEATS: Final = 3  # in a visibility timeout: one may get lost
THREADS: Final = 4  # one of them waits for messages


class ProcessesPhotos(Protocol):
    """The side of the pipeline that this uses."""

    def hand_in(self, ticket: Ticket, *, again: bool) -> asyncio.Future[PhotoOutcome]: ...

    async def room(self) -> int: ...


class SqsConsumer:
    """Reads the queue. One a process; methods belong to its event loop."""

    def __init__(self, *, queue: UploadQueue, photos: ProcessesPhotos, metrics: Metrics, visibility_s: float) -> None:
        self._queue = queue
        self._photos = photos
        self._metrics = metrics
        self._beat_s = visibility_s / BEATS
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sqs")
        self._held: dict[str, asyncio.Task[None]] = {}  # receipt → what waits for its photos
        self._kept: set[str] = set()
        self._beat: asyncio.Future[int] | None = None
        self._heart: asyncio.Task[None] | None = None
        metrics.messages_held.set_function(lambda: len(self._held))

    async def run(self) -> None:
        """Take messages until cancelled; waits out a queue that is away. What is in hand then is `stop`'s matter."""
        self._heart = asyncio.create_task(self._beat_for_ever(), name="heartbeat")
        attempt = 0
        while True:
            room = await self._photos.room()
            taking = asyncio.ensure_future(in_thread(self._threads, partial(self._queue.receive, room)))
            # Also when nobody waits for it any more, 20 s later: what it brings is then given back by the pipeline.
            taking.add_done_callback(self._taken)
            await asyncio.wait({taking})
            if (error := taking.exception()) is None:
                attempt = 0
                continue
            self._metrics.failures.labels(type(error).__name__).inc()
            log.warning("the upload queue gives nothing (%s); again in a while", error)
            await asyncio.sleep(full_jitter(attempt))
            attempt += 1

    async def stop(self, *, patience_s: float) -> None:
        """Part with the messages in hand, after the pipeline has stopped, for at most `patience_s`."""
        if self._held:
            await asyncio.wait(self._held.values(), timeout=patience_s)
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)
        # The threads stay: one may still wait for SQS, and what it brings is given back as long as the process lives.

    def _taken(self, taking: asyncio.Future[list[ReceivedMessage]]) -> None:
        if not taking.cancelled() and taking.exception() is None:
            for message in taking.result():
                self._take(message)

    def _take(self, message: ReceivedMessage) -> None:
        self._count("received")
        try:
            announcement = read_event(message.body)
        except InvalidMessage as error:
            self._count("malformed")
            log.error("message %s is left to the dead letters: %s", message.message_id, error)
            return
        if announcement.foreign:
            log.warning("message %s names %d keys that are no upload's", message.message_id, announcement.foreign)
        again = message.times > 1
        photos = {self._photos.hand_in(ticket, again=again) for ticket in announcement.tickets}
        self._kept.add(message.receipt)
        self._held[message.receipt] = asyncio.create_task(
            self._hold(message, photos), name=f"message {message.message_id}"
        )

    async def _hold(self, message: ReceivedMessage, photos: Collection[asyncio.Future[PhotoOutcome]]) -> None:
        """Keep the message until it is known what became of its photos, then part with it."""
        try:
            if photos:
                await asyncio.wait(photos)
            self._kept.discard(message.receipt)
            if self._beat is not None:
                await asyncio.wait({self._beat})  # its answer must not undo ours
            await self._part(message, {photo.result() for photo in photos})
        except Exception as error:
            self._metrics.failures.labels(type(error).__name__).inc()
            log.exception("message %s: the queue was not told; it gives it again", message.message_id)
        finally:
            self._kept.discard(message.receipt)
            del self._held[message.receipt]

    async def _part(self, message: ReceivedMessage, outcomes: Collection[PhotoOutcome]) -> None:
        if PhotoOutcome.RELEASED in outcomes:
            await self._say(partial(self._queue.give_back, message.receipt, after_s=0))
            self._count("released")
            log.info("message %s is given back: this worker stops", message.message_id)
        elif PhotoOutcome.FAILED in outcomes:
            after_s = RETRY_S[min(message.times, len(RETRY_S)) - 1]
            await self._say(partial(self._queue.give_back, message.receipt, after_s=after_s))
            self._count("failed")
        else:
            await self._say(partial(self._queue.delete, message.receipt))
            self._count("deleted")

    async def _say(self, request: Callable[[], None]) -> None:
        await in_thread(self._threads, request)

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            if not self._kept:
                continue
            self._beat = asyncio.ensure_future(in_thread(self._threads, partial(self._queue.keep, list(self._kept))))
            await asyncio.wait({self._beat})
            if (error := self._beat.exception()) is not None:
                log.warning("messages in hand can't be kept (%s): others may begin with them", error)
            elif lost := self._beat.result():
                log.warning("%d messages in hand are somebody else's by now; results are stored once", lost)
            self._beat = None

    def _count(self, fate: str) -> None:
        self._metrics.messages.labels(fate).inc()
