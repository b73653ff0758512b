"""The way of a photo through the worker: fetch, look, store; then settlement.py tells and teaches.

    tickets ─► line ─► photos_at_once consumers ─► io threads:    fetch, store, save pairs
    (line.py)                                   └► model threads: decode, infer (examiner.py)

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
from contracts.messages import Result
from contracts.names import Reference
from contracts.tickets import Ticket
from worker.models.detector import Detector
from worker.photos.decision import Thresholds
from worker.photos.delivery import ResultDelivery
from worker.photos.examiner import Examined, Examiner, PoisonPhoto, rejected
from worker.photos.label_message import label_message
from worker.photos.pending import PendingPhoto, PendingPhotos, PhotoOutcome
from worker.photos.publisher import Publisher
from worker.photos.store import OversizedUpload, Store, UploadMissing
from worker.photos.timing import times_of
from worker.recovery.outbox import Outbox
from worker.recovery.poison import AttemptCounter
from worker.recovery.sweep import find_unanswered
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000  # tickets, of about 300 bytes; what is refused is found by the sweep
REMEMBERED: Final = 10_000  # photos decided lately: doubled events come within minutes


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineSettings:
    """What the pipeline must know besides its parts.

    `sweep_older_than`: what is younger when a sweep finds it is left to the queue, which gives it to one worker only.
    """

    instance_id: str
    thresholds: Thresholds
    label_ttl: timedelta
    max_pixels: int
    photos_at_once: int
    model_threads: int
    most_waiting: int = MOST_WAITING
    sweep_older_than: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a list of tickets: `accepted` will be looked at, `duplicates` are or were, `refused` didn't fit.

    The photos of refused tickets are in S3, and the sweep will find them.
    """

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0


