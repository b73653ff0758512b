"""The stages of a photo in the worker, idempotent: fetch, examine, store; delivery.py publishes and saves its pair.

    tickets ─► pending photos ─► photos_at_once consumers ─► I/O threads:   fetch, store, save pairs
               (pending.py)                                └► model threads: decode, infer (examiner.py)

Waits for S3 overlap with the model, and memory is bounded: at most `photos_at_once` uploads are held as bytes, and at
most `model_threads` of them as pixels. Photos that were just taken go before those that a sweep found.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

from contracts.instants import now
from contracts.names import Reference
from contracts.tickets import Ticket
from worker.messages import result_of
from worker.models.detector import ImageModel
from worker.photos.delivery import ResultDelivery
from worker.photos.examiner import Examiner, PoisonPhoto
from worker.photos.pending import PendingPhoto, PendingPhotos, PhotoOutcome
from worker.photos.publisher import Publisher
from worker.photos.store import RejectedUpload, Store, UploadMissing
from worker.photos.task import Task
from worker.photos.timing import times_of
from worker.recovery.outbox import Outbox
from worker.recovery.poison import AttemptCounter
from worker.recovery.sweep import find_unanswered
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000  # tickets, of about 300 bytes; the sweep finds the photos of refused ones
REMEMBERED: Final = 10_000  # photos decided lately: duplicate events come within minutes


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineSettings:
    """The pipeline's settings.

    `sweep_older_than`: the sweep leaves younger uploads to the queue, which delivers each to one worker only.
    `keeps_uploads`: whether uploads stay after their answer; otherwise a sweep deletes those that were left.
    """

    instance_id: str
    task: Task
    label_ttl: timedelta
    max_pixels: int
    photos_at_once: int
    model_threads: int
    max_waiting: int = MAX_WAITING
    sweep_older_than: timedelta = timedelta(0)
    keeps_uploads: bool = True


@dataclass(frozen=True, slots=True)
class Submission:
    """How many tickets were `accepted`, are `duplicates` of photos in hand or decided, were `refused` for lack of room.

    The photos of refused tickets are in S3, and the sweep finds them.
    """

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0


class Pipeline:
    """Turns tickets into stored results and published labels. One a process; methods belong to its event loop."""

    def __init__(
        self,
        *,
        settings: PipelineSettings,
        detector: ImageModel,
        store: Store,
        publisher: Publisher,
        outbox: Outbox,
        attempts: AttemptCounter,
        metrics: Metrics,
    ) -> None:
        self.detector = detector
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._io = ThreadPoolExecutor(2 * settings.photos_at_once, thread_name_prefix="s3")
        self._examiner = Examiner(
            task=settings.task,
            max_pixels=settings.max_pixels,
            threads=settings.model_threads,
            attempts=attempts,
            metrics=metrics,
        )
        self._delivery = ResultDelivery(
            task=settings.task,
            store=store,
            publisher=publisher,
            outbox=outbox,
            metrics=metrics,
            io=self._io,
            max_pixels=settings.max_pixels,
            keeps_uploads=settings.keeps_uploads,
        )
        self._pending = PendingPhotos()
        self._decided: OrderedDict[Reference, None] = OrderedDict()
        self._consumers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._shared = bool(settings.sweep_older_than)  # other workers may process the same photos
        metrics.waiting.set_function(lambda: self.waiting)

    @property
    def waiting(self) -> int:
        """How many photos wait."""
        return self._pending.waiting

    @property
    def busy(self) -> bool:
        """Whether any photo waits, is being processed, or is being delivered."""
        return bool(len(self._pending) or self._delivery.tasks)

    def start(self) -> None:
        """Start the consumers."""
        self._consumers = [
            asyncio.create_task(self._consume(), name=f"consumer-{number}")
            for number in range(self._settings.photos_at_once)
        ]

    async def stop(self, *, timeout_s: float) -> None:
        """Graceful shutdown: finish the photos in flight within `timeout_s`, release those that only wait."""
        deadline = time.monotonic() + timeout_s
        self._stopping = True
        waiting = self._pending.close(len(self._consumers))
        for photo in waiting:
            photo.end(PhotoOutcome.RELEASED)
        if waiting:
            log.info("stopping: %d waiting photos are left to other workers, or to the next sweep", len(waiting))
        await _ended(self._consumers, deadline)
        await _ended(self._delivery.tasks, deadline)  # after the consumers, which add to them until they end
        self._io.shutdown(wait=False, cancel_futures=True)
        self._examiner.close()

    def submit(self, tickets: Iterable[Ticket], *, from_sweep: bool = False) -> Submission:
        """Queue the photos that are not in hand, decided or given up, as far as they fit."""
        accepted = duplicates = refused = 0
        for ticket in tickets:
            reference = ticket.reference
            to_delete = from_sweep and not self._settings.keeps_uploads
            decided = reference in self._decided and not to_delete
            if decided or reference in self._pending or self._examiner.gave_up(reference):
                duplicates += 1
            elif self._stopping or self.waiting >= self._settings.max_waiting:
                refused += 1
            else:
                answered = to_delete or (from_sweep and self._shared)
                self._pending.add(PendingPhoto(ticket=ticket, from_sweep=from_sweep, may_have_result=answered))
                accepted += 1
        self._metrics.duplicates.inc(duplicates)
        return Submission(accepted, duplicates, refused)

    def enqueue(self, ticket: Ticket, *, redelivered: bool) -> asyncio.Future[PhotoOutcome]:
        """Queue the photo even if it was decided; the future gets its outcome.

        `redelivered`: the queue delivered it before, to a worker that did not delete the message.
        """
        reference = ticket.reference
        photo = self._pending.get(reference)
        if photo is not None:
            self._metrics.duplicates.inc()
            self._pending.prioritise(photo)
            return photo.outcome
        known = reference in self._decided or self._examiner.gave_up(reference)
        photo = PendingPhoto(ticket=ticket, may_have_result=redelivered or known)
        if self._stopping:
            photo.end(PhotoOutcome.RELEASED)
        else:
            self._pending.add(photo)
        return photo.outcome

    async def free_slots(self) -> int:
        """Wait until a fresh photo could start at once; return how many could."""
        return await self._pending.free_slots(self._settings.photos_at_once)

    async def sweep(self) -> int:
        """Queue the uploads that have no result; returns how many were queued, or how many are forgotten if more.

        Where uploads are not kept, every upload: of one that has a result, nothing is left to do but to delete it.
        """
        find = partial(
            find_unanswered,
            self._store,
            older_than=self._settings.sweep_older_than,
            without=self._examiner.gave_up,
            answered_too=not self._settings.keeps_uploads,
        )
        swept = await in_thread(self._io, find)
        self._metrics.forgotten.set(swept.forgotten)
        references = [reference for reference in swept.references if reference not in self._pending]
        if self._shared:
            random.shuffle(references)  # other workers may find the same: each starts elsewhere
        submission = self.submit(map(Ticket, references), from_sweep=True)
        if submission.accepted:
            self._metrics.swept.inc(submission.accepted)
            log.info("sweep: %d uploads are queued: without a result, or not deleted yet", submission.accepted)
        return max(submission.accepted, swept.forgotten)

    async def recover(self) -> None:
        """Resume the deliveries that failed, in this process or the one before it."""
        for reference in await in_thread(self._io, self._delivery.undelivered):
            if reference in self._pending:
                continue
            photo = PendingPhoto(ticket=Ticket(reference), from_sweep=True)
            self._pending.hold(photo)  # so that a ticket for it does not start it meanwhile
            delivery = None
            try:
                delivery = await self._delivery.resume(reference)
            except Exception as error:
                self._metrics.failures.labels(type(error).__name__).inc()
                log.exception("the delivery of %s can't be resumed now; it is tried again later", reference)
            finally:
                self._pending.remove(photo)
                photo.end_with(delivery, PhotoOutcome.FAILED)

    async def _consume(self) -> None:
        while (photo := await self._pending.next()) is not None:
            delivery, otherwise = None, PhotoOutcome.FAILED
            with self._metrics.in_hand.track_inprogress():
                try:
                    delivery = await self._process(photo)
                except UploadMissing as error:
                    otherwise = PhotoOutcome.MISSING
                    # Where uploads are not kept, a second ticket for an answered photo finds nothing.
                    log.log(logging.WARNING if self._settings.keeps_uploads else logging.INFO, "%s", error)
                except PoisonPhoto as error:
                    log.warning("%s", error)
                except asyncio.CancelledError:
                    otherwise = PhotoOutcome.RELEASED
                    raise
                except Exception as error:  # the photo is not lost: the sweep or the queue brings it again
                    self._metrics.failures.labels(type(error).__name__).inc()
                    log.exception("%s failed; it is tried again later", photo.reference)
                finally:
                    self._pending.remove(photo)
                    photo.end_with(delivery, otherwise)

    async def _process(self, photo: PendingPhoto) -> asyncio.Task[bool] | None:
        """Decide about the photo, unless it has a result; the delivery task, None if there is nothing to deliver."""
        reference, detector, stopwatch = photo.reference, self.detector, photo.stopwatch
        # An undelivered photo is never decided anew: that would overwrite its result in the outbox, and lose its label.
        if photo.may_have_result or self._delivery.is_undelivered(reference):
            delivery = await self._delivery.deliver_stored(reference)
            if delivery is not None:
                self._metrics.duplicates.inc()
                return delivery
        stopwatch.lap("wait")
        upload = await in_thread(self._io, partial(self._store.fetch, reference))
        stopwatch.lap("fetch")
        if isinstance(upload, RejectedUpload):
            examined = self._examiner.rejected(reference, upload.rejection)
        else:
            examined = await self._examiner.examine(reference, upload.data, upload.inputs, detector, stopwatch)
        stopwatch.lap("label")
        times = times_of(photo.ticket, last_modified=upload.uploaded_at, received_at=photo.received_at)
        message = examined.decision.to_message(
            reference,
            detector.model,
            times,
            step_seconds=stopwatch.seconds,
            expires_at=times.uploaded_at + self._settings.label_ttl,
        )
        result = result_of(
            message,
            examined.decision.training,
            instance_id=self._settings.instance_id,
            upload_etag=upload.etag,
            decided_at=now(),
        )
        self._delivery.record(result)
        stored = await in_thread(self._io, partial(self._store.save_result, reference, result.to_json()))
        stopwatch.lap("store")
        self._remember(reference)
        # The result that exists may be this one: written by a request whose response was lost, and which was retried.
        if stored or await self._delivery.is_stored(result):
            self._metrics.decided(result, stopwatch.seconds)
            return await self._delivery.start(result, examined.jpeg, examined.pictures)
        # Decided before: a duplicate event, another worker, an older upload under the same key.
        self._delivery.discard(reference)
        self._metrics.duplicates.inc()
        return await self._delivery.deliver_stored(reference)

    def _remember(self, reference: Reference) -> None:
        self._decided[reference] = None
        if len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)


async def _ended(tasks: Iterable[asyncio.Task[Any]], deadline: float) -> None:
    """Wait for the tasks until the deadline; cancel those that still run."""
    remaining = list(tasks)
    if not remaining:
        return
    _, unfinished = await asyncio.wait(remaining, timeout=max(0.0, deadline - time.monotonic()))
    if unfinished:
        log.warning("stopping: %d tasks did not end in time; the next start finds their photos", len(unfinished))
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
