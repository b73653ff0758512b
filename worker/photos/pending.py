"""Back-pressure and deduplication: the photos in flight, each once, waiting in a priority queue or being processed.

Photos that were just taken go before those that a sweep found. A ticket for a photo that is in hand already shares its
outcome.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from contracts.instants import now
from contracts.names import Reference
from contracts.tickets import Ticket
from worker.photos.timing import Stopwatch


class PhotoOutcome(StrEnum):
    """How the processing of a photo ended: whether its SQS message can be deleted."""

    DONE = "done"  # result stored, label delivered or expired, training pair saved
    MISSING = "missing"  # there is no such upload
    FAILED = "failed"  # at least one of these steps failed, this time
    RELEASED = "released"  # the worker stops before the photo is done


@dataclass(eq=False, kw_only=True, slots=True)
class PendingPhoto:
    """A photo in hand. `may_have_result`: check for a stored result before any other step."""

    ticket: Ticket
    from_sweep: bool = False
    may_have_result: bool = False
    started: bool = False
    received_at: datetime = field(default_factory=now)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    outcome: asyncio.Future[PhotoOutcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def reference(self) -> Reference:
        return self.ticket.reference

    def end(self, outcome: PhotoOutcome) -> None:
        """Set the outcome; the first one counts."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def end_with(self, delivery: asyncio.Task[bool] | None, otherwise: PhotoOutcome) -> None:
        """Set the outcome when the delivery task ends; without a task, set `otherwise` at once."""

        def end(task: asyncio.Task[bool]) -> None:
            if task.cancelled():
                self.end(PhotoOutcome.RELEASED)
            else:
                self.end(PhotoOutcome.DONE if task.result() else PhotoOutcome.FAILED)

        if delivery is None:
            self.end(otherwise)
        else:
            delivery.add_done_callback(end)


class PendingPhotos:
    """The priority queue of photos. One a process; methods belong to its event loop."""

    def __init__(self) -> None:
        # The smaller of the first two fields goes first. None stops a consumer.
        self._queue: asyncio.PriorityQueue[tuple[bool, int, PendingPhoto | None]] = asyncio.PriorityQueue()
        self._positions = itertools.count()
        self._photos: dict[Reference, PendingPhoto] = {}
        self._removed = asyncio.Event()
        self.waiting = 0  # photos that are not started
        self.fresh = 0  # photos in hand that no sweep found

    def __contains__(self, reference: Reference) -> bool:
        return reference in self._photos

    def __len__(self) -> int:
        return len(self._photos)

    def get(self, reference: Reference) -> PendingPhoto | None:
        """The photo if it is in hand."""
        return self._photos.get(reference)

    def add(self, photo: PendingPhoto) -> None:
        """Queue a photo that is not in hand."""
        self._photos[photo.reference] = photo
        self.waiting += 1
        self.fresh += not photo.from_sweep
        self._queue.put_nowait((photo.from_sweep, next(self._positions), photo))

    def prioritise(self, photo: PendingPhoto) -> None:
        """A ticket came for a photo that a sweep found: its kiosk waits, so it moves ahead of the swept photos."""
        if photo.from_sweep and not photo.started:
            photo.from_sweep = False
            self.fresh += 1
            self._queue.put_nowait((False, next(self._positions), photo))  # `next` skips its older entry

    def hold(self, photo: PendingPhoto) -> None:
        """Take a photo in hand, started, without queueing it."""
        photo.started = True
        self.fresh += not photo.from_sweep
        self._photos[photo.reference] = photo

    async def next(self) -> PendingPhoto | None:
        """Wait for the next photo and start it; None stops the consumer."""
        while True:
            _, _, photo = await self._queue.get()
            if photo is None:
                return None
            if not photo.started and self._photos.get(photo.reference) is photo:
                photo.started = True
                self.waiting -= 1
                return photo

    def remove(self, photo: PendingPhoto) -> None:
        """The photo is no longer in hand."""
        del self._photos[photo.reference]
        self.waiting -= not photo.started
        self.fresh -= not photo.from_sweep
        self._removed.set()

    async def free_slots(self, limit: int) -> int:
        """Wait until fewer fresh photos than `limit` are in hand; return how many fit."""
        while (free := limit - self.fresh) <= 0:
            self._removed.clear()
            await self._removed.wait()
        return free

    def close(self, consumers: int) -> list[PendingPhoto]:
        """Stop that many consumers after their current photo; remove and return the photos that only waited."""
        waiting = [photo for photo in self._photos.values() if not photo.started]
        for photo in waiting:
            self.remove(photo)
        for _ in range(consumers):
            self._queue.put_nowait((True, next(self._positions), None))
        return waiting