class Pipeline:
    """Turns tickets into stored results and published labels. One a process; methods belong to its event loop."""

    def __init__(
        self,
        *,
        rules: PipelineSettings,
        detector: Detector,
        store: Store,
        publisher: Publisher,
        outbox: Outbox,
        attempts: AttemptCounter,
        metrics: Metrics,
    ) -> None:
        self.detector = detector
        self._rules = rules
        self._store = store
        self._metrics = metrics
        self._io = ThreadPoolExecutor(2 * rules.photos_at_once, thread_name_prefix="s3")
        self._examiner = Examiner(
            thresholds=rules.thresholds,
            max_pixels=rules.max_pixels,
            threads=rules.model_threads,
            attempts=attempts,
            metrics=metrics,
        )
        self._settlement = ResultDelivery(
            store=store, publisher=publisher, outbox=outbox, metrics=metrics, io=self._io, max_pixels=rules.max_pixels
        )
        self._line = PendingPhotos()
        self._decided: OrderedDict[Reference, None] = OrderedDict()
        self._consumers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._shared = bool(rules.sweep_older_than)  # other workers may be at the same photos
        metrics.waiting.set_function(lambda: self.waiting)

    @property
    def waiting(self) -> int:
        """How many photos wait for their turn."""
        return self._line.waiting

    @property
    def busy(self) -> bool:
        """Whether any photo waits, is in hand, or is decided and not all told."""
        return bool(len(self._line) or self._settlement.open)

    def start(self) -> None:
        """Begin to work on tickets."""
        self._consumers = [
            asyncio.create_task(self._consume(), name=f"consumer-{number}")
            for number in range(self._rules.photos_at_once)
        ]

    async def stop(self, *, patience_s: float) -> None:
        """Finish the photos in hand and tell their kiosks, for at most `patience_s`; release what only waits."""
        deadline = time.monotonic() + patience_s
        self._stopping = True
        left = self._line.close(len(self._consumers))
        for photo in left:
            photo.end(PhotoOutcome.RELEASED)
        if left:
            log.info("stopping: %d photos are left to other workers, or to the next sweep", len(left))
        await _ended(self._consumers, deadline)
        await _ended(self._settlement.open, deadline)  # after the consumers, who add to it until their end
        self._io.shutdown(wait=False, cancel_futures=True)
        self._examiner.close()

    def submit(self, tickets: Iterable[Ticket], *, swept: bool = False) -> Submission:
        """Let the photos wait that are not in hand, decided or given up, as far as they fit."""
        accepted = duplicates = refused = 0
        for ticket in tickets:
            reference = ticket.reference
            if reference in self._line or reference in self._decided or self._examiner.gave_up(reference):
                duplicates += 1
            elif self._stopping or self.waiting >= self._rules.most_waiting:
                refused += 1
            else:
                self._line.add(PendingPhoto(ticket=ticket, swept=swept, perhaps_done=swept and self._shared))
                accepted += 1
        self._metrics.duplicates.inc(duplicates)
        return Submission(accepted, duplicates, refused)

    def hand_in(self, ticket: Ticket, *, again: bool) -> asyncio.Future[PhotoOutcome]:
        """Let the photo wait whatever is known about it; what became of it, for whoever must know that it is settled.

        `again`: it was handed out before, to somebody who did not say what became of it.
        """
        reference = ticket.reference
        photo = self._line.get(reference)
        if photo is not None:
            self._metrics.duplicates.inc()
            self._line.hurry(photo)
            return photo.outcome
        known = reference in self._decided or self._examiner.gave_up(reference)
        photo = PendingPhoto(ticket=ticket, perhaps_done=again or known)
        if self._stopping:
            photo.end(PhotoOutcome.RELEASED)
        else:
            self._line.add(photo)
        return photo.outcome

    async def room(self) -> int:
        """Wait until there is room for a fresh photo; for how many. Nothing needs to wait for its turn then."""
        return await self._line.fewer_than(self._rules.photos_at_once)

    async def sweep(self) -> int:
        """Let the uploads wait that have no result; how many those are, or those that wait for too long in any case."""
        look = partial(
            find_unanswered, self._store, older_than=self._rules.sweep_older_than, without=self._examiner.gave_up
        )
        found = await in_thread(self._io, look)
        self._metrics.forgotten.set(found.forgotten)
        references = [one for one in found.references if one not in self._line]
        if self._shared:
            random.shuffle(references)  # other workers may have found the same: each begins elsewhere
        submission = self.submit(map(Ticket, references), swept=True)
        if submission.accepted:
            self._metrics.swept.inc(submission.accepted)
            log.info("sweep: %d uploads had no result and are looked at now", submission.accepted)
        return max(submission.accepted, found.forgotten)

    async def recover(self) -> None:
        """Settle what was decided and did not all go out, by this process or one before it."""
        for reference in await in_thread(self._io, self._settlement.left_over):
            if reference in self._line:
                continue
            photo = PendingPhoto(ticket=Ticket(reference), swept=True)
            self._line.hold(photo)  # a ticket for it must not come in between
            settling = None
            try:
                settling = await self._settlement.resume(reference)
            except Exception as error:
                self._metrics.failures.labels(type(error).__name__).inc()
                log.exception("%s can't be settled now; a later look tries again", reference)
            finally:
                self._line.leave(photo)
                photo.end_with(settling, PhotoOutcome.FAILED)

    async def _consume(self) -> None:
        while (photo := await self._line.next()) is not None:
            settling, otherwise = None, PhotoOutcome.FAILED
            with self._metrics.in_hand.track_inprogress():
                try:
                    settling = await self._work(photo)
                except UploadMissing as error:
                    otherwise = PhotoOutcome.MISSING
                    log.warning("%s", error)
                except PoisonPhoto as error:
                    log.warning("%s", error)
                except asyncio.CancelledError:
                    otherwise = PhotoOutcome.RELEASED
                    raise
                except Exception as error:  # nothing is lost: without a result it is found again
                    self._metrics.failures.labels(type(error).__name__).inc()
                    log.exception("%s failed; a later look tries again", photo.reference)
                finally:
                    self._line.leave(photo)
                    photo.end_with(settling, otherwise)

    async def _work(self, photo: PendingPhoto) -> asyncio.Task[bool] | None:
        """Decide about the photo, unless somebody did; the task that settles it, None if it can't be settled."""
        reference, detector, watch = photo.reference, self.detector, photo.watch
        # What is open is never decided anew: its place in the outbox would be lost, and its label with it.
        if photo.perhaps_done or self._settlement.is_open(reference):
            settling = await self._settlement.follow(reference)
            if settling is not None:
                self._metrics.duplicates.inc()
                return settling
        watch.lap("wait")
        upload = await in_thread(self._io, partial(self._store.fetch, reference))
        watch.lap("fetch")
        if isinstance(upload, OversizedUpload):
            seen = Examined(rejected(reference, upload.rejection))
        else:
            seen = await self._examiner.look(reference, upload.data, detector, watch)
        watch.lap("label")
        times = times_of(photo.ticket, last_modified=upload.uploaded_at, received_at=photo.received_at)
        result = Result(
            message=label_message(
                reference,
                seen.decision,
                detector.model,
                times,
                watch,
                expires_at=times.uploaded_at + self._rules.label_ttl,
            ),
            training=seen.decision.training,
            instance_id=self._rules.instance_id,
            upload_etag=upload.etag,
            decided_at=now(),
        )
        self._settlement.intend(result)
        stored = await in_thread(self._io, partial(self._store.save_result, reference, result.to_json()))
        watch.lap("store")
        self._remember(reference)
        # "There is one already" may be our own: written by a request whose answer was lost, and which was sent again.
        if stored or await self._settlement.is_stored(result):
            self._metrics.decided(result, watch.seconds)
            return await self._settlement.begin(result, seen.jpeg)
        # Somebody decided it before: a doubled event, another worker, an older upload under the same key.
        self._settlement.drop(reference)
        self._metrics.duplicates.inc()
        return await self._settlement.follow(reference)

    def _remember(self, reference: Reference) -> None:
        self._decided[reference] = None
        if len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)


async def _ended(tasks: Iterable[asyncio.Task[Any]], deadline: float) -> None:
    """Wait for the tasks until the deadline; cancel those that are open then."""
    remaining = list(tasks)
    if not remaining:
        return
    _, unfinished = await asyncio.wait(remaining, timeout=max(0.0, deadline - time.monotonic()))
    if unfinished:
        log.warning("stopping: %d tasks did not end in time; the next start finds their photos", len(unfinished))
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
