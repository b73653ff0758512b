"""One simulated day, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simpy

from bench.scaling.group import AutoScaling, paid_seconds
from bench.scaling.inputs import LABEL_TTL_S, Scenario
from bench.scaling.photos import Photos, Seconds, draw
from bench.scaling.workers import Queue, Steps, Worker

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Minutes:
    """How it was at the end of each minute."""

    at: Seconds
    in_service: Seconds
    waiting: Seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """A day. `told` is nan for a photo that no worker looked at before the night: the sweep of the morning finds it."""

    photos: Photos
    told: Seconds
    alone: Seconds  # when it would have been told with a free worker
    instance_hours: float
    most_waiting: int
    inside_seconds: float
    minutes: Minutes

    @property
    def latency(self) -> Seconds:
        """Seconds from the start of each upload to its label, of photos that got one."""
        latency: Seconds = (self.told - self.photos.begun)[~np.isnan(self.told)]
        return latency

    @property
    def late(self) -> float:
        """Share of photos whose label came when it was no news any more, or not on this day."""
        return float(np.mean(~(self.told - self.photos.uploaded <= LABEL_TTL_S)))

    @property
    def late_by_capacity(self) -> float:
        """Of them, what more instances would have told in time; the rest is the tail of S3's events."""
        in_time = self.alone - self.photos.uploaded <= LABEL_TTL_S
        return float(np.mean(in_time & ~(self.told - self.photos.uploaded <= LABEL_TTL_S)))

    def figures(self) -> dict[str, float]:
        """The day in numbers."""
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
            "most_waiting": float(self.most_waiting),
        }


def simulate(scenario: Scenario, seed: int) -> Outcome:
    """One day from `lead_s` before opening to two hours after closing; the same seed gives the same day."""
    random = np.random.default_rng(seed)
    photos = draw(scenario.demand, scenario.delays, scenario.machine, random)
    return run(scenario, photos, random)


def run(scenario: Scenario, photos: Photos, random: np.random.Generator) -> Outcome:
    """The day with these photos."""
    group, machine, day = scenario.group, scenario.machine, scenario.demand.day
    start, end = day.open_s - group.lead_s, day.close_s + group.linger_s
    env = simpy.Environment(initial_time=start)
    queue = Queue(env)
    decided: dict[int, float] = {}
    work = photos.work.tolist()

    def make() -> Worker:
        return Worker(queue, processors=machine.processors, in_hand=machine.in_hand, work=work, told=decided)

    scaling = AutoScaling(queue, group, make=make, random=random)
    env.process(scaling.opening_hours(start, end))
    env.process(scaling.tracking())
    env.process(arrivals(queue, photos.ready.tolist()))
    if scenario.kill_at_s is not None:
        env.process(_accident(env, scaling, scenario.kill_at_s, machine.visibility_s))
    rows: list[tuple[float, float, float]] = []
    env.process(_minutes(env, scaling, queue, rows))
    last = end + 2 * 3600
    env.run(until=last)
    told = np.full(len(photos), np.nan)
    if decided:
        told[list(decided)] = np.fromiter(decided.values(), float) + scenario.delays.store_and_tell
    minutes = np.array(rows)
    return Outcome(
        photos=photos,
        told=told,
        alone=photos.ready + photos.work + scenario.delays.store_and_tell,
        instance_hours=paid_seconds(scaling, last) / 3600,
        most_waiting=queue.most_waiting,
        inside_seconds=queue.inside_seconds,
        minutes=Minutes(minutes[:, 0], minutes[:, 1], minutes[:, 2]),
    )


def arrivals(queue: Queue, ready: list[float]) -> Steps:
    """Put each photo into the queue at its moment; the moments in order."""
    env = queue.env
    for photo, moment in enumerate(ready):
        if moment > env.now:
            yield env.timeout(moment - env.now)
        queue.put(photo)


def _accident(env: simpy.Environment, scaling: AutoScaling, at_s: float, visibility_s: float) -> Steps:
    yield env.timeout(at_s - env.now)
    scaling.kill_one(visibility_s)


def _minutes(
    env: simpy.Environment, scaling: AutoScaling, queue: Queue, rows: list[tuple[float, float, float]]
) -> Steps:
    while True:
        yield env.timeout(MINUTE_S)
        rows.append((env.now, float(len(scaling.in_service)), float(len(queue.waiting))))
