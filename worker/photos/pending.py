"""The photos in hand, each once: those that wait for their turn, and those whose turn it is.

Photos that were just taken go before those that a sweep found. Whoever brings a photo that is in hand already shares
its outcome.
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
    """What became of a photo, for whoever brought it and must know whether it is done with."""

    SETTLED = "settled"  # its result is stored, its kiosk told or not to be told any more, its training pair saved
    MISSING = "missing"  # there is no such upload
    FAILED = "failed"  # not all of that, this time
    RELEASED = "released"  # the worker stops before all of that


@dataclass(eq=False, kw_only=True, slots=True)
class PendingPhoto:
    """A photo in hand. `perhaps_done`: worth a look, before anything else, whether it has a result."""

    ticket: Ticket
    swept: bool = False
    perhaps_done: bool = False
    begun: bool = False
    received_at: datetime = field(default_factory=now)
    watch: Stopwatch = field(default_factory=Stopwatch)
    outcome: asyncio.Future[PhotoOutcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def reference(self) -> Reference:
        return self.ticket.reference

    def end(self, outcome: PhotoOutcome) -> None:
        """Tell whoever waits; the first word counts."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def end_with(self, settling: asyncio.Task[bool] | None, otherwise: PhotoOutcome) -> None:
        """Tell whoever waits when the task is over that settles the photo; at once, `otherwise`, if there is none."""

        def end(task: asyncio.Task[bool]) -> None:
            self.end(
                PhotoOutcome.RELEASED
                if task.cancelled()
                else PhotoOutcome.SETTLED
                if task.result()
                else PhotoOutcome.FAILED
            )

        if settling is None:
            self.end(otherwise)
        else:
            settling.add_done_callback(end)


class PendingPhotos:
    """Who is next. One a process; methods belong to its event loop."""

    def __init__(self) -> None:
        # Before others goes what is smaller in the first two fields. None is the word to go home.
        self._queue: asyncio.PriorityQueue[tuple[bool, int, PendingPhoto | None]] = asyncio.PriorityQueue()
        self._places = itertools.count()
        self._photos: dict[Reference, PendingPhoto] = {}
        self._fewer = asyncio.Event()
        self.waiting = 0  # photos that wait for their turn
        self.fresh = 0  # photos in hand that no sweep found

    def __contains__(self, reference: Reference) -> bool:
        return reference in self._photos

    def __len__(self) -> int:
        return len(self._photos)

    def get(self, reference: Reference) -> PendingPhoto | None:
        """The photo if it is in hand."""
        return self._photos.get(reference)

    def add(self, photo: PendingPhoto) -> None:
        """Let a photo wait that is not in hand."""
        self._photos[photo.reference] = photo
        self.waiting += 1
        self.fresh += not photo.swept
        self._queue.put_nowait((photo.swept, next(self._places), photo))

    def hurry(self, photo: PendingPhoto) -> None:
        """The photo was found by a sweep, and now somebody brought it: its kiosk waits."""
        if photo.swept and not photo.begun:
            photo.swept = False
            self.fresh += 1
            self._queue.put_nowait((False, next(self._places), photo))  # its later place will find it begun

    def hold(self, photo: PendingPhoto) -> None:
        """Have a photo in hand that waits for no turn."""
        photo.begun = True
        self.fresh += not photo.swept
        self._photos[photo.reference] = photo

    async def next(self) -> PendingPhoto | None:
        """The photo whose turn it is; None to go home."""
        while True:
            _, _, photo = await self._queue.get()
            if photo is None:
                return None
            if not photo.begun and self._photos.get(photo.reference) is photo:
                photo.begun = True
                self.waiting -= 1
                return photo

    def leave(self, photo: PendingPhoto) -> None:
        """The photo's turn is over."""
        del self._photos[photo.reference]
        self.waiting -= not photo.begun
        self.fresh -= not photo.swept
        self._fewer.set()

    async def fewer_than(self, most: int) -> int:
        """Wait until fewer fresh photos than `most` are in hand; how many fit."""
        while (room := most - self.fresh) <= 0:
            self._fewer.clear()
            await self._fewer.wait()
        return room

    def close(self, consumers: int) -> list[PendingPhoto]:
        """Send that many consumers home after the photo they have; the photos that only waited, in hand no more."""
        left = [photo for photo in self._photos.values() if not photo.begun]
        for photo in left:
            self.leave(photo)
        for _ in range(consumers):
            self._queue.put_nowait((True, next(self._places), None))
        return left
