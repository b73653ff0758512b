"""Training throughput of our trainer, compared with plain `yolo train` with the same settings, in pictures a second.

    python -m bench.training [--pictures 96] [--epochs 4] [--rounds 2]

Both run in .venv-trainer (make trainer), in turns, on drawn pictures. Times are from ultralytics' results.csv, between
the ends of the first and the last epoch: without imports and the first epoch's buffers.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from contracts.yolo import format_labels
from demo.drawn_people import draw
from recipes.kiosk.labels import LABELS

ROOT: Final = Path(__file__).parents[1]
TRAINER: Final = ROOT / ".venv-trainer" / "bin"
GOAL: Final = 0.95
SETTINGS: Final[Mapping[str, Any]] = {"image_size": 160, "batch": 16, "workers": 0, "device": "cpu", "seed": 0}
PATIENCE_S: Final = 1200


def drawn_dataset(folder: Path, pictures: int) -> Path:
    """Create a YOLO dataset of drawn people; return its data.yaml."""
    for split, first, count in (("train", 0, pictures), ("val", 10**6, pictures // 8)):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for seed in range(first, first + count):
            drawn = draw(seed)
            (folder / "images" / split / f"{seed}.jpg").write_bytes(drawn.jpeg)
            (folder / "labels" / split / f"{seed}.txt").write_text(format_labels(drawn.people, LABELS))
    names = "".join(f"  {number}: {label}\n" for number, label in enumerate(LABELS))
    path = folder / "data.yaml"
    path.write_text(f"train: images/train\nval: images/val\nnames:\n{names}")
    return path


def ours(data: Path, work: Path, epochs: int) -> float:
    """Seconds between the ends of our first and last epoch."""
    job = {"task": "train", "model": "yolov5n.yaml", "data": str(data), "work": str(work), "epochs": epochs, **SETTINGS}
    work.mkdir()
    (work / "job.json").write_text(json.dumps(job))
    _run([str(TRAINER / "python"), "-m", "retrain.trainer", str(work / "job.json")], work)
    return _seconds(work)


def plain(data: Path, work: Path, epochs: int) -> float:
    """Seconds between the ends of the first and last epoch of `yolo train`."""
    work.mkdir()
    options = {
        "model": "yolov5n.yaml",
        "data": data,
        "epochs": epochs,
        "imgsz": SETTINGS["image_size"],
        "project": work,
        "cache": True,
        "plots": False,
        **{name: SETTINGS[name] for name in ("batch", "workers", "device", "seed")},
    }
    _run([str(TRAINER / "yolo"), "train", *(f"{name}={value}" for name, value in options.items())], work)
    return _seconds(work)


def _run(command: list[str], work: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(ROOT), "YOLO_CONFIG_DIR": str(work), "YOLO_OFFLINE": "true"}
    completed = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if completed.returncode:
        sys.exit(f"{' '.join(command)} failed with exit status {completed.returncode}:\n{completed.stderr[-2000:]}")


def _seconds(work: Path) -> float:
    [results] = work.rglob("results.csv")
    with results.open() as file:
        times = [float(row["time"]) for row in csv.DictReader(file, skipinitialspace=True)]
    return times[-1] - times[0]


def main() -> int:
    """Measure and print; exit status 0 if our trainer reaches the goal, or 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory(prefix="nunchi-bench-") as temporary:
        folder = Path(temporary)
        data = drawn_dataset(folder / "data", options.pictures)
        for turn in range(options.rounds):
            plain_s = plain(data, folder / f"plain-{turn}", options.epochs)
            ours_s = ours(data, folder / f"ours-{turn}", options.epochs)
            pictures = options.pictures * (options.epochs - 1)
            print(
                f"yolo train {pictures / plain_s:6.1f} pictures/s   ours {pictures / ours_s:6.1f} pictures/s",
                flush=True,
            )
            ratios.append(plain_s / ours_s)
    ratio = statistics.median(ratios)
    print(f"ours is {ratio:.0%} of yolo train (goal {GOAL:.0%})")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
