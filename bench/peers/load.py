"""So many photos at a time, the next as soon as an answer is in: photos a second and latency."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Final

from bench.path import quantiles
from bench.peers.processes import ServerFailed
from bench.peers.servers import PATIENCE_S, Found, Serving

LABEL_MAY_DIFFER_BY: Final = 0.02  # of confidence
AT_A_TIME: Final = (1, 4, 16)
CORNER_MAY_DIFFER_BY: Final = 0.01  # of the photo's side


async def first_answer(serving: Serving) -> float:
    """Seconds from the start of the process to the first answer; ServerFailed if it ends, or takes too long."""
    while True:
        try:
            await serving.ask(0, 0)
            return time.perf_counter() - serving.tree.began
        except ConnectionError as error:
            serving.tree.check()
            if time.perf_counter() - serving.tree.began > PATIENCE_S:
                raise ServerFailed(
                    f"no answer in {PATIENCE_S:.0f} s ({error}):\n{serving.tree.end_of_log()}"
                ) from error
        await asyncio.sleep(0.02)


async def closed_loop(serving: Serving, numbers: Sequence[int], at_once: int) -> dict[str, float]:
    """Photos a second; milliseconds of p50, p95 and of the processors a photo; with `at_once` photos in hand."""
    waiting, taken = iter(numbers), list[float]()

    async def slot(index: int) -> None:
        for number in waiting:
            began = time.perf_counter()
            await serving.ask(index, number)
            taken.append(1e3 * (time.perf_counter() - began))

    worked, began = serving.tree.processor_s(), time.perf_counter()
    await asyncio.gather(*map(slot, range(at_once)))
    seconds = time.perf_counter() - began
    work_ms = 1e3 * (serving.tree.processor_s() - worked) / len(numbers)
    p50, p95 = quantiles(taken)
    return {"photos_a_second": len(numbers) / seconds, "p50_ms": p50, "p95_ms": p95, "work_ms": work_ms}


def differences(ours: Sequence[Found], theirs: Sequence[Found]) -> list[str]:
    """In which photos the two answers are not the same people, in words."""
    found = []
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if len(mine) != len(other):
            found.append(f"photo {number}: {len(mine)} people, and {len(other)}")
            continue
        for one, two in zip(*(sorted(each, key=lambda person: person["box"]) for each in (mine, other)), strict=True):
            corners = max(abs(a - b) for a, b in zip(one["box"], two["box"], strict=True))
            confidence = abs(one["confidence"] - two["confidence"])
            if one["label"] != two["label"] or corners > CORNER_MAY_DIFFER_BY or confidence > LABEL_MAY_DIFFER_BY:
                found.append(f"photo {number}: {one}, and {two}")
    return found


def in_turn(photos: int, count: int) -> list[int]:
    """`count` numbers of photos, one after the other, from the first again at the end."""
    return list(itertools.islice(itertools.cycle(range(photos)), count))
