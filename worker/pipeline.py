"""The way of a photo through the worker: fetch, decode, infer, decide, store; then settlement.py tells and teaches.

    tickets ─► queue ─► photos_at_once consumers ─► io threads:    fetch, store, save pairs
                                                 └► model threads: decode, infer

Waits for S3 overlap with the model, and memory is bounded: at most `photos_at_once` uploads are held as bytes, and at
most `model_threads` of them as pixels. Photos that were just taken go before those that a sweep found.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

from contracts.instants import now
from contracts.messages import LabelMessage, Model, Result, Status, Training
from contracts.names import Reference
from contracts.tickets import Ticket
from worker.attempts import MOST_TRIES, Attempts
from worker.decision import Decision, Thresholds, decide
from worker.detector import Detector
from worker.metrics import Metrics
from worker.outbox import Outbox
from worker.photo import PhotoRejected, decode, encode_jpeg
from worker.publisher import Publisher
from worker.settlement import Settlement, in_thread
from worker.store import Refused, Store, UploadMissing
from worker.sweep import without_result
from worker.timing import Stopwatch, Times, times_of

log = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000  # tickets, of about 300 bytes; what is refused is found by the sweep
MOST_SWEPT: Final = 1_000  # photos from one look
REMEMBERED: Final = 10_000  # photos decided lately: doubled events come within minutes


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the pipeline must know besides its parts."""

    instance_id: str
    thresholds: Thresholds
    label_ttl: timedelta
    max_pixels: int
    photos_at_once: int
    model_threads: int
    most_waiting: int = MOST_WAITING


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a list of tickets: `accepted` will be looked at, `duplicates` are or were, `refused` didn't fit.

    The photos of refused tickets are in S3, and the sweep will find them.
    """

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    """A ticket in the queue, before others in the order of its first two fields. None is the word to go home."""

    swept: bool
    place: int
    ticket: Ticket | None = field(default=None, compare=False)
    received_at: datetime = field(default_factory=now, compare=False)
    watch: Stopwatch = field(default_factory=Stopwatch, compare=False)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The decision about a picture, and the picture as JPEG where the dataset can't take the upload itself."""

    decision: Decision
    jpeg: bytes | None = None


