"""The upload queue and the instances that read it, as simpy processes.

A photo is its index in the day's arrays. It is in the queue, prefetched by an instance, in progress, or labelled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from typing import Any

import simpy

Process = Generator[simpy.Event, Any, None]


class SimulatedQueue:
    """SQS, first in first out: photos that wait, and processors that wait for photos (a long poll). Never both."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.waiting: deque[int] = deque()
        self.max_waiting = 0
        self.in_system = 0  # photos in the queue or in flight
        self.in_system_seconds = 0.0  # its integral over time: Little's L × T
        self._since = env.now
        self._polls: deque[simpy.Event] = deque()

    def put(self, photo: int) -> None:
        """Add a new photo."""
        self._count(1)
        self.deliver(photo)

    def deliver(self, photo: int) -> None:
        """Give a photo to the longest waiting poll, or append it to the queue."""
        if self._polls:
            self._polls.popleft().succeed(photo)
        else:
            self.waiting.append(photo)
            self.max_waiting = max(self.max_waiting, len(self.waiting))

    def poll(self) -> simpy.Event:
        """An event with the next photo, or None when the poll is cancelled."""
        event = self.env.event()
        self._polls.append(event)
        return event

    def cancel(self, poll: simpy.Event) -> None:
        """End a poll without a photo; a poll that has its photo already keeps it."""
        if poll in self._polls:
            self._polls.remove(poll)
            poll.succeed(None)

    def delete(self) -> None:
        """Remove a labelled photo from the system, as SQS's DeleteMessage."""
        self._count(-1)

    def _count(self, change: int) -> None:
        now = self.env.now
        self.in_system_seconds += self.in_system * (now - self._since)
        self._since = now
        self.in_system += change


class SimulatedWorker:
    """One instance: its processors work, and it prefetches photos for them, at most `in_flight` in all.

    It writes the second of each label into `labelled_at`, by photo.
    """

    def __init__(
        self,
        queue: SimulatedQueue,
        *,
        processors: int,
        in_flight: int,
        work: Sequence[float],
        labelled_at: dict[int, float],
    ) -> None:
        self._queue, self._work, self._labelled_at = queue, work, labelled_at
        self._prefetched: deque[int] = deque()
        self._max_prefetched = max(0, in_flight - processors)
        self._polls: dict[int, simpy.Event] = {}
        self._in_progress: dict[int, int] = {}
        self._stopping = False
        self._dead = False
        self._processors = [queue.env.process(self._run(number)) for number in range(processors)]

    def stop(self) -> simpy.Event:
        """Stop receiving photos; the event succeeds when those in flight are labelled."""
        self._stopping = True
        for poll in list(self._polls.values()):
            self._queue.cancel(poll)
        return simpy.AllOf(self._queue.env, self._processors)

    def kill(self, visibility_s: float) -> None:
        """End without a graceful shutdown. The queue redelivers the photos in flight after the visibility timeout."""
        self._dead = True
        self.stop()
        env = self._queue.env
        lost = [*self._in_progress.values(), *self._prefetched]
        self._in_progress.clear()
        self._prefetched.clear()

        def redeliver() -> Process:
            yield env.timeout(visibility_s)
            for photo in lost:
                self._queue.deliver(photo)

        env.process(redeliver())

    def _run(self, number: int) -> Process:
        env, queue = self._queue.env, self._queue
        while True:
            photo = self._next()
            if photo is None:
                if self._stopping:
                    return
                self._polls[number] = poll = queue.poll()
                photo = yield poll
                del self._polls[number]
                if photo is None:
                    continue
                if self._dead:  # received in the moment of the kill
                    queue.deliver(photo)
                    return
            self._in_progress[number] = photo
            yield env.timeout(self._work[photo])
            if self._in_progress.pop(number, None) is None:  # killed meanwhile: the photo is redelivered
                return
            self._labelled_at[photo] = env.now
            queue.delete()

    def _next(self) -> int | None:
        photo = None
        if self._prefetched:
            photo = self._prefetched.popleft()
        elif self._queue.waiting and not self._stopping:
            photo = self._queue.waiting.popleft()
        while not self._stopping and self._queue.waiting and len(self._prefetched) < self._max_prefetched:
            self._prefetched.append(self._queue.waiting.popleft())
        return photo
