"""The Auto Scaling group: scheduled capacity, target tracking on backlog per instance, a warm pool, replacement."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.scaling.inputs import Group
from bench.scaling.workers import Queue, Steps, Worker


@dataclass(slots=True)
class Instance:
    """From the start of its boot to its end: what is paid for."""

    since: float
    worker: Worker | None = None  # once it is booted
    leaving: bool = False  # it finishes what it has in hand, or is dead
    until: float | None = None


class AutoScaling:
    """Keeps as many instances as AWS would. `make` puts a worker to work."""

    def __init__(
        self, queue: Queue, settings: Group, *, make: Callable[[], Worker], random: np.random.Generator
    ) -> None:
        self.instances: list[Instance] = []
        self.prepared_s = 0.0  # of boots into the warm pool, during the day
        self._queue, self._settings, self._make, self._random = queue, settings, make, random
        self._env = queue.env
        self._desired = 0
        self._pool = settings.warm_pool
        self._figures: list[float] = []
        self._in_not_before = 0.0
        self._open = False

    @property
    def in_service(self) -> list[Instance]:
        """Instances whose workers take photos."""
        return [one for one in self.instances if one.worker is not None and not one.leaving]

    @property
    def _alive(self) -> list[Instance]:
        return [one for one in self.instances if not one.leaving]

    def opening_hours(self, start: float, end: float) -> Steps:
        """Scheduled capacity: the least from `start`, none from `end`."""
        yield self._env.timeout(start - self._env.now)
        self._open = True
        self._want(self._settings.least)
        yield self._env.timeout(end - self._env.now)
        self._open = False
        self._want(0)

    def tracking(self) -> Steps:
        """The target tracking policy, once a period. What it sees is `metric_late` periods old."""
        settings = self._settings
        while True:
            yield self._env.timeout(settings.metric_period_s)
            self._figures.append(len(self._queue.waiting) / max(1, len(self.in_service)))
            if self._open:
                self._track(self._figures[: len(self._figures) - settings.metric_late])

    def _track(self, seen: list[float]) -> None:
        settings, target = self._settings, self._settings.backlog_per_instance
        high, low = seen[-settings.datapoints_out :], seen[-settings.datapoints_in :]
        if len(high) == settings.datapoints_out and min(high) > target:
            # Those that still boot are part of the capacity that the policy compares with, not of the metric.
            wanted = math.ceil(max(1, len(self.in_service)) * high[-1] / target)
            self._want(min(settings.most, max(self._desired, wanted)))
            self._in_not_before = self._env.now + settings.in_every_s
        elif (
            len(low) == settings.datapoints_in
            and max(low) < settings.in_below * target
            and self._desired > settings.least
            and len(self.in_service) == self._desired
            and self._env.now >= self._in_not_before
        ):
            self._want(self._desired - 1)
            self._in_not_before = self._env.now + settings.in_every_s

    def kill_one(self, visibility_s: float) -> None:
        """One instance in service dies; the group notices by its health check."""
        if not (running := self.in_service):
            return
        victim = running[int(self._random.integers(len(running)))]
        assert victim.worker is not None
        victim.worker.kill(visibility_s)
        victim.leaving, victim.until = True, self._env.now

        def notice() -> Steps:
            yield self._env.timeout(self._settings.health_check_s)
            self._want(self._desired)

        self._env.process(notice())

    def _want(self, desired: int) -> None:
        self._desired = desired
        alive = self._alive
        for _ in range(desired - len(alive)):
            instance = Instance(self._env.now)
            self.instances.append(instance)
            self._env.process(self._boot(instance))
        for instance in alive[desired:]:
            instance.leaving = True
            self._env.process(self._drain(instance))

    def _boot(self, instance: Instance) -> Steps:
        settings = self._settings
        if self._pool:
            self._pool -= 1
            self._env.process(self._refill())
            median = settings.boot_warm_s
        else:
            median = settings.boot_cold_s
        yield self._env.timeout(self._boot_s(median))
        if not instance.leaving:
            instance.worker = self._make()

    def _refill(self) -> Steps:
        seconds = self._boot_s(self._settings.boot_cold_s)
        yield self._env.timeout(seconds)
        self.prepared_s += seconds
        self._pool += 1

    def _boot_s(self, median: float) -> float:
        return float(self._random.lognormal(np.log(median), self._settings.boot_sigma))

    def _drain(self, instance: Instance) -> Steps:
        if instance.worker is not None:
            yield instance.worker.stop()
        instance.until = self._env.now


def paid_seconds(group: AutoScaling, end: float) -> float:
    """Instance-seconds until `end`, boots included."""
    return group.prepared_s + sum((end if one.until is None else one.until) - one.since for one in group.instances)