class Pipeline:
    """Turns tickets into stored results and published labels. One a process; methods belong to its event loop."""

    def __init__(
        self,
        *,
        rules: Rules,
        detector: Detector,
        store: Store,
        publisher: Publisher,
        outbox: Outbox,
        attempts: Attempts,
        metrics: Metrics,
    ) -> None:
        self.detector = detector
        self._rules = rules
        self._store = store
        self._attempts = attempts
        self._metrics = metrics
        self._io = ThreadPoolExecutor(2 * rules.photos_at_once, thread_name_prefix="s3")
        self._model = ThreadPoolExecutor(rules.model_threads, thread_name_prefix="model")
        self._settlement = Settlement(
            store=store, publisher=publisher, outbox=outbox, metrics=metrics, io=self._io, max_pixels=rules.max_pixels
        )
        self._queue: asyncio.PriorityQueue[_Waiting] = asyncio.PriorityQueue()
        self._places = itertools.count()
        self._in_hand: set[Reference] = set()  # queued or being worked on
        self._decided: OrderedDict[Reference, None] = OrderedDict()
        self._one_suspect = asyncio.Lock()
        self._consumers: list[asyncio.Task[None]] = []
        metrics.waiting.set_function(lambda: self.waiting)

    @property
    def waiting(self) -> int:
        """How many tickets wait for their turn."""
        return self._queue.qsize()

    @property
    def busy(self) -> bool:
        """Whether any photo waits, is in hand, or is decided and not all told."""
        return bool(self._in_hand or self._settlement.open)

    def start(self) -> None:
        """Begin to work on tickets."""
        self._consumers = [
            asyncio.create_task(self._consume(), name=f"consumer-{number}")
            for number in range(self._rules.photos_at_once)
        ]

    async def stop(self, *, patience_s: float) -> None:
        """Finish the photos in hand and tell their kiosks, for at most `patience_s`; forget what only waits."""
        deadline = time.monotonic() + patience_s
        if forgotten := self.waiting:
            log.info("stopping: %d photos are left for the next sweep", forgotten)
        while not self._queue.empty():
            self._queue.get_nowait()
        for _ in self._consumers:
            self._queue.put_nowait(_Waiting(True, next(self._places)))
        await _ended(self._consumers, deadline)
        await _ended(self._settlement.open, deadline)  # after the consumers, who add to it until their end
        self._io.shutdown(wait=False, cancel_futures=True)
        self._model.shutdown(wait=False, cancel_futures=True)

    def submit(self, tickets: Iterable[Ticket], *, swept: bool = False) -> Submission:
        """Queue the photos that are not in hand, decided or given up, as far as they fit."""
        accepted = duplicates = refused = 0
        for ticket in tickets:
            reference = ticket.reference
            if reference in self._in_hand or reference in self._decided or self._attempts.is_given_up(reference):
                duplicates += 1
            elif self.waiting >= self._rules.most_waiting:
                refused += 1
            else:
                self._queue.put_nowait(_Waiting(swept, next(self._places), ticket))
                self._in_hand.add(reference)
                accepted += 1
        self._metrics.duplicates.inc(duplicates)
        return Submission(accepted, duplicates, refused)

    async def sweep(self) -> int:
        """Queue the uploads that have no result; how many there were that nobody worked on."""

        def look() -> list[Reference]:
            forgotten = without_result(self._store.uploads(), self._store.results_from)
            return list(islice((one for one in forgotten if not self._attempts.is_given_up(one)), MOST_SWEPT))

        found = [Ticket(one) for one in await in_thread(self._io, look) if one not in self._in_hand]
        submission = self.submit(found, swept=True)
        if submission.accepted:
            self._metrics.swept.inc(submission.accepted)
            log.info("sweep: %d uploads had no result and are looked at now", submission.accepted)
        return submission.accepted

    async def recover(self) -> None:
        """Settle what was decided and did not all go out, by this process or one before it."""
        for result, told in self._settlement.left_over():
            reference = result.message.reference
            if reference in self._in_hand:
                continue
            self._in_hand.add(reference)  # a ticket for it must not come in between
            try:
                await self._settlement.resume(result, told=told)
            except Exception as error:
                self._metrics.failures.labels(type(error).__name__).inc()
                log.exception("%s can't be settled now; the next sweep tries again", reference)
            finally:
                self._in_hand.discard(reference)

    async def _consume(self) -> None:
        while (waiting := await self._queue.get()).ticket is not None:
            reference = waiting.ticket.reference
            with self._metrics.in_hand.track_inprogress():
                try:
                    await self._work(waiting.ticket, waiting.received_at, waiting.watch)
                except UploadMissing as error:
                    log.warning("%s", error)
                except Exception as error:  # nothing is lost: without a result the sweep finds it again
                    self._metrics.failures.labels(type(error).__name__).inc()
                    log.exception("%s failed; a later sweep tries again", reference)
                finally:
                    self._in_hand.discard(reference)

    async def _work(self, ticket: Ticket, received_at: datetime, watch: Stopwatch) -> None:
        reference, detector = ticket.reference, self.detector
        watch.lap("wait")
        upload = await in_thread(self._io, partial(self._store.fetch, reference))
        watch.lap("fetch")
        if isinstance(upload, Refused):
            seen = _Seen(_rejected(reference, upload.rejection))
        else:
            seen = await self._look(reference, upload.data, detector, watch)
        watch.lap("label")
        times = times_of(ticket, last_modified=upload.uploaded_at, received_at=received_at)
        result = Result(
            message=self._message(reference, seen.decision, detector.model, times, watch),
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
            self._count(result, watch)
            await self._settlement.begin(result, seen.jpeg)
        else:
            # Somebody decided it before: a doubled event, another worker, an older upload under the same key.
            self._settlement.drop(reference)
            self._metrics.duplicates.inc()

    async def _look(self, reference: Reference, data: bytes, detector: Detector, watch: Stopwatch) -> _Seen:
        async with self._alone_if_suspect(reference):
            tries = self._attempts.begin(reference)
            try:
                seen = await in_thread(self._model, partial(self._see, reference, data, detector, watch))
            except Exception:
                if tries >= MOST_TRIES:
                    self._metrics.given_up.inc()
                    log.error("%s broke the model %d times; this worker does not try it again", reference, tries)
                raise
            self._attempts.succeed(reference)
            return seen

    @contextlib.asynccontextmanager
    async def _alone_if_suspect(self, reference: Reference) -> AsyncIterator[None]:
        if self._attempts.is_suspect(reference):
            async with self._one_suspect:
                yield
        else:
            yield

    def _see(self, reference: Reference, data: bytes, detector: Detector, watch: Stopwatch) -> _Seen:
        watch.lap("wait")
        try:
            photo = decode(data, max_pixels=self._rules.max_pixels)
        except PhotoRejected as rejection:
            return _Seen(_rejected(reference, rejection))
        finally:
            watch.lap("decode")
        [detections] = detector.detect([photo.image])
        watch.lap("infer")
        decision = decide(reference, detections, self._rules.thresholds)
        turned = decision.training is not Training.NONE and not photo.upright_jpeg
        return _Seen(decision, encode_jpeg(photo.image) if turned else None)

    def _message(
        self, reference: Reference, decision: Decision, model: Model, times: Times, watch: Stopwatch
    ) -> LabelMessage:
        steps = {"upload": times.upload_ms, "dispatch": times.dispatch_ms}
        steps |= {step: 1e3 * seconds for step, seconds in watch.seconds.items()}
        return LabelMessage(
            reference=reference,
            status=decision.status,
            label=decision.label,
            confidence=decision.confidence,
            reason=decision.reason,
            people=decision.people,
            customer=decision.customer,
            model=model,
            captured_at=times.captured_at,
            expires_at=times.uploaded_at + self._rules.label_ttl,
            steps_ms={step: round(ms, 1) for step, ms in steps.items() if ms is not None},
        )

    def _count(self, result: Result, watch: Stopwatch) -> None:
        message = result.message
        self._metrics.photos.labels(message.status, message.reason or "").inc()
        self._metrics.training.labels(result.training).inc()
        for step, seconds in watch.seconds.items():
            self._metrics.step.labels(step).observe(seconds)

    def _remember(self, reference: Reference) -> None:
        self._decided[reference] = None
        if len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)


def _rejected(reference: Reference, rejection: PhotoRejected) -> Decision:
    log.info("%s is rejected: %s", reference, rejection)
    return Decision(Status.REJECTED, reason=rejection.reason)


async def _ended(tasks: Iterable[asyncio.Task[None]], deadline: float) -> None:
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
