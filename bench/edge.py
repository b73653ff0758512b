"""The worker of each recipe on one processor, as a small box has it: time to the first answer, time a photo, memory.

    python -m bench.edge [--photos 40] [--rounds 3] [--only kiosk,mask]

The worker, `python -m worker`, is bound to one processor and has one thread for its model; S3, the broker and this
program run on another. Photos come one after the other: portraits on a drawn background, 1280 × 720; people in drawn
clothes, 480 × 960, where a recipe looks for bodies; or what the recipe itself draws. Times are this machine's. The last
column, a recipe's processor time relative to the kiosk's in the same run, is what carries over to another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.kiosk.load import Load
from bench.path import quantiles
from bench.peers.ours import Worker, worker_process
from bench.peers.processes import ServerFailed
from bench.photos import frames
from contracts.subject_labels import SubjectLabels
from demo.drawn_clothes import people
from demo.drawn_recipes import DRAWN
from recipes import reading
from recipes.reading import KIOSK
from recipes.recipe import Finder

PATIENCE_S: Final = 180.0  # for a first answer
FIGURES: Final = "photos", "first_s", "p50_ms", "p95_ms", "work_ms", "mb"
# One thread for whatever library counts the processors of the machine, and not those of the process.
BOUND: Final = "import os, runpy; os.sched_setaffinity(0, {%d}); runpy.run_module('worker', run_name='__main__')"

Photo = tuple[bytes, dict[str, str]]  # a JPEG, and what its device says of it


def photos_of(recipe: str, count: int, folder: Path) -> list[Photo]:
    """So many photos for a recipe: drawn by it, people in drawn clothes where a body is looked for, or portraits."""
    if reading.load(recipe).find.kind is Finder.PERSON:
        return [(person.jpeg, declared(recipe)) for person in people(count)]
    if recipe not in DRAWN:
        return [(photo, declared(recipe)) for photo in frames(count)]
    DRAWN[recipe](folder, count, 77)
    return [
        (
            image.read_bytes(),
            dict(SubjectLabels.from_json((folder / "labels" / f"{image.stem}.json").read_bytes()).inputs),
        )
        for image in sorted((folder / "images").iterdir())
    ]


def declared(recipe: str) -> dict[str, str]:
    """The first value of each input that a recipe wants, and what must be declared."""
    read = reading.load(recipe)
    return {name: values[0] for name, values in read.inputs.items()} | read.declaration


async def measure(recipe: str, photos: Sequence[Photo], folder: Path, processor: int) -> dict[str, float]:
    """One round: a new process, its first answer, and then each photo after the answer to the one before."""
    settings = {"recipe": recipe, "model_threads": 1, "photos_at_once": 2}
    command = [sys.executable, "-c", BOUND % processor]
    async with worker_process(folder, settings, command) as process:
        worker = Worker(process, ())
        try:
            first_s = await first_answer(worker, photos[0])
            for photo, inputs in photos[:4]:
                await worker.message(0, photo, inputs)  # warm up
            worked, taken, statuses = process.tree.processor_s(), list[float](), set[str]()
            for photo, inputs in photos:
                began = time.perf_counter()
                statuses.add(json.loads(await worker.message(0, photo, inputs))["status"])
                taken.append(1e3 * (time.perf_counter() - began))
            work_ms = 1e3 * (process.tree.processor_s() - worked) / len(photos)
            if not statuses & {"labelled", "unsure"}:
                raise ServerFailed(f"{recipe} answered {sorted(statuses)} only, so that nothing of it was measured")
            p50, p95 = quantiles(taken)
            figures = (len(photos), first_s, p50, p95, work_ms, process.tree.megabytes())
            return dict(zip(FIGURES, figures, strict=True))
        finally:
            worker.close()


async def first_answer(worker: Worker, photo: Photo) -> float:
    """Seconds from the start of the process to its first answer; ServerFailed if it ends, or takes too long."""
    while True:
        try:
            await worker.message(0, *photo)
            return time.perf_counter() - worker.tree.began
        except ConnectionError as error:
            worker.tree.check()
            if time.perf_counter() - worker.tree.began > PATIENCE_S:
                raise ServerFailed(f"no answer in {PATIENCE_S:.0f} s ({error}):\n{worker.tree.end_of_log()}") from error
        await asyncio.sleep(0.02)


def main() -> None:
    """Measure, print a table for people and a line of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=40, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names of recipes, with commas")
    options = parser.parse_args()
    names = [KIOSK, *(name for name in reading.names() if name != KIOSK)]
    chosen = options.only.split(",") if options.only else names
    if unknown := set(chosen) - set(names):
        raise SystemExit(f"bench: no recipe {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    box, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, others)
    load, rounds = Load(), list[dict[str, dict[str, float]]]()
    with tempfile.TemporaryDirectory(prefix="nb-") as temporary:
        folder = Path(temporary)
        photos = {name: photos_of(name, options.photos, folder / name) for name in chosen}
        for number in range(options.rounds):
            rounds.append({})
            for name in chosen:
                figures = asyncio.run(measure(name, photos[name], folder, box))
                rounds[-1][name] = figures
                print(f"round {number + 1}: {name:11} {figures['work_ms']:6.1f} ms of the processor", flush=True)
    print(f"\n{table(rounds)}\n")
    medians = {name: {each: round(_median(rounds, name, each), 2) for each in FIGURES} for name in chosen}
    print(json.dumps({"bench": "edge", "recipes": medians, "rounds": options.rounds, "run": load.since()}))


def table(rounds: Sequence[dict[str, dict[str, float]]]) -> str:
    """Medians of the rounds, as Markdown. The last column is the median of each round's own ratio."""
    lines = [
        "| recipe | first answer, s | ms a photo, p50 / p95 | processor ms a photo | memory, MB | to the kiosk's |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in rounds[0]:
        median = {each: _median(rounds, name, each) for each in FIGURES}
        ratio = "-"
        if KIOSK in rounds[0]:
            ratios = [each[name]["work_ms"] / each[KIOSK]["work_ms"] for each in rounds]
            ratio = f"{statistics.median(ratios):.2f} ×"
        lines.append(
            f"| `{name}` | {median['first_s']:.1f} | {median['p50_ms']:.0f} / {median['p95_ms']:.0f} "
            f"| {median['work_ms']:.0f} | {median['mb']:.0f} | {ratio} |"
        )
    return "\n".join(lines)


def _median(rounds: Sequence[dict[str, dict[str, float]]], name: str, figure: str) -> Any:
    return statistics.median(each[name][figure] for each in rounds)


if __name__ == "__main__":
    main()
