"""One simulated day, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simpy

from bench.scaling.group import SimulatedGroup, paid_seconds
from bench.scaling.inputs import LABEL_TTL_S, Scenario
from bench.scaling.photos import PhotoArrivals, Seconds, draw
from bench.scaling.workers import Process, SimulatedQueue, SimulatedWorker

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Minutes:
    """Instances in service and waiting photos at the end of each minute."""

    at: Seconds
    in_service: Seconds
    waiting: Seconds


@dataclass(frozen=True, slots=True)
class SimulatedDay:
    """The outcome of a day. `labelled_at` is nan for photos left over: the next morning's sweep finds them."""

    photos: PhotoArrivals
    labelled_at: Seconds
    labelled_at_if_idle: Seconds  # with an idle worker: without time in the queue
    instance_hours: float
    max_waiting: int
    in_system_seconds: float
    minutes: Minutes

    @property
    def latency(self) -> Seconds:
        """Seconds from the start of each upload to its label, of photos that got one."""
        latency: Seconds = (self.labelled_at - self.photos.started)[~np.isnan(self.labelled_at)]
        return latency

    @property
    def late(self) -> float:
        """Share of photos whose label came after its TTL, or not on this day."""
        return float(np.mean(~(self.labelled_at - self.photos.uploaded <= LABEL_TTL_S)))

    @property
    def late_by_capacity(self) -> float:
        """Share of photos that were late only because they queued; the other late ones are the tail of S3's events."""
        in_time = self.labelled_at_if_idle - self.photos.uploaded <= LABEL_TTL_S
        return float(np.mean(in_time & ~(self.labelled_at - self.photos.uploaded <= LABEL_TTL_S)))

    def figures(self) -> dict[str, float]:
        """The figures of a row in docs/scaling/report.json."""
        p50, p95, p99 = np.quantile(self.latency, (0.5, 0.95, 0.99))
        return {
            "photos": float(len(self.photos)),
            "p50_s": float(p50),
            "p95_s": float(p95),
            "p99_s": float(p99),
            "late": self.late,
            "late_by_capacity": self.late_by_capacity,
            "instance_hours": self.instance_hours,
            "most_in_service": float(self.minutes.in_service.max()),
            "most_waiting": float(self.max_waiting),
        }


def simulate(scenario: Scenario, seed: int) -> SimulatedDay:
    """One day from `lead_s` before opening to two hours after closing; the same seed gives the same day."""
    random = np.random.default_rng(seed)
    photos = draw(scenario.demand, scenario.delays, scenario.instance, random)
    return run(scenario, photos, random)


def run(scenario: Scenario, photos: PhotoArrivals, random: np.random.Generator) -> SimulatedDay:
    """Simulate the day with these photos."""
    group, instance, day = scenario.group, scenario.instance, scenario.demand.day
    start, end = day.open_s - group.lead_s, day.close_s + group.linger_s
    env = simpy.Environment(initial_time=start)
    queue = SimulatedQueue(env)
    label_times: dict[int, float] = {}
    work = photos.work.tolist()

    def start_worker() -> SimulatedWorker:
        return SimulatedWorker(
            queue,
            processors=instance.processors,
            in_flight=instance.in_flight,
            work=work,
            labelled_at=label_times,
        )

    scaling = SimulatedGroup(queue, group, start_worker=start_worker, random=random)
    env.process(scaling.opening_hours(start, end))
    env.process(scaling.tracking())
    env.process(arrivals(queue, photos.ready.tolist()))
    if scenario.kill_at_s is not None:
        env.process(_kill(env, scaling, scenario.kill_at_s, instance.visibility_s))
    rows: list[tuple[float, float, float]] = []
    env.process(_minutes(env, scaling, queue, rows))
    last = end + 2 * 3600
    env.run(until=last)
    labelled_at = np.full(len(photos), np.nan)
    if label_times:
        seconds = np.fromiter(label_times.values(), float)
        labelled_at[list(label_times)] = seconds + scenario.delays.store_and_publish
    minutes = np.array(rows)
    return SimulatedDay(
        photos=photos,
        labelled_at=labelled_at,
        labelled_at_if_idle=photos.ready + photos.work + scenario.delays.store_and_publish,
        instance_hours=paid_seconds(scaling, last) / 3600,
        max_waiting=queue.max_waiting,
        in_system_seconds=queue.in_system_seconds,
        minutes=Minutes(minutes[:, 0], minutes[:, 1], minutes[:, 2]),
    )


def arrivals(queue: SimulatedQueue, ready: list[float]) -> Process:
    """Put each photo into the queue at its second of `ready`, which is in order."""
    env = queue.env
    for photo, ready_at in enumerate(ready):
        if ready_at > env.now:
            yield env.timeout(ready_at - env.now)
        queue.put(photo)


def _kill(env: simpy.Environment, scaling: SimulatedGroup, at_s: float, visibility_s: float) -> Process:
    yield env.timeout(at_s - env.now)
    scaling.kill_instance(visibility_s)


def _minutes(
    env: simpy.Environment, scaling: SimulatedGroup, queue: SimulatedQueue, rows: list[tuple[float, float, float]]
) -> Process:
    while True:
        yield env.timeout(MINUTE_S)
        rows.append((env.now, float(len(scaling.in_service)), float(len(queue.waiting))))
