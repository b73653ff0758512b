"""What follows a stored result: tell the kiosk, save the training pair, and only then forget.

Whatever fails stays in the outbox, and `resume` comes back to it: after the next sweep, or after a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from contracts.errors import InvalidMessage
from contracts.messages import DatasetTree, Result
from contracts.names import Reference
from worker.photos.decision import yolo_lines
from worker.photos.decoding import decode, encode_jpeg
from worker.photos.publisher import Publisher, PublishOutcome
from worker.photos.store import OversizedUpload, Store, UploadMissing
from worker.photos.timing import Stopwatch
from worker.recovery.outbox import Outbox
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)


class ResultDelivery:
    """Settles results in the background. One a process; methods belong to its event loop."""

    def __init__(
        self,
        *,
        store: Store,
        publisher: Publisher,
        outbox: Outbox,
        metrics: Metrics,
        io: ThreadPoolExecutor,
        max_pixels: int,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._outbox = outbox
        self._metrics = metrics
        self._io = io
        self._max_pixels = max_pixels
        self._settling: dict[Reference, asyncio.Task[bool]] = {}
        self._one_pair_again = asyncio.Lock()  # old pairs must not crowd out new photos, nor fill the memory

    @property
    def open(self) -> Collection[asyncio.Task[bool]]:
        """The results being settled."""
        return self._settling.values()

    def intend(self, result: Result) -> None:
        """Remember the result before it is stored, so that a crash after that forgets nothing."""
        try:
            self._outbox.put(result)
        except OSError:
            # The label matters more than its insurance: it still goes out, unless we crash just now.
            self._metrics.failures.labels("outbox").inc()
            log.exception("%s can't be noted in the outbox; is the disk full?", result.message.reference)

    def drop(self, reference: Reference) -> None:
        """The result was not stored: there is nothing to settle."""
        self._outbox.remove(reference)

    async def begin(self, result: Result, jpeg: bytes | None) -> asyncio.Task[bool]:
        """Settle in the background; returns when the training pair is saved, or has failed.

        `jpeg` is the picture for the dataset, None for the upload itself. The task tells whether all went out.
        """
        pair = asyncio.ensure_future(self._save_pair(result, jpeg))
        settling = self._settle_soon(result, pair, told=False)
        await asyncio.wait([pair])  # within the photo's turn, so that slow writes slow the reading down
        return settling

    async def follow(self, reference: Reference) -> asyncio.Task[bool] | None:
        """Settle what S3 holds for a photo, whoever decided it; None when there is no result.

        A kiosk is told by the worker that stored the result, and by no other: only that one's outbox knows whether it
        has been told. A training pair is written once, whoever tries, so it is saved here in case that worker died.
        """
        if (settling := self._settling.get(reference)) is not None:
            return settling
        try:
            result = await in_thread(self._io, partial(self._store.result, reference))
        except InvalidMessage:
            log.warning("%s has a result of a version that this worker can't read; it is left as it is", reference)
            return asyncio.create_task(_settled())
        if result is None:
            return None
        if (settling := self._settling.get(reference)) is not None:
            return settling
        ours = self._outbox.find(reference)
        told = ours is None or ours[0] != result or ours[1]
        pair = asyncio.ensure_future(self._save_pair_again(result))
        settling = self._settle_soon(result, pair, told=told)
        await asyncio.wait([pair])
        return settling

    def left_over(self) -> list[Reference]:
        """The photos that are decided and not settled, the oldest first."""
        return [result.message.reference for result, _ in self._outbox.left_over()]

    def is_open(self, reference: Reference) -> bool:
        """Whether something is still to do about a photo that this worker decided."""
        return reference in self._settling or self._outbox.find(reference) is not None

    async def resume(self, reference: Reference) -> asyncio.Task[bool] | None:
        """Settle what an earlier try, or an earlier process, left over, if it is S3's truth; None if it is not.

        The outbox is asked now: since it was listed, somebody may have brought the photo, and told its kiosk.
        """
        if (settling := self._settling.get(reference)) is not None:
            return settling
        if (entry := self._outbox.find(reference)) is None:
            return None
        result, told = entry
        if not await self.is_stored(result):
            self._outbox.remove(reference)  # it was never stored, or another worker was first: theirs counts
            return None
        log.info("%s was decided and not all of it went out; once more", reference)
        return self._settle_soon(result, asyncio.ensure_future(self._save_pair_again(result)), told=told)

    async def is_stored(self, result: Result) -> bool:
        """Whether this very result is what S3 holds for its photo."""
        try:
            return await in_thread(self._io, partial(self._store.result, result.message.reference)) == result
        except InvalidMessage:
            return False  # written by a version that we don't know: not by us

    def _settle_soon(self, result: Result, pair: Awaitable[None], *, told: bool) -> asyncio.Task[bool]:
        reference = result.message.reference
        task = asyncio.create_task(self._settle(result, pair, told=told), name=f"settle {reference}")
        self._settling[reference] = task
        task.add_done_callback(lambda _: self._settling.pop(reference, None))
        return task

    async def _settle(self, result: Result, pair: Awaitable[None], *, told: bool) -> bool:
        reference = result.message.reference
        try:
            if not told:
                await self._tell(result)
            await pair
            self._outbox.remove(reference)
        except Exception as error:
            self._metrics.failures.labels(type(error).__name__).inc()
            log.exception("%s is decided, but not all of it went out; a later look tries again", reference)
            return False
        return True

    async def _tell(self, result: Result) -> None:
        watch = Stopwatch()
        delivery = await self._publisher.publish(result.message)
        watch.lap("publish")
        self._metrics.deliveries.labels(delivery).inc()
        if delivery is PublishOutcome.DELIVERED:
            self._metrics.told(result.message, publish_s=watch.seconds["publish"])
        if result.training is not DatasetTree.NONE:
            self._outbox.told(result.message.reference)

    async def _save_pair(self, result: Result, jpeg: bytes | None) -> None:
        if result.training is DatasetTree.NONE:
            return
        save = partial(
            self._store.save_pair,
            result.message.reference,
            tree=result.training,
            etag=result.upload_etag,
            jpeg=jpeg,
            labels=yolo_lines(result.message.people),
        )
        await in_thread(self._io, save)

    async def _save_pair_again(self, result: Result) -> None:
        """As `_save_pair`, of a photo that is no longer in memory."""
        if result.training is DatasetTree.NONE:
            return
        async with self._one_pair_again:
            try:
                upload = await in_thread(self._io, partial(self._store.fetch, result.message.reference))
            except UploadMissing:
                return  # expired meanwhile: there is no picture left to learn from
            if isinstance(upload, OversizedUpload) or upload.etag != result.upload_etag:
                return  # overwritten since: the labels are not this picture's
            jpeg = await in_thread(self._io, partial(self._dataset_jpeg, upload.data))
            await self._save_pair(result, jpeg)

    def _dataset_jpeg(self, data: bytes) -> bytes | None:
        photo = decode(data, max_pixels=self._max_pixels)
        return None if photo.upright_jpeg else encode_jpeg(photo.image)


async def _settled() -> bool:
    return True
