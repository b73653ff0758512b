"""A YOLOv5n on real people: trained on composed scenes, judged beside the cascade by the product's own judgement.

    python -m bench.portraits --data PORTRAITS --out bench/out/portraits [--epochs 7,20] [--quick | --finish]

Scenes are composed of faces whose age and gender are known: one to five heads, 40 to 240 pixels wide in a frame of
640 x 480, behind drawn counters in drawn shops. People of the data's `train` split teach, those of `val` calibrate,
those of `test` judge. Elders are half of the people of train, and 40 % of those of val and test.

Two runs, each of a YOLOv5n from random weights, as no published ones are at hand: one learns from the true labels, one
from those labels of the cascade that pass the worker's gate, without review. Both are judged against the cascade on the
same scenes. The boxes come from the cascade's face finder, as nobody drew others.

Needs `make trainer`. An epoch of the first run takes nine minutes of one processor; with OMP_NUM_THREADS=2 ultralytics
trains on two. What OUT has already is not done again, and an interrupted training resumes after its last epoch. Writes
OUT/report.json; copy it to bench/portraits_report.json, and `python -m bench.portraits.card` writes the card's tables.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any, Final

from bench.__main__ import processor
from bench.portraits.dataset import build, relabelled
from bench.portraits.figures import figures
from bench.portraits.runs import train
from bench.portraits.teacher import taught
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS
from retrain.judge import JudgeSettings, judge
from retrain.judge.golden import golden_photos
from retrain.judge.predictions import predictor
from retrain.progress import silent

RUNS: Final = ("true-labels", "auto-labels")
PER_LABEL: Final = 950  # people of train; of elder women there are 664, so some are in two scenes
QUICK: Final = {"per_label": 12, "epochs": "1,1", "image_size": 64}


def main() -> None:
    """Compose, train twice, judge."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.portraits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of the two manifests")
    parser.add_argument("--out", type=Path, required=True, help="a folder for scenes, runs and report")
    parser.add_argument("--epochs", default="7,20", help="of the two runs")
    parser.add_argument("--image-size", type=int, default=320, help="pixels of the network's input")
    parser.add_argument("--per-label", type=int, default=PER_LABEL, help="people of each label in train")
    parser.add_argument("--finish", action="store_true", help="judge the last finished epochs instead of training on")
    parser.add_argument("--quick", action="store_true", help="few people, small, an epoch each: shows that it runs")
    asked = parser.parse_args()
    if asked.quick:
        parser.set_defaults(**QUICK)
        asked = parser.parse_args()
    report = measure(asked, asked.out.absolute())
    (asked.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(asked: argparse.Namespace, out: Path) -> dict[str, Any]:
    """The report."""
    dataset, auto = out / "dataset", out / "auto-dataset"
    contents = build(asked.data, dataset, per_label=asked.per_label)
    if not (auto / "facts.json").exists():
        print("day 0 labels the scenes of train", flush=True)
        lesson = taught(dataset, silent)
        relabelled(dataset, auto, lesson.photos)
        (auto / "facts.json").write_text(json.dumps(lesson.facts, indent=1))
    golden = golden_photos(dataset, classes=LABELS)
    paths = [scene.path for scene in golden]
    runs = {}
    for run, source, epochs in zip(RUNS, (dataset, auto), map(int, asked.epochs.split(",")), strict=True):
        manifest = train(source, out / run, run=run, epochs=epochs, image_size=asked.image_size, finish=asked.finish)
        if manifest is None:
            print(f"{run}: no epoch is finished, so it is not judged", flush=True)
            continue
        settings = (
            JudgeSettings(golden_least=1, golden_least_moments=1, golden_least_per_label=1)
            if asked.quick
            else JudgeSettings()
        )
        judgement = judge(manifest, None, dataset, settings=settings, detects=PEOPLE)
        print(f"{run}: {judgement.rule}: {judgement.reason}", flush=True)
        fields = json.loads(manifest.read_text())
        runs[run] = {
            "training": fields["training"],
            "calibration": fields["calibration"],
            "judgement": judgement.fields(),
            "people": figures(golden, predictor(manifest)(paths)),
        }
    return {
        "machine": f"{os.cpu_count()} × {processor()}, {platform.system()}, Python {platform.python_version()}",
        "scenes": contents,
        "teacher": json.loads((auto / "facts.json").read_text()),
        "day 0": {"people": figures(golden, predictor(None)(paths))},
        "runs": runs,
    }


if __name__ == "__main__":
    main()
