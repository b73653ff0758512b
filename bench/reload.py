"""Latency while workers reload weights: photos at a constant rate, and a promotion every twenty seconds.

    python -m bench.reload [--seconds 120] [--rate 4]

The whole local path, with the model of day 0 under several versions: as the models differ only by name, any added
latency is that of the reload. Photos arrive at a fixed rate, whether the one before is answered or not.
A reload lasts from the promotion to the first message that names the new version. The goal: over all of it p95 is less
than twice the p95 between reloads, no photo fails, and each promotion changes the version once.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.path import PATIENCE_S, nunchi, quantiles
from bench.photos import frames
from contracts.settings import variables_of
from kiosk.cloud.counter import Counter
from kiosk.cloud.upload import Uploader
from local.record import Record
from local.state import StateDir
from ops.commands.photo import subscriber_of
from registry.weights import WeightsRegistry
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.settings import WorkerSettings

EVERY_S: Final = 20.0  # between promotions; the first after half of it
RUNS: Final = ("bench-a", "bench-b")
GOAL: Final = 2.0


@dataclass(frozen=True, slots=True)
class TimedPhoto:
    """A photo: seconds of its upload and its answer, by `time.perf_counter`, and the version of its model."""

    sent: float
    answered: float
    version: str

    @property
    def ms(self) -> float:
        return 1e3 * (self.answered - self.sent)


def add_runs(weights: WeightsRegistry, folder: Path) -> None:
    """Add the model of day 0 to the registry, under two other versions."""
    for run in RUNS:
        (folder / run).mkdir()
        manifest = json.loads(DEFAULT_MANIFEST.read_text()) | {"version": run}
        (folder / run / "manifest.json").write_text(json.dumps(manifest))
        weights.add(folder / run, run)


async def measure(
    record: Record, weights: WeightsRegistry, *, seconds: float, rate: float
) -> tuple[list[TimedPhoto], list[float]]:
    """Every photo, and the time of each promotion."""
    uploader = Uploader(record.client("s3"), bucket=record.buckets["images"], kiosk_id=record.kiosk)
    distinct = frames(40)
    photos: list[TimedPhoto] = []
    promotions: list[float] = []
    started = time.perf_counter()
    async with Counter(uploader, subscriber_of(record, record.kiosk)).open(timeout_s=PATIENCE_S) as counter:

        async def customer(photo: bytes) -> None:
            sent = time.perf_counter()
            answer = await counter.ask(photo, timeout_s=PATIENCE_S)
            photos.append(TimedPhoto(sent, time.perf_counter(), answer.message.model.version))

        async def operator() -> None:
            await asyncio.sleep(EVERY_S / 2)
            for run in itertools.cycle(RUNS):
                if time.perf_counter() - started > seconds - EVERY_S / 2:
                    return
                promotions.append(time.perf_counter())
                await asyncio.to_thread(weights.promote, run, by="bench", reason="a measurement")
                await asyncio.sleep(EVERY_S)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(operator())
            for number in range(round(seconds * rate)):
                await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
                tasks.create_task(customer(distinct[number % len(distinct)]))
    return sorted(photos, key=lambda photo: photo.sent), promotions


def within_reloads(photos: Sequence[TimedPhoto], promotions: Sequence[float]) -> list[TimedPhoto]:
    """The photos that were sent or waited between a promotion and its first answer."""
    within: list[TimedPhoto] = []
    for at, version in zip(promotions, itertools.cycle(RUNS), strict=False):
        in_service = next(
            (photo.answered for photo in photos if photo.sent > at and photo.version == version), float("inf")
        )
        within += [photo for photo in photos if photo.answered > at and photo.sent < in_service]
    return within


def changes(photos: Sequence[TimedPhoto]) -> int:
    """Number of version changes between consecutive photos."""
    return sum(before.version != after.version for before, after in itertools.pairwise(photos))


def main() -> None:
    """Measure, print a table for people and a line of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of photos")
    parser.add_argument("--rate", type=float, default=4.0, help="photos a second")
    options = parser.parse_args()
    os.environ |= variables_of(WorkerSettings, {"weights_every_s": 1})
    with tempfile.TemporaryDirectory(prefix="nunchi-bench-") as folder:
        nunchi("up", "--detach", "--state", folder)
        try:
            record = StateDir(Path(folder)).read()
            weights = WeightsRegistry(record.client("s3"), record.buckets["weights"])
            with tempfile.TemporaryDirectory() as runs:
                add_runs(weights, Path(runs))
            photos, promotions = asyncio.run(measure(record, weights, seconds=options.seconds, rate=options.rate))
        finally:
            nunchi("down", "--state", folder)
    during = within_reloads(photos, promotions)
    between = [photo for photo in photos if photo not in during]
    figures: dict[str, Any] = {}
    print(f"\n{len(photos)} photos, {len(promotions)} promotions, the version changed {changes(photos)} times")
    print(f"  {'milliseconds':<24}{'photos':>8}{'p50':>8}{'p95':>8}{'longest':>9}")
    for name, group in (("between reloads", between), ("while one is reloaded", during), ("all", photos)):
        p50, p95 = quantiles([photo.ms for photo in group])
        figures[name] = {"photos": len(group), "p50": p50, "p95": p95, "longest": max(photo.ms for photo in group)}
        print(f"  {name:<24}{len(group):>8}{p50:>8.0f}{p95:>8.0f}{figures[name]['longest']:>9.0f}")
    ratio = figures["all"]["p95"] / figures["between reloads"]["p95"]
    worst = figures["while one is reloaded"]["p95"] / figures["between reloads"]["p95"]
    print(f"p95 of all is {ratio:.2f} × that between reloads (goal: {GOAL:g}); of those in a reload {worst:.2f} ×")
    print(json.dumps({"bench": "reload", "ratio": ratio, "worst": worst, "changes": changes(photos), "ms": figures}))


if __name__ == "__main__":
    main()
