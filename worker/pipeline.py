"""The way of a photo through the worker: fetch, decode, infer, decide, store, then publish and auto-label.

    tickets ─► queue ─► photos_at_once consumers ─► io threads:    fetch, store, save_pair
                                                 └► model threads: decode, infer
                                                 └► a task each:   publish (may outlast its photo's turn)

Waits for S3 overlap with the model, and memory is bounded: at most `photos_at_once` uploads are held as bytes, and at
most `model_threads` of them as pixels.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from contracts.instants import now
from contracts.messages import LabelMessage, Model, Result, Status, Training
from contracts.names import Reference
from contracts.tickets import Ticket
from worker.decision import Decision, Thresholds, decide, yolo_lines
from worker.detector import Detector
from worker.metrics import Metrics
from worker.outbox import Outbox
from worker.photo import PhotoRejected, decode, encode_jpeg
from worker.publisher import Publisher
from worker.store import Refused, Store, UploadMissing
from worker.sweep import without_result
from worker.timing import Stopwatch, Times, times_of

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_WAITING: Final = 10_000  # tickets, of about 300 bytes; what is refused is found by the sweep
MOST_TRIES: Final = 5  # of one photo by one process: a photo that breaks the model must not be tried for ever
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
        metrics: Metrics,
    ) -> None:
        self.detector = detector
        self._rules = rules
        self._store = store
        self._publisher = publisher
        self._outbox = outbox
        self._metrics = metrics
        self._queue: asyncio.Queue[tuple[Ticket, datetime, Stopwatch] | None] = asyncio.Queue()
        self._in_hand: set[Reference] = set()  # queued or being worked on
        self._decided: OrderedDict[Reference, None] = OrderedDict()
        self._tries: dict[Reference, int] = {}
        self._settling: dict[Reference, asyncio.Task[None]] = {}
        self._consumers: list[asyncio.Task[None]] = []
        self._io = ThreadPoolExecutor(2 * rules.photos_at_once, thread_name_prefix="s3")
        self._model = ThreadPoolExecutor(rules.model_threads, thread_name_prefix="model")
        metrics.waiting.set_function(lambda: self.waiting)

    @property
    def waiting(self) -> int:
        """How many tickets wait for their turn."""
        return self._queue.qsize()

    @property
    def busy(self) -> bool:
        """Whether any photo waits, is in hand, or is decided and not all told."""
        return bool(self._in_hand or self._settling)

    def start(self) -> None:
        """Begin to work on tickets."""
        self._consumers = [
            asyncio.create_task(self._consume(), name=f"consumer-{number}")
            for number in range(self._rules.photos_at_once)
        ]

    async def stop(self, *, patience_s: float) -> None:
        """Finish the photos in hand and tell their kiosks, for at most `patience_s`; forget what only waits."""
        forgotten = 0
        while not self._queue.empty():
            self._queue.get_nowait()
            forgotten += 1
        if forgotten:
            log.info("stopping: %d photos are left for the next sweep", forgotten)
        for _ in self._consumers:
            self._queue.put_nowait(None)
        open_tasks = [*self._consumers, *self._settling.values()]
        if open_tasks:
            await asyncio.wait(open_tasks, timeout=patience_s)
        if unfinished := [task for task in [*self._consumers, *self._settling.values()] if not task.done()]:
            log.warning(
                "stopping: %d tasks did not end in %g s; the next start finds them", len(unfinished), patience_s
            )
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        self._io.shutdown(wait=False, cancel_futures=True)
        self._model.shutdown(wait=False, cancel_futures=True)

    def submit(self, tickets: Iterable[Ticket]) -> Submission:
        """Queue the photos that are not in hand or decided, as far as they fit."""
        accepted = duplicates = refused = 0
        received_at = now()
        for ticket in tickets:
            if ticket.reference in self._in_hand or ticket.reference in self._decided:
                duplicates += 1
            elif self.waiting >= self._rules.most_waiting:
                refused += 1
            else:
                self._queue.put_nowait((ticket, received_at, Stopwatch()))
                self._in_hand.add(ticket.reference)
                accepted += 1
        self._metrics.duplicates.inc(duplicates)
        return Submission(accepted, duplicates, refused)

    async def sweep(self) -> int:
        """Queue the uploads that have no result; how many there were that nobody worked on."""

        def look() -> list[Reference]:
            forgotten = without_result(self._store.uploads(), self._store.results())
            return list(islice((one for one in forgotten if self._tries.get(one, 0) < MOST_TRIES), MOST_SWEPT))

        found = await self._in_thread(self._io, look)
        submission = self.submit(Ticket(reference) for reference in found)
        if submission.accepted:
            self._metrics.swept.inc(submission.accepted)
            log.info("sweep: %d uploads had no result and are looked at now", submission.accepted)
        return submission.accepted

    async def recover(self) -> None:
        """Finish what was decided and did not all go out, by this process or one before it."""
        for result, told in self._outbox.left_over():
            reference = result.message.reference
            if reference in self._in_hand or reference in self._settling:
                continue
            if await self._in_thread(self._io, partial(self._store.result, reference)) != result:
                self._outbox.remove(reference)  # it was never stored, or another worker was first: theirs counts
                continue
            log.info("%s was decided and not all of it went out; once more", reference)
            self._remember(reference)
            self._settle_soon(result, asyncio.ensure_future(self._save_pair_again(result)), told=told)

    async def _consume(self) -> None:
        while (entry := await self._queue.get()) is not None:
            ticket, received_at, watch = entry
            with self._metrics.in_hand.track_inprogress():
                try:
                    await self._work(ticket, received_at, watch)
                except UploadMissing as error:
                    log.warning("%s", error)
                except Exception as error:  # noqa: BLE001 - nothing is lost: without a result the sweep finds it again
                    self._failed(ticket.reference, error)
                finally:
                    self._in_hand.discard(ticket.reference)

    def _failed(self, reference: Reference, error: Exception) -> None:
        self._metrics.failures.labels(type(error).__name__).inc()
        tries = self._tries[reference] = self._tries.get(reference, 0) + 1
        if tries < MOST_TRIES:
            log.exception("%s failed (try %d of %d); a later sweep tries again", reference, tries, MOST_TRIES)
        else:
            self._metrics.given_up.inc()
            log.exception("%s failed %d times and is given up until the worker restarts", reference, tries)

    async def _work(self, ticket: Ticket, received_at: datetime, watch: Stopwatch) -> None:
        reference, detector = ticket.reference, self.detector
        watch.lap("wait")
        upload = await self._in_thread(self._io, lambda: self._store.fetch(reference))
        watch.lap("fetch")
        if isinstance(upload, Refused):
            seen = _Seen(_rejected(reference, upload.rejection))
        else:
            data = upload.data
            seen = await self._in_thread(self._model, lambda: self._see(reference, data, detector, watch))
        watch.lap("label")
        times = times_of(ticket, last_modified=upload.uploaded_at, received_at=received_at)
        result = Result(
            message=self._message(reference, seen.decision, detector.model, times, watch),
            training=seen.decision.training,
            instance_id=self._rules.instance_id,
            upload_etag=upload.etag,
            decided_at=now(),
        )
        self._outbox.put(result)
        stored = await self._in_thread(self._io, lambda: self._store.save_result(reference, result.to_json()))
        watch.lap("store")
        self._remember(reference)
        if not stored:
            # Somebody decided it before: a doubled event, another worker, an older upload under the same key.
            self._outbox.remove(reference)
            self._metrics.duplicates.inc()
            return
        self._count(result, watch)
        pair = asyncio.ensure_future(self._save_pair(result, seen.jpeg))
        self._settle_soon(result, pair, told=False)
        await asyncio.wait([pair])  # within the photo's turn, so that slow writes slow the reading down

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

    def _settle_soon(self, result: Result, pair: Awaitable[None], *, told: bool) -> None:
        reference = result.message.reference
        task = asyncio.create_task(self._settle(result, pair, told=told), name=f"settle {reference}")
        self._settling[reference] = task
        task.add_done_callback(lambda _: self._settling.pop(reference, None))

    async def _settle(self, result: Result, pair: Awaitable[None], *, told: bool) -> None:
        """Publish, see the training pair saved, and only then forget: what fails stays in the outbox."""
        reference = result.message.reference
        try:
            if not told:
                await self._tell(result)
            await pair
        except Exception as error:
            self._metrics.failures.labels(type(error).__name__).inc()
            log.exception("%s is decided, but not all of it went out; the next sweep tries again", reference)
        else:
            self._outbox.remove(reference)

    async def _tell(self, result: Result) -> None:
        watch = Stopwatch()
        if await self._publisher.publish(result.message):
            watch.lap("publish")
            self._metrics.published.inc()
            self._metrics.step.labels("publish").observe(watch.seconds["publish"])
        else:
            self._metrics.expired.inc()
        if result.training is not Training.NONE:
            self._outbox.told(result.message.reference)

    async def _save_pair(self, result: Result, jpeg: bytes | None) -> None:
        if result.training is Training.NONE:
            return
        message = result.message
        await self._in_thread(
            self._io,
            lambda: self._store.save_pair(
                message.reference,
                tree=result.training,
                etag=result.upload_etag,
                jpeg=jpeg,
                labels=yolo_lines(message.people),
            ),
        )

    async def _save_pair_again(self, result: Result) -> None:
        """As `_save_pair`, of a photo that is no longer in memory."""
        if result.training is Training.NONE:
            return
        upload = await self._in_thread(self._io, lambda: self._store.fetch(result.message.reference))
        if isinstance(upload, Refused) or upload.etag != result.upload_etag:
            return  # overwritten since: the labels are not this picture's
        photo = await self._in_thread(self._model, lambda: decode(upload.data, max_pixels=self._rules.max_pixels))
        await self._save_pair(result, None if photo.upright_jpeg else encode_jpeg(photo.image))

    def _count(self, result: Result, watch: Stopwatch) -> None:
        message = result.message
        self._metrics.photos.labels(message.status, message.reason or "").inc()
        self._metrics.training.labels(result.training).inc()
        for step, seconds in watch.seconds.items():
            self._metrics.step.labels(step).observe(seconds)

    def _remember(self, reference: Reference) -> None:
        self._tries.pop(reference, None)
        self._decided[reference] = None
        if len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)

    async def _in_thread(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The decision about a picture, and the picture as JPEG where the dataset can't take the upload itself."""

    decision: Decision
    jpeg: bytes | None = None


def _rejected(reference: Reference, rejection: PhotoRejected) -> Decision:
    log.info("%s is rejected: %s", reference, rejection)
    return Decision(Status.REJECTED, reason=rejection.reason)
