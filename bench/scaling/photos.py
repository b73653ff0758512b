"""The photos of a simulated day: when each is uploaded, when a worker can start it, and its processor time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.scaling.inputs import CommandDelays, Delays, Demand, InstanceSettings

Seconds = NDArray[np.float64]
STEP_S: Final = 60  # the rate is even within a minute


@dataclass(frozen=True, slots=True)
class PhotoArrivals:
    """Arrays of one length, in the order of `ready`; seconds, of which the first three since midnight."""

    started: Seconds  # the upload starts
    uploaded: Seconds  # the upload is complete: S3's LastModified
    ready: Seconds  # a free worker could have it in memory
    work: Seconds  # of one processor

    def __len__(self) -> int:
        return len(self.started)


def rates(demand: Demand) -> tuple[Seconds, Seconds]:
    """Edges of the minutes of the opening hours, and photos a second expected in each, at a day factor of 1."""
    day = demand.day
    edges = np.arange(day.open_s, day.close_s + STEP_S, STEP_S, dtype=np.float64)
    shares = np.diff([day.share_until(float(edge)) for edge in edges])
    rate = demand.shops * demand.photos_a_shop * shares / STEP_S
    if (surge := demand.surge) is not None:
        rate[(edges[:-1] >= surge.at_s) & (edges[:-1] < surge.at_s + surge.for_s)] *= surge.factor
    return edges, rate


def draw(demand: Demand, delays: Delays, instance: InstanceSettings, random: np.random.Generator) -> PhotoArrivals:
    """Draw one day. A sum of independent Poisson processes is a Poisson process: all shops are drawn together."""
    edges, rate = rates(demand)
    drawn = random.lognormal(-(demand.day_factor_sigma**2) / 2, demand.day_factor_sigma)
    day_factor = drawn if demand.day_factor is None else demand.day_factor
    counts = random.poisson(day_factor * rate * STEP_S)
    started = np.repeat(edges[:-1], counts) + STEP_S * random.random(int(counts.sum()))
    count = len(started)
    uploaded = started + _lognormal(random, delays.upload_median, delays.upload_sigma, count)
    event = _lognormal(random, delays.event_median, delays.event_sigma, count)
    tail = random.random(count) < delays.tail_share
    event[tail] = _lognormal(random, delays.tail_median, delays.tail_sigma, int(tail.sum()))
    ready = uploaded + event + delays.poll_and_fetch
    if (command := delays.command) is not None:
        ready += _commands(command, count, random)
    order = np.argsort(ready)
    return PhotoArrivals(started[order], uploaded[order], ready[order], work(instance, count, random))


def _commands(delays: CommandDelays, count: int, random: np.random.Generator) -> Seconds:
    """Seconds from the queue to the worker by Run Command, for each of `count` photos."""
    dispatch = _lognormal(random, delays.dispatch_median, delays.dispatch_sigma, count)
    send = _lognormal(random, delays.send_median, delays.send_sigma, count)
    delivery = _lognormal(random, delays.delivery_median, delays.delivery_sigma, count)
    blocked = random.random(count) < delays.blocked_share
    delivery[blocked] += _lognormal(random, delays.blocked_median, delays.blocked_sigma, int(blocked.sum()))
    return dispatch + send + delivery


def work(instance: InstanceSettings, count: int, random: np.random.Generator) -> Seconds:
    """Seconds of one processor, for each of `count` photos."""
    shares, seconds = zip(*instance.core_s, strict=True)
    kinds = random.choice(np.array(seconds), size=count, p=np.array(shares))
    sigma = instance.noise_sigma
    noise = random.lognormal(-(sigma**2) / 2, sigma, count)
    result: Seconds = kinds * noise / (instance.speed * instance.pipeline_share)
    return result


def _lognormal(random: np.random.Generator, median: float, sigma: float, count: int) -> Seconds:
    return random.lognormal(np.log(median), sigma, count)
