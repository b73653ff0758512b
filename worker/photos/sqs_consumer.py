"""The SQS consumer, with back-pressure: receives as many upload events as the pipeline has room for, deletes the done.

    receive ─► enqueue in the pipeline ─► all photos done, or no such upload  ─► delete
       │                               ├► at least one failed                 ─► release, for a retry after a while
       │                               └► the worker stops                    ─► release, for another worker at once
       ├► no upload key of ours in it                                         ─► delete
       └► no S3 event                                                         ─► leave it to the redrive policy

While a photo is in hand, heartbeats extend its message's visibility timeout, so that no other worker starts it. When a
worker dies its heartbeats end, and SQS delivers its messages to others; after too many deliveries a message goes to the
dead-letter queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol

from contracts.aws.s3_events import read_event
from contracts.errors import InvalidMessage
from contracts.formulas.backoff import full_jitter
from contracts.tickets import Ticket
from worker.photos.pending import PhotoOutcome
from worker.photos.sqs_queue import ReceivedMessage, UploadQueue
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)

# Before a failed message is retried; the first time its label may not have expired yet. Of five tries the last starts
# after a quarter of an hour: so long may S3 be unavailable before messages go to the dead-letter queue.
RETRY_S: Final = (2, 60, 240, 600)
HEARTBEATS: Final = 3  # in a visibility timeout: one may get lost
THREADS: Final = 4  # one of them waits for messages


class ProcessesPhotos(Protocol):
    """The methods of the pipeline that the consumer uses."""

    def enqueue(self, ticket: Ticket, *, redelivered: bool) -> asyncio.Future[PhotoOutcome]: ...

    async def free_slots(self) -> int: ...


class SqsConsumer:
    """Reads the queue. One a process; methods belong to its event loop."""

    def __init__(self, *, queue: UploadQueue, photos: ProcessesPhotos, metrics: Metrics, visibility_s: float) -> None:
        self._queue = queue
        self._photos = photos
        self._metrics = metrics
        self._heartbeat_s = visibility_s / HEARTBEATS
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sqs")
        self._held: dict[str, asyncio.Task[None]] = {}  # receipt → the task that waits for the message's photos
        self._to_extend: set[str] = set()  # receipts
        self._extension: asyncio.Future[int] | None = None
        self._heartbeat: asyncio.Task[None] | None = None
        metrics.messages_held.set_function(lambda: len(self._held))

    async def run(self) -> None:
        """Receive messages until cancelled; waits while the queue is unavailable. `stop` ends those in hand."""
        self._heartbeat = asyncio.create_task(self._send_heartbeats(), name="heartbeat")
        attempt = 0
        while True:
            limit = await self._photos.free_slots()
            receiving = asyncio.ensure_future(in_thread(self._threads, partial(self._queue.receive, limit)))
            # A callback, because a long poll outlives this task by up to 20 s: the pipeline, which has stopped by then,
            # releases what it brings.
            receiving.add_done_callback(self._on_received)
            await asyncio.wait({receiving})
            if (error := receiving.exception()) is None:
                attempt = 0
                continue
            self._metrics.failures.labels(type(error).__name__).inc()
            log.warning("the upload queue can't be read (%s); trying again in a while", error)
            await asyncio.sleep(full_jitter(attempt))
            attempt += 1

    async def stop(self, *, timeout_s: float) -> None:
        """Delete or release the messages in hand within `timeout_s`, after the pipeline has stopped."""
        if self._held:
            await asyncio.wait(self._held.values(), timeout=timeout_s)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.gather(self._heartbeat, return_exceptions=True)
        # The threads stay: one may still wait for SQS, and what it brings is released as long as the process lives.

    def _on_received(self, receiving: asyncio.Future[list[ReceivedMessage]]) -> None:
        if not receiving.cancelled() and receiving.exception() is None:
            for message in receiving.result():
                self._accept(message)

    def _accept(self, message: ReceivedMessage) -> None:
        self._count("received")
        try:
            announcement = read_event(message.body)
        except InvalidMessage as error:
            self._count("malformed")
            log.error("message %s is not an S3 event and goes to the dead-letter queue: %s", message.message_id, error)
            return
        if announcement.foreign:
            keys = ", ".join(f"{key:.200}" for key in announcement.foreign_keys)
            log.warning(
                "message %s names keys that are not uploads, so they get no label: %s", message.message_id, keys
            )
        redelivered = message.times > 1
        outcomes = {self._photos.enqueue(ticket, redelivered=redelivered) for ticket in announcement.tickets}
        self._to_extend.add(message.receipt)
        self._held[message.receipt] = asyncio.create_task(
            self._hold(message, outcomes), name=f"message {message.message_id}"
        )

    async def _hold(self, message: ReceivedMessage, outcomes: Collection[asyncio.Future[PhotoOutcome]]) -> None:
        """Keep the message until its photos have an outcome, then delete or release it."""
        try:
            if outcomes:
                await asyncio.wait(outcomes)
            self._to_extend.discard(message.receipt)
            if self._extension is not None:
                await asyncio.wait({self._extension})  # it must not undo the release
            await self._finish(message, {outcome.result() for outcome in outcomes})
        except Exception as error:
            self._metrics.failures.labels(type(error).__name__).inc()
            log.exception("message %s can't be deleted or released; the queue delivers it again", message.message_id)
        finally:
            self._to_extend.discard(message.receipt)
            del self._held[message.receipt]

    async def _finish(self, message: ReceivedMessage, outcomes: Collection[PhotoOutcome]) -> None:
        if PhotoOutcome.RELEASED in outcomes:
            await self._call(partial(self._queue.release, message.receipt, after_s=0))
            self._count("released")
            log.info("message %s is released: this worker stops", message.message_id)
        elif PhotoOutcome.FAILED in outcomes:
            after_s = RETRY_S[min(message.times, len(RETRY_S)) - 1]
            await self._call(partial(self._queue.release, message.receipt, after_s=after_s))
            self._count("failed")
        else:
            await self._call(partial(self._queue.delete, message.receipt))
            self._count("deleted")

    async def _call(self, request: Callable[[], None]) -> None:
        await in_thread(self._threads, request)

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            if not self._to_extend:
                continue
            receipts = list(self._to_extend)
            self._extension = asyncio.ensure_future(in_thread(self._threads, partial(self._queue.extend, receipts)))
            await asyncio.wait({self._extension})
            if (error := self._extension.exception()) is not None:
                log.warning("the visibility timeout of messages in hand can't be extended (%s)", error)
            elif stale := self._extension.result():
                log.warning("%d messages in hand went to other workers; results are stored once", stale)
            self._extension = None

    def _count(self, fate: str) -> None:
        self._metrics.messages.labels(fate).inc()
