"""Delivery of a stored result: publish the label, save the training pair, then remove the result from the outbox.

Where the recipe keeps no uploads, the photo is deleted as soon as the pair is saved, beside the publishing.

A step that fails leaves the result in the outbox; `resume` tries again, periodically and after a restart. Only the
first try has the pictures: a message that is sent later goes without them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from contracts.answers_message import AnswersMessage
from contracts.errors import InvalidMessage
from contracts.instants import now
from contracts.messages import DatasetTree
from contracts.names import Reference
from imaging.decoding import decode
from worker.messages import AnyResult, Message
from worker.photos.publisher import Publisher, PublishOutcome
from worker.photos.store import RejectedUpload, Store, UploadMissing
from worker.photos.task import Picture, Task
from worker.photos.timing import Stopwatch
from worker.recovery.outbox import Outbox
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)

PICTURE_S: Final = 2.0  # that a message waits for its pictures: a person waits for the answer


@dataclass(kw_only=True)
class ResultDelivery:
    """Delivers results in the background. One a process; methods belong to its event loop."""

    task: Task
    store: Store
    publisher: Publisher
    outbox: Outbox
    metrics: Metrics
    io: ThreadPoolExecutor
    max_pixels: int
    keeps_uploads: bool = True

    def __post_init__(self) -> None:
        self._tasks: dict[Reference, asyncio.Task[bool]] = {}
        self._old_pair_lock = asyncio.Lock()  # old pairs must not crowd out new photos, nor fill the memory

    @property
    def tasks(self) -> Collection[asyncio.Task[bool]]:
        """The deliveries that run."""
        return self._tasks.values()

    def record(self, result: AnyResult) -> None:
        """Put the result in the outbox before it is stored, so that a crash after the storing loses no label."""
        try:
            self.outbox.put(result)
        except OSError:
            # The label matters more than its insurance: it still goes out, unless the process crashes just now.
            self.metrics.failures.labels("outbox").inc()
            log.exception(
                "%s can't be written to the outbox: a crash now would lose its label. Is the disk full?",
                result.message.reference,
            )

    def discard(self, reference: Reference) -> None:
        """Remove a result that was not stored: there is nothing to deliver."""
        self.outbox.remove(reference)

    async def start(
        self, result: AnyResult, jpeg: bytes | None, pictures: Sequence[Picture] = ()
    ) -> asyncio.Task[bool]:
        """Start the delivery; returns when the training pair is saved, or has failed.

        `jpeg` is the picture for the dataset, None for the upload itself; `pictures` go beside the answers. The
        task's result: whether every step succeeded.
        """
        pair = asyncio.ensure_future(self._save_pair(result, jpeg))
        task = self._start(result, pair, published=False, pictures=pictures)
        await asyncio.wait([pair])  # while the photo is in hand, so that slow writes slow the reading down
        return task

    async def deliver_stored(self, reference: Reference) -> asyncio.Task[bool] | None:
        """Deliver the result that S3 holds for a photo, whichever worker decided it; None when there is no result.

        Only the worker that stored a result publishes its label: no other outbox records whether it was published.
        A training pair is written once, whichever worker tries, so it is saved here in case that worker died.
        """
        if (task := self._tasks.get(reference)) is not None:
            return task
        try:
            result = await in_thread(self.io, partial(self.store.result, reference))
        except InvalidMessage as error:
            log.warning("%s has a result that this worker can't read (%s); it is left as it is", reference, error)
            return asyncio.create_task(_nothing_to_do())
        if result is None:
            return None
        if (task := self._tasks.get(reference)) is not None:
            return task
        recorded = self.outbox.find(reference)
        published = recorded is None or recorded[0] != result or recorded[1]
        pair = asyncio.ensure_future(self._save_old_pair(result))
        task = self._start(result, pair, published=published)
        await asyncio.wait([pair])
        return task

    def undelivered(self) -> list[Reference]:
        """The photos whose results are in the outbox, the oldest first."""
        return [result.message.reference for result, _ in self.outbox.entries()]

    def is_undelivered(self, reference: Reference) -> bool:
        """Whether a result of this worker for the photo is not fully delivered."""
        return reference in self._tasks or self.outbox.find(reference) is not None

    async def resume(self, reference: Reference) -> asyncio.Task[bool] | None:
        """Deliver a result of the outbox if it is the one that S3 holds; otherwise remove it and return None.

        Reads the outbox again: since it was listed, another ticket may have delivered the photo.
        """
        if (task := self._tasks.get(reference)) is not None:
            return task
        if (entry := self.outbox.find(reference)) is None:
            return None
        result, published = entry
        if not await self.is_stored(result):
            self.outbox.remove(reference)  # never stored, or another worker stored its own first, which counts
            return None
        log.info("%s was decided and not fully delivered; trying again", reference)
        return self._start(result, asyncio.ensure_future(self._save_old_pair(result)), published=published)

    async def is_stored(self, result: AnyResult) -> bool:
        """Whether S3 holds exactly this result for its photo."""
        try:
            return await in_thread(self.io, partial(self.store.result, result.message.reference)) == result
        except InvalidMessage:
            return False  # written by another version of the worker

    def _start(
        self, result: AnyResult, pair: Awaitable[None], *, published: bool, pictures: Sequence[Picture] = ()
    ) -> asyncio.Task[bool]:
        reference = result.message.reference
        delivery = self._deliver(result, pair, published=published, pictures=pictures)
        task = asyncio.create_task(delivery, name=f"deliver {reference}")
        self._tasks[reference] = task
        task.add_done_callback(lambda _: self._tasks.pop(reference, None))
        return task

    async def _deliver(
        self, result: AnyResult, pair: Awaitable[None], *, published: bool, pictures: Sequence[Picture]
    ) -> bool:
        reference = result.message.reference
        publishing = [] if published else [self._publish(result, pictures)]
        try:
            # All of them end, so that no later try publishes beside this one.
            ended = await asyncio.gather(self._finish(reference, pair), *publishing, return_exceptions=True)
            for failed in filter(None, ended):
                raise failed
            self.outbox.remove(reference)
        except Exception as error:
            self.metrics.failures.labels(type(error).__name__).inc()
            log.exception("%s is decided, but its delivery failed; it is tried again later", reference)
            return False
        return True

    async def _with_pictures(self, message: Message, pictures: Sequence[Picture]) -> Message:
        """The message with a link to each stored picture, without those that can't be stored in time."""
        if not pictures or not isinstance(message, AnswersMessage):
            return message
        link_s = (message.expires_at - now()).total_seconds()
        links = dict[str, str]()
        try:
            async with asyncio.timeout(PICTURE_S):
                for picture in pictures:
                    save = partial(self.store.save_picture, message.reference, picture, link_s=link_s)
                    links[picture.name] = await in_thread(self.io, save)
        except Exception:  # a picture beside the answer may not cost the answer
            self.metrics.failures.labels("picture").inc()
            log.exception("a picture is not stored for %s; its answer goes out without", message.reference)
        return replace(message, pictures=links)

    async def _finish(self, reference: Reference, pair: Awaitable[None]) -> None:
        """Wait for the pair, which may be a copy of the upload; then delete that, unless uploads are kept."""
        await pair
        if not self.keeps_uploads:
            await in_thread(self.io, partial(self.store.delete_upload, reference))

    async def _publish(self, result: AnyResult, pictures: Sequence[Picture]) -> None:
        message = await self._with_pictures(result.message, pictures)
        stopwatch = Stopwatch()
        outcome = await self.publisher.publish(message)
        stopwatch.lap("publish")
        self.metrics.deliveries.labels(outcome).inc()
        if outcome is PublishOutcome.DELIVERED:
            self.metrics.published(result.message, publish_s=stopwatch.seconds["publish"])
        if result.training is not DatasetTree.NONE or not self.keeps_uploads:  # something else may be left to do
            self.outbox.mark_published(result.message.reference)

    async def _save_pair(self, result: AnyResult, jpeg: bytes | None) -> None:
        tree = result.training
        labels = None if tree is DatasetTree.NONE else self.task.label_file(result.message, tree)
        if labels is None:
            return
        save = partial(
            self.store.save_pair,
            result.message.reference,
            tree=tree,
            etag=result.upload_etag,
            jpeg=jpeg,
            labels=labels,
        )
        await in_thread(self.io, save)

    async def _save_old_pair(self, result: AnyResult) -> None:
        """As `_save_pair`, for a photo that is no longer in memory."""
        if result.training is DatasetTree.NONE or self.task.label_file(result.message, result.training) is None:
            return
        async with self._old_pair_lock:
            try:
                upload = await in_thread(self.io, partial(self.store.fetch, result.message.reference))
            except UploadMissing:
                return  # the upload expired: there is no picture to train on
            if isinstance(upload, RejectedUpload) or upload.etag != result.upload_etag:
                return  # overwritten since: the labels belong to another picture
            jpeg = await in_thread(self.io, partial(self._dataset_jpeg, upload.data))
            await self._save_pair(result, jpeg)

    def _dataset_jpeg(self, data: bytes) -> bytes | None:
        jpeg = decode(data, max_pixels=self.max_pixels).for_dataset()
        return None if jpeg == data else jpeg


async def _nothing_to_do() -> bool:
    return True
