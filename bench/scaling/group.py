"""The Auto Scaling group: scheduled capacity, target tracking on backlog per instance, a warm pool, replacement."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.scaling.inputs import GroupSettings
from bench.scaling.workers import Process, SimulatedQueue, SimulatedWorker


@dataclass(slots=True)
class SimulatedInstance:
    """One instance, paid for from its launch to its end, both in seconds since midnight."""

    launched_at: float
    worker: SimulatedWorker | None = None  # once it is booted
    terminating: bool = False  # it drains, or is dead
    ended_at: float | None = None


class SimulatedGroup:
    """Keeps as many instances as AWS would. `start_worker` starts the worker of a booted instance."""

    def __init__(
        self,
        queue: SimulatedQueue,
        settings: GroupSettings,
        *,
        start_worker: Callable[[], SimulatedWorker],
        random: np.random.Generator,
    ) -> None:
        self.instances: list[SimulatedInstance] = []
        self.pool_boot_s = 0.0  # of boots into the warm pool, during the day
        self._queue, self._settings, self._start_worker, self._random = queue, settings, start_worker, random
        self._env = queue.env
        self._desired = 0
        self._pool = settings.warm_pool
        self._backlogs: list[float] = []  # waiting photos per instance, one figure a period
        self._no_scale_in_before = 0.0
        self._open = False

    @property
    def in_service(self) -> list[SimulatedInstance]:
        """Instances whose workers receive photos."""
        return [instance for instance in self._active if instance.worker is not None]

    @property
    def _active(self) -> list[SimulatedInstance]:
        return [instance for instance in self.instances if not instance.terminating]

    def opening_hours(self, start: float, end: float) -> Process:
        """Scheduled capacity: `least` instances from `start`, zero from `end`."""
        yield self._env.timeout(start - self._env.now)
        self._open = True
        self._set_desired(self._settings.least)
        yield self._env.timeout(end - self._env.now)
        self._open = False
        self._set_desired(0)

    def tracking(self) -> Process:
        """The target tracking policy, once a period. Its metric is `metric_delay_periods` old."""
        settings = self._settings
        while True:
            yield self._env.timeout(settings.metric_period_s)
            self._backlogs.append(len(self._queue.waiting) / max(1, len(self.in_service)))
            if self._open:
                self._track(self._backlogs[: len(self._backlogs) - settings.metric_delay_periods])

    def _track(self, backlogs: list[float]) -> None:
        settings, target = self._settings, self._settings.backlog_per_instance
        high, low = backlogs[-settings.datapoints_out :], backlogs[-settings.datapoints_in :]
        if len(high) == settings.datapoints_out and min(high) > target:
            # Booting instances are part of the capacity that the policy compares with, not of the metric.
            needed = math.ceil(max(1, len(self.in_service)) * high[-1] / target)
            self._set_desired(min(settings.most, max(self._desired, needed)))
            self._no_scale_in_before = self._env.now + settings.scale_in_cooldown_s
        elif (
            len(low) == settings.datapoints_in
            and max(low) < settings.scale_in_below * target
            and self._desired > settings.least
            and len(self.in_service) == self._desired
            and self._env.now >= self._no_scale_in_before
        ):
            self._set_desired(self._desired - 1)
            self._no_scale_in_before = self._env.now + settings.scale_in_cooldown_s

    def kill_instance(self, visibility_s: float) -> None:
        """Kill one random instance in service; the group replaces it after its health check."""
        if not (running := self.in_service):
            return
        victim = running[int(self._random.integers(len(running)))]
        assert victim.worker is not None
        victim.worker.kill(visibility_s)
        victim.terminating, victim.ended_at = True, self._env.now

        def replace_unhealthy() -> Process:
            yield self._env.timeout(self._settings.health_check_s)
            self._set_desired(self._desired)

        self._env.process(replace_unhealthy())

    def _set_desired(self, desired: int) -> None:
        self._desired = desired
        active = self._active
        for _ in range(desired - len(active)):
            instance = SimulatedInstance(self._env.now)
            self.instances.append(instance)
            self._env.process(self._boot(instance))
        for instance in active[desired:]:
            instance.terminating = True
            self._env.process(self._drain(instance))

    def _boot(self, instance: SimulatedInstance) -> Process:
        settings = self._settings
        if self._pool:
            self._pool -= 1
            self._env.process(self._refill())
            median = settings.boot_warm_s
        else:
            median = settings.boot_cold_s
        yield self._env.timeout(self._boot_s(median))
        if not instance.terminating:
            instance.worker = self._start_worker()

    def _refill(self) -> Process:
        seconds = self._boot_s(self._settings.boot_cold_s)
        yield self._env.timeout(seconds)
        self.pool_boot_s += seconds
        self._pool += 1

    def _boot_s(self, median: float) -> float:
        return float(self._random.lognormal(np.log(median), self._settings.boot_sigma))

    def _drain(self, instance: SimulatedInstance) -> Process:
        if instance.worker is not None:
            yield instance.worker.stop()
        instance.ended_at = self._env.now


def paid_seconds(group: SimulatedGroup, end: float) -> float:
    """Instance-seconds until `end`, boots included."""
    return group.pool_boot_s + sum(
        (end if instance.ended_at is None else instance.ended_at) - instance.launched_at for instance in group.instances
    )
