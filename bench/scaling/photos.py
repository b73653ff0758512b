"""A day's photos: when each is taken, when it can be worked on, and how much work it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.scaling.inputs import Delays, Demand, Machine

Seconds = NDArray[np.float64]
STEP_S: Final = 60  # the rate is even within a minute


@dataclass(frozen=True, slots=True)
class Photos:
    """Arrays of one length, in the order of `ready`; seconds, of which the first three since midnight."""

    begun: Seconds  # the upload starts
    uploaded: Seconds  # the upload is complete: S3's LastModified
    ready: Seconds  # a free worker could have it in memory
    work: Seconds  # of one processor

    def __len__(self) -> int:
        return len(self.begun)


def rates(demand: Demand) -> tuple[Seconds, Seconds]:
    """Edges of the minutes of the opening hours, and photos a second expected in each, on a day of common luck."""
    day = demand.day
    edges = np.arange(day.open_s, day.close_s + STEP_S, STEP_S, dtype=np.float64)
    shares = np.diff([day.share_until(float(edge)) for edge in edges])
    rate = demand.shops * demand.photos_a_shop * shares / STEP_S
    if (surge := demand.surge) is not None:
        rate[(edges[:-1] >= surge.at_s) & (edges[:-1] < surge.at_s + surge.for_s)] *= surge.factor
    return edges, rate


def draw(demand: Demand, delays: Delays, machine: Machine, random: np.random.Generator) -> Photos:
    """One day. A sum of independent Poisson processes is one: the shops needn't be drawn apart."""
    edges, rate = rates(demand)
    drawn = random.lognormal(-(demand.luck_sigma**2) / 2, demand.luck_sigma)
    luck = drawn if demand.luck is None else demand.luck
    counts = random.poisson(luck * rate * STEP_S)
    begun = np.repeat(edges[:-1], counts) + STEP_S * random.random(int(counts.sum()))
    many = len(begun)
    uploaded = begun + _lognormal(random, delays.upload_median, delays.upload_sigma, many)
    event = _lognormal(random, delays.event_median, delays.event_sigma, many)
    tail = random.random(many) < delays.tail_share
    event[tail] = _lognormal(random, delays.tail_median, delays.tail_sigma, int(tail.sum()))
    ready = uploaded + event + delays.poll_and_fetch
    order = np.argsort(ready)
    return Photos(begun[order], uploaded[order], ready[order], work(machine, many, random))


def work(machine: Machine, many: int, random: np.random.Generator) -> Seconds:
    """Seconds of one processor, for each of so many photos."""
    shares, seconds = zip(*machine.core_s, strict=True)
    kinds = random.choice(np.array(seconds), size=many, p=np.array(shares))
    sigma = machine.noise_sigma
    noise = random.lognormal(-(sigma**2) / 2, sigma, many)
    result: Seconds = kinds * noise / (machine.speed * machine.pipeline_share)
    return result


def _lognormal(random: np.random.Generator, median: float, sigma: float, many: int) -> Seconds:
    return random.lognormal(np.log(median), sigma, many)
