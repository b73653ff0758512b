"""Photos a second of workers in mode queue, compared with decoding and inference alone.

    python -m bench.queue [--photos 200]

A whole local cloud in mode queue: uploads are in S3, their announcements in the upload queue, and the workers are the
processes of production. Each has one model thread, as has each process of the bare side: one worker is compared with
one bare process, two with two at a time.

The local cloud and the workers share these processors: on two cores two workers can't reach the limit. On AWS neither
S3, nor SQS, nor another worker uses a worker's processor.

The photos are announced while the workers are stopped; the time runs from the workers' SIGCONT to the last result. Both
sides are measured in turns, so that noise affects both alike.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.path import nunchi
from bench.photos import frames
from contracts.instants import now
from contracts.names import RESULTS, Reference, new_image_id
from contracts.settings import variables_of
from imaging.decoding import decode
from local.record import Record, WorkerRecord
from local.state import StateDir
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.photos.sqs_queue import LONG_POLL_S
from worker.settings import WorkerSettings

MAX_PIXELS: Final = 40_000_000
ROUNDS: Final = 3
PATIENCE_S: Final = 120.0


def _bare(photos: Sequence[bytes], ready: Any, go: Any) -> None:
    """Decode and detect in one thread of a process, as a worker with one model thread does."""
    detector = load_detector(DEFAULT_MANIFEST)
    detector.detect([decode(photos[0], max_pixels=MAX_PIXELS).image])
    ready.release()
    go.wait()
    for data in photos:
        detector.detect([decode(data, max_pixels=MAX_PIXELS).image])


def bare(photos: Sequence[bytes], processes: int) -> float:
    """Photos a second of `processes` bare processes at a time, on bytes in memory."""
    spawn = multiprocessing.get_context("spawn")
    ready, go = spawn.Semaphore(0), spawn.Event()
    shares = [photos[number::processes] for number in range(processes)]
    running = [spawn.Process(target=_bare, args=(share, ready, go)) for share in shares]
    for process in running:
        process.start()
    for _ in running:
        ready.acquire()
    start = time.perf_counter()
    go.set()
    for process in running:
        process.join()
    if any(process.exitcode for process in running):
        raise SystemExit("bench: a bare process failed; the figures are invalid")
    return len(photos) / (time.perf_counter() - start)


@contextmanager
def stopped(workers: Sequence[WorkerRecord]) -> Generator[None, None, None]:
    """Stop these workers (SIGSTOP) within the block."""
    for worker in workers:
        _signal(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            _signal(worker, signal.SIGCONT)


def _signal(worker: WorkerRecord, number: signal.Signals) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, number)


def round_of(record: Record, photos: Sequence[bytes], workers: int) -> tuple[float, float]:
    """Photos a second of `workers` bare processes, and of as many workers from announcements to results."""
    s3, bucket = record.client("s3"), record.buckets["images"]
    kiosk = f"bench-{new_image_id(now())[-8:]}"
    active, idle = record.workers[:workers], record.workers[workers:]
    with stopped(idle):
        with stopped(active):
            # SQS answers the open long poll of a stopped worker: its photos would wait for their visibility timeout.
            polls_open_until = time.monotonic() + LONG_POLL_S + 1
            limit = bare(photos, workers)
            time.sleep(max(0.0, polls_open_until - time.monotonic()))
            for data in photos:
                s3.put_object(Bucket=bucket, Key=Reference(kiosk, new_image_id(now())).upload_key, Body=data)
            _until_announced(record, len(photos))
            start = time.perf_counter()
        while (stored := _count(s3, bucket, f"{RESULTS}{kiosk}/")) < len(photos):
            if time.perf_counter() - start > PATIENCE_S:
                raise SystemExit(f"bench: {len(photos) - stored} photos got no result; the figures are invalid")
            time.sleep(0.1)
        return limit, len(photos) / (time.perf_counter() - start)


def _until_announced(record: Record, count: int) -> None:
    sqs, name = record.client("sqs"), "ApproximateNumberOfMessages"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        attributes = sqs.get_queue_attributes(QueueUrl=record.queues["uploads"], AttributeNames=[name])["Attributes"]
        if int(attributes[name]) >= count:
            return
        time.sleep(0.05)
    raise SystemExit("bench: the uploads were not announced; nothing was measured")


def _count(s3: Any, bucket: str, prefix: str) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(page["KeyCount"] for page in pages)


def main() -> None:
    """Measure, print a table for people and a line of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=200, help="photos in each round")
    options = parser.parse_args()
    distinct = frames(24)
    photos = [distinct[number % len(distinct)] for number in range(options.photos)]
    os.environ |= variables_of(WorkerSettings, {"model_threads": 1, "label_ttl_s": 600})
    ratios: dict[int, list[float]] = {1: [], 2: []}
    rates: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="nunchi-bench-") as folder:
        nunchi("up", "--detach", "--mode", "queue", "--workers", "2", "--state", folder)
        try:
            record = StateDir(Path(folder)).read()
            round_of(record, photos[:24], 2)  # warm up every process
            for number in range(ROUNDS):
                for workers in (1, 2):
                    limit, rate = round_of(record, photos, workers)
                    rates[workers].append(rate)
                    ratios[workers].append(rate / limit)
                    print(
                        f"round {number + 1}, {workers} worker(s): bare {limit:6.1f}/s   queue {rate:6.1f}/s   "
                        f"{rate / limit:.0%} of the limit",
                        flush=True,
                    )
        finally:
            nunchi("down", "--state", folder)
    for workers, values in ratios.items():
        print(f"{workers} worker(s): median {statistics.median(values):.0%} of {workers} bare process(es)")
    gain = statistics.median(rates[2]) / statistics.median(rates[1])
    print(
        f"two workers do {gain:.2f} times as much as one, on {os.cpu_count()} processors that they share with the cloud"
    )
    print(
        json.dumps(
            {
                "bench": "queue",
                "ratio": {workers: round(statistics.median(values), 3) for workers, values in ratios.items()},
                "photos_a_second": {workers: round(statistics.median(values), 1) for workers, values in rates.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
