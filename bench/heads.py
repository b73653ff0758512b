"""A recipe's heads: speed of the model in the worker, beside its bare network; memory; a training from nothing.

    python -m bench.heads [--pictures 1500] [--one-core]

The model is trained here, on drawn shapes: the whole photo, three heads on `lite0`, The worker's side
runs from decoded photo to answers, the bare network from ready crop to maps; they take turns in one run, on the same
threads. `--one-core` binds this program to one processor, as a small box has it. The training begins without features.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.yolo import rate
from imaging.decoding import decode
from local.environment import ROOT
from recipes.reading import load
from recipes.recipe import Net
from retrain.heads.training import train
from tests.shapes_recipe import NAME, write_dataset, write_recipe
from worker.kinds import kinds_for
from worker.models.backbone import NETWORKS, Backbone
from worker.models.loading import load_model
from worker.models.regions import crop, whole_of

ROUNDS: Final = 7
PHOTOS: Final = 60
GOAL: Final = 0.85  # of the bare network
GOAL_S: Final = 180.0  # for 1,500 crops, on two processors
MEMORY: Final = (
    "import resource, sys; from pathlib import Path; from imaging.decoding import decode; "
    "from recipes.reading import load; from worker.kinds import kinds_for; "
    "from worker.models.loading import load_model; "
    "model = load_model(Path(sys.argv[1]), kinds_for(load(sys.argv[2]))); "
    "[model.detect([decode(Path(sys.argv[3]).read_bytes()).image]) for _ in range(20)]; "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)"
)


def main() -> None:
    """Measure, print lines for people and one of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1500, help="of the training")
    parser.add_argument("--one-core", action="store_true", help="on one processor")
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recipe = write_recipe(folder / NAME)
        data = write_dataset(folder / "data", options.pictures)
        began, used = time.perf_counter(), _processor_s()
        trained = train(str(recipe), data, recipe / "model", version="1", trained_on="drawn", cache=folder / "features")
        seconds, processor_s = time.perf_counter() - began, _processor_s() - used
        used_s = f"{seconds:.0f} s, {processor_s:.0f} s of processors"
        print(f"training: {options.pictures:,} crops in {used_s} (goal for 1,500: {GOAL_S:g})")
        photo = next((data / "images").rglob("*.jpg"))
        megabytes = _memory(trained.manifest, recipe, photo)
        print(f"memory of a process with the model, after 20 photos: {megabytes} MB")
        ratio, ms = _speed(trained.manifest, str(recipe), data, threads)
    print(f"median {ratio:.2f} times the bare network on {threads} threads (goal: {GOAL:g}); {ms:.1f} ms a photo")
    figures: dict[str, Any] = {"training_s": round(seconds, 1), "processor_s": round(processor_s, 1)}
    figures |= {"pictures": options.pictures, "ratio": round(ratio, 3), "ms": round(ms, 1), "mb": megabytes}
    print(json.dumps({"bench": "heads", "threads": threads, **figures}))


def _speed(manifest: Path, recipe: str, data: Path, threads: int) -> tuple[float, float]:
    """The model's rate ÷ the bare network's, and the model's time a photo, ms."""
    model = load_model(manifest, kinds_for(load(recipe)))
    files = sorted((data / "images").rglob("*.jpg"))[:PHOTOS]
    images = [decode(file.read_bytes()).image for file in files]
    region = load(recipe).heads[0].region
    ready = [[crop(image, whole_of(image)[0], region)] for image in images]
    bare = Backbone.shipped(NETWORKS[Net.LITE0])
    sides = {
        "ours": partial(rate, lambda image: model.detect([image]), images, threads),
        "bare": partial(rate, bare.maps, ready, threads),
    }
    for measure in sides.values():
        measure()  # warm up
    rates = [{name: measure() for name, measure in sides.items()} for _ in range(ROUNDS)]
    ratio = statistics.median(each["ours"] / each["bare"] for each in rates)
    return ratio, 1e3 * threads / statistics.median(each["ours"] for each in rates)


def _memory(manifest: Path, recipe: Path, photo: Path) -> int:
    """Megabytes of a process of its own that has the model and has answered."""
    command = [sys.executable, "-c", MEMORY, str(manifest), str(recipe), str(photo)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def _processor_s() -> float:
    """Seconds of processor time of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
