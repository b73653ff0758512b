"""Latency from upload to MQTT message through the whole local path, compared with a new process for each photo.

    python -m bench.path [--photos 200] [--cold-photos 12] [--students-python .venv-students/bin/python]

Each photo is uploaded after the label of the one before, so that photos do not wait for each other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.photos import frames
from config.names import INFER_DOCUMENT
from contracts.messages import STEPS
from kiosk.cloud.counter import Answer, Counter
from kiosk.cloud.upload import Uploader
from local.record import Record
from local.state import StateDir
from ops.commands.photo import subscriber_of
from recipes.kiosk.message import LabelMessage

ROOT: Final = Path(__file__).parents[1]
PATIENCE_S: Final = 60.0


async def ask(record: Record, photos: Sequence[bytes]) -> list[Answer[LabelMessage]]:
    """The answers to the photos, sent one after the other as the local kiosk."""
    uploader = Uploader(record.client("s3"), bucket=record.buckets["images"], kiosk_id=record.kiosk)
    async with Counter(uploader, subscriber_of(record, record.kiosk)).open(timeout_s=PATIENCE_S) as counter:
        return [await counter.ask(photo, timeout_s=PATIENCE_S) for photo in photos]


async def ask_at_once(record: Record, photos: Sequence[bytes], at_once: int) -> float:
    """Photos a second with `at_once` photos in flight."""
    uploader = Uploader(record.client("s3"), bucket=record.buckets["images"], kiosk_id=record.kiosk)
    slots = asyncio.Semaphore(at_once)
    async with Counter(uploader, subscriber_of(record, record.kiosk)).open(timeout_s=PATIENCE_S) as counter:

        async def ask_one(photo: bytes) -> None:
            async with slots:
                await counter.ask(photo, timeout_s=PATIENCE_S)

        start = time.perf_counter()
        await asyncio.gather(*map(ask_one, photos))
        return len(photos) / (time.perf_counter() - start)


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def table(answers: Sequence[Answer[LabelMessage]]) -> dict[str, tuple[float, float]]:
    """p50 and p95 in milliseconds, of each step, of the time after the last step, and of the total."""
    rows = {
        step: quantiles([answer.message.steps_ms[step] for answer in answers if step in answer.message.steps_ms])
        for step in STEPS
        if any(step in answer.message.steps_ms for answer in answers)
    }
    rest = [answer.total_ms - sum(answer.message.steps_ms.values()) for answer in answers]
    rows["store, publish"] = quantiles([max(0.0, ms) for ms in rest])
    rows["all"] = quantiles([answer.total_ms for answer in answers])
    return rows


def use_script(record: Record, lines: Sequence[str]) -> None:
    """Replace the SSM document's script by these lines."""
    ssm = record.client("ssm")
    content = json.loads(ssm.get_document(Name=INFER_DOCUMENT)["Content"])
    content["mainSteps"][0]["inputs"]["runCommand"] = list(lines)
    ssm.delete_document(Name=INFER_DOCUMENT)
    ssm.create_document(Name=INFER_DOCUMENT, DocumentType="Command", DocumentFormat="JSON", Content=json.dumps(content))


def students_script(pid: int, *program: str) -> list[str]:
    """Shell lines that start a program for each command, with the settings of the running worker."""
    environ = dict(
        line.split("=", 1) for line in Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0") if "=" in line
    )
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environ.items() if name.isidentifier()]
    return [*exports, f"cd {shlex.quote(str(ROOT))}", f"exec {shlex.join(program)}"]


def students(python: str | None) -> dict[str, list[str]]:
    """Names and commands of the baselines; `python` is an interpreter with ultralytics, or None."""
    baselines = {"this project's cascade": [sys.executable, "-m", "bench.students"]}
    if python is not None:
        baselines["ultralytics YOLOv5n, as it was"] = [python, "-m", "bench.students_yolov5"]
    return baselines


def resident_mb(pid: int) -> float:
    """Resident memory of a process in megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def nunchi(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ops", *arguments], check=True, cwd=ROOT)


def main() -> None:
    """Measure, print tables for people and a line of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=200, help="photos through the worker")
    parser.add_argument("--cold-photos", type=int, default=12, help="photos through a process each")
    parser.add_argument("--photos-for-memory", type=int, default=1000, help="photos after which memory is read")
    parser.add_argument(
        "--students-python",
        help="a Python with ultralytics, boto3 and paho-mqtt: to measure the first kiosk's program, too",
    )
    options = parser.parse_args()
    distinct = frames(40)
    figures: dict[str, Any] = {"bench": "path"}
    with tempfile.TemporaryDirectory(prefix="nunchi-bench-") as folder:
        nunchi("up", "--detach", "--state", folder)
        try:
            record = StateDir(Path(folder)).read()
            pid = record.worker.pid
            assert pid is not None
            asyncio.run(ask_at_once(record, distinct[:10], 5))  # warm up every process, a second Lambda too
            print(f"\n{options.photos} photos, one after the other, milliseconds:")
            warm = table(asyncio.run(ask(record, [distinct[n % 40] for n in range(options.photos)])))
            show(warm)
            memory = [resident_mb(pid)]
            rate = 0.0
            total = options.photos + 10
            while total < options.photos_for_memory:
                rate = asyncio.run(ask_at_once(record, [distinct[n % 40] for n in range(200)], 8))
                total += 200
                memory.append(resident_mb(pid))
            print(f"\nmemory of the worker after {options.photos}, … {total} photos: {[round(mb) for mb in memory]} MB")
            print(f"8 at a time: {rate:.1f} photos a second (cloud, kiosk and worker share these cores)")
            figures |= {"warm_ms": warm, "memory_mb": memory, "photos_a_second": rate, "cold_ms": {}}
            os.kill(pid, signal.SIGSTOP)  # worker and baseline share an MQTT client id: each would disconnect the other
            try:
                for name, program in students(options.students_python).items():
                    print(f"\n{options.cold_photos} photos, a new process each ({name}), milliseconds:")
                    use_script(record, students_script(pid, *program))
                    asyncio.run(ask(record, distinct[:1]))  # warm up: file caches, creation of the weights
                    cold = table(asyncio.run(ask(record, distinct[: options.cold_photos])))["all"]
                    show({"all": cold})
                    figures["cold_ms"][name] = cold
            finally:
                os.kill(pid, signal.SIGCONT)
        finally:
            nunchi("down", "--state", folder)
    p50, p95 = figures["warm_ms"]["all"]
    print(f"\np50 {p50:.0f} ms (goal: 300); p95 is {p95 / p50:.2f} × p50 (goal: 2)")
    for name, (cold50, _) in figures["cold_ms"].items():
        print(f"{cold50 / p50:.1f} times faster at p50 than a new process each ({name}; goal: 20)")
    print(json.dumps(figures))


def show(rows: dict[str, tuple[float, float]]) -> None:
    print(f"  {'step':<16}{'p50':>8}{'p95':>8}")
    for step, (p50, p95) in rows.items():
        print(f"  {step:<16}{p50:>8.1f}{p95:>8.1f}")


if __name__ == "__main__":
    main()
