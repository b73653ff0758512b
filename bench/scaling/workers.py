"""The upload queue and the instances that read it, as simpy processes.

A photo is its place in the day's arrays. It is in the queue, in an instance's hand, in one of its processors, or told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, None]


class Queue:
    """SQS, first in first out: photos that wait, and processors that wait for photos (a long poll). Never both."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.waiting: deque[int] = deque()
        self.most_waiting = 0
        self.inside = 0  # photos in the queue or in a hand
        self.inside_seconds = 0.0  # its integral over time: Little's L × T
        self._since = env.now
        self._polls: deque[simpy.Event] = deque()

    def put(self, photo: int) -> None:
        """A new photo."""
        self._count(1)
        self.give(photo)

    def give(self, photo: int) -> None:
        """A photo to the processor that has waited longest, or to the end of the queue."""
        if self._polls:
            self._polls.popleft().succeed(photo)
        else:
            self.waiting.append(photo)
            self.most_waiting = max(self.most_waiting, len(self.waiting))

    def poll(self) -> simpy.Event:
        """An event with the next photo, or None when the poll is given up."""
        event = self.env.event()
        self._polls.append(event)
        return event

    def give_up(self, poll: simpy.Event) -> None:
        """Nobody waits for this poll any more; one that has its photo keeps it."""
        if poll in self._polls:
            self._polls.remove(poll)
            poll.succeed(None)

    def leave(self) -> None:
        """A photo is told."""
        self._count(-1)

    def _count(self, change: int) -> None:
        now = self.env.now
        self.inside_seconds += self.inside * (now - self._since)
        self._since = now
        self.inside += change


class Worker:
    """One instance: its processors work, and photos are fetched ahead of them, at most `in_hand` in all."""

    def __init__(
        self, queue: Queue, *, processors: int, in_hand: int, work: Sequence[float], told: dict[int, float]
    ) -> None:
        self._queue, self._work, self._told = queue, work, told
        self._ahead: deque[int] = deque()
        self._most_ahead = max(0, in_hand - processors)
        self._polls: dict[int, simpy.Event] = {}
        self._worked_on: dict[int, int] = {}
        self._stopping = False
        self._dead = False
        self._processors = [queue.env.process(self._run(number)) for number in range(processors)]

    def stop(self) -> simpy.Event:
        """Take no more photos; the event comes when those in hand are told."""
        self._stopping = True
        for poll in list(self._polls.values()):
            self._queue.give_up(poll)
        return simpy.AllOf(self._queue.env, self._processors)

    def kill(self, visibility_s: float) -> None:
        """Gone without a word. What it had in hand is in the queue again when its visibility timeout ends."""
        self._dead = True
        self.stop()
        env = self._queue.env
        lost = [*self._worked_on.values(), *self._ahead]
        self._worked_on.clear()
        self._ahead.clear()

        def come_back() -> Steps:
            yield env.timeout(visibility_s)
            for photo in lost:
                self._queue.give(photo)

        env.process(come_back())

    def _run(self, number: int) -> Steps:
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
                if self._dead:  # it was handed over in the moment of death
                    queue.give(photo)
                    return
            self._worked_on[number] = photo
            yield env.timeout(self._work[photo])
            if self._worked_on.pop(number, None) is None:  # killed meanwhile: the photo is another's
                return
            self._told[photo] = env.now
            queue.leave()

    def _next(self) -> int | None:
        photo = None
        if self._ahead:
            photo = self._ahead.popleft()
        elif self._queue.waiting and not self._stopping:
            photo = self._queue.waiting.popleft()
        while not self._stopping and self._queue.waiting and len(self._ahead) < self._most_ahead:
            self._ahead.append(self._queue.waiting.popleft())
        return photo
