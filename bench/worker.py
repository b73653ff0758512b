"""Photos a second of the worker's pipeline, compared with decoding and inference alone.

    python -m bench.worker [--photos 300] [--s3-wait-ms 20]

Both sides use the same threads, photos and model in one process, in turns, so that noise affects both alike.
S3 and the broker are simulated by waits without CPU time; bench.path measures the real ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.photos import frames
from contracts.instants import now
from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket
from imaging.decoding import decode
from tests.fakes import MemoryPublisher, MemoryStore
from worker.kiosk.decision import LabelTask
from worker.kiosk.detector import Detector
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.photos.pipeline import Pipeline, PipelineSettings
from worker.photos.rules import Thresholds
from worker.photos.store import RejectedUpload, Upload
from worker.photos.task import LabelFile
from worker.recovery.outbox import Outbox
from worker.recovery.poison import AttemptCounter
from worker.telemetry.metrics import Metrics

MAX_PIXELS: Final = 40_000_000
ROUNDS: Final = 3
GOAL_RATIO: Final = 0.85
GOAL_MB: Final = 500


class WaitingStore(MemoryStore):
    """A store whose requests each take a fixed time and no CPU time, to simulate S3."""

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self._wait_s = wait_s

    def fetch(self, reference: Reference) -> Upload | RejectedUpload:
        time.sleep(self._wait_s)
        return super().fetch(reference)

    def save_result(self, reference: Reference, result: str) -> bool:
        time.sleep(self._wait_s)
        return super().save_result(reference, result)

    def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: LabelFile) -> None:
        time.sleep(2 * self._wait_s)  # two objects
        super().save_pair(reference, tree=tree, etag=etag, jpeg=jpeg, labels=labels)


def bare(detector: Detector, photos: list[bytes], threads: int) -> float:
    """Photos a second of decode and detect alone."""
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(lambda data: detector.detect([decode(data, max_pixels=MAX_PIXELS).image]), photos))
        return len(photos) / (time.perf_counter() - start)


async def through_pipeline(detector: Detector, photos: list[bytes], threads: int, wait_s: float) -> float:
    """Photos a second from tickets to stored results, published labels and training pairs."""
    store = WaitingStore(wait_s)
    references = []
    for data in photos:
        references.append(Reference("bench", new_image_id(now())))
        store.upload(references[-1], data)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(
            settings=PipelineSettings(
                instance_id="bench",
                task=LabelTask(Thresholds(gate=0.95, unsure_below=0.5, review_share=0.05)),
                label_ttl=timedelta(minutes=10),
                max_pixels=MAX_PIXELS,
                photos_at_once=8,
                model_threads=threads,
            ),
            detector=detector,
            store=store,
            publisher=MemoryPublisher(),
            outbox=Outbox(Path(folder) / "outbox"),
            attempts=AttemptCounter(Path(folder) / "attempts"),
            metrics=Metrics(),
        )
        start = time.perf_counter()
        pipeline.start()
        pipeline.submit(Ticket(reference) for reference in references)
        while pipeline.busy:
            await asyncio.sleep(0.002)
        rate = len(photos) / (time.perf_counter() - start)
        await pipeline.stop(timeout_s=5)
    if len(store.stored) != len(photos):
        raise SystemExit(f"bench: {len(photos) - len(store.stored)} photos got no result; the figures are invalid")
    return rate


def resident_mb() -> float:
    """Resident memory of this process in megabytes."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    """Measure, print a table for people and a line of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=300, help="photos in each round")
    parser.add_argument("--s3-wait-ms", type=float, default=20.0, help="duration of a request to the simulated S3")
    options = parser.parse_args()
    distinct = frames(24)
    photos = [distinct[number % len(distinct)] for number in range(options.photos)]
    detector = load_detector(DEFAULT_MANIFEST)
    threads = os.cpu_count() or 1
    bare(detector, photos[:16], threads)  # warm up
    ratios: list[float] = []
    memory: list[float] = []
    for number in range(ROUNDS):
        limit = bare(detector, photos, threads)
        rate = asyncio.run(through_pipeline(detector, photos, threads, options.s3_wait_ms / 1e3))
        ratios.append(rate / limit)
        memory.append(resident_mb())
        print(f"round {number + 1}: bare {limit:6.1f}/s   pipeline {rate:6.1f}/s   {ratios[-1]:.0%} of the limit")
    for _ in range(max(0, 1000 - ROUNDS * options.photos), 0, -options.photos):
        asyncio.run(through_pipeline(detector, photos, threads, 0))
        memory.append(resident_mb())
    ratio = statistics.median(ratios)
    total = ROUNDS * options.photos + options.photos * (len(memory) - ROUNDS)
    print(f"median {ratio:.0%} of the limit on {threads} threads (goal: {GOAL_RATIO:.0%})")
    print(
        f"memory {memory[-1]:.0f} MB after {total} photos, {memory[0]:.0f} MB after {options.photos} (goal: {GOAL_MB})"
    )
    print(json.dumps({"bench": "worker", "ratio": round(ratio, 3), "threads": threads, "memory_mb": memory}))


if __name__ == "__main__":
    main()
