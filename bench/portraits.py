"""Two turns of the flywheel on the development portraits: what a YOLOv5n learns from the cascade, and from people.

    python -m bench.portraits --data PORTRAITS --out bench/out/portraits [--epochs 40,30] [--image-size 192]

Turn 1 learns from what day 0 is sure of, at the gate, on the people of `train`: nobody has looked. Turn 2 goes on from
there with the true labels of those whose age is known, and with some shops without anybody. Both are judged by the
product's own judgement on `val`, as the golden set; then each is measured on `test`, against day 0. What trains starts
from a YOLOv5n that has learned to find drawn people, as no published weights are at hand. Two processors take an hour;
a turn that OUT has already is not done again. Results go to OUT/report.json.

Boxes are day 0's, for nobody drew others. Where it finds nobody, or several, in a portrait, the box is the one that
portraits of its source have in the middle, so that day 0 is held to account for whom it misses.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from moto import mock_aws

from bench.training import ROOT, TRAINER, drawn_dataset
from contracts.boxes import Box, LabelledBox
from contracts.instants import now
from contracts.labels import LABELS, Label
from contracts.messages import Person
from contracts.settings import environment_for
from contracts.yolo import format_labels
from day0.photos import CROPS, Photo, read_photos
from day0.scenes import background
from retrain.__main__ import main as retrain
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset.assembly import build
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.yolo_import.folder import scan_folder, store
from retrain.judge import JudgeSettings, judge, report
from retrain.settings import RetrainSettings
from worker.models.loading import DEFAULT_MANIFEST, load_detector
from worker.photos.decoding import decode

GATE: Final = 0.95
# A network that has never seen a picture of nobody sees somebody in plain grey, and no worker takes it.
EMPTY: Final = 60
RUNS: Final = ("turn-1", "turn-2")
# Portraits fill the picture, kiosks' photos don't: mosaics and scale make heads of every size. Grey is one source's.
HYPERPARAMETERS: Final[Mapping[str, Any]] = {
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1,
    "close_mosaic": 4,
    "degrees": 8,
    "hsv_s": 0.9,
    "hsv_v": 0.5,
}


@dataclass(frozen=True, slots=True)
class Portrait:
    """A portrait with the head's box; what day 0 says of it, None where it does not see just one person."""

    photo: Photo
    box: Box
    said: Person | None

    @property
    def truth(self) -> Label | None:
        """None where nobody knows the age."""
        return None if self.photo.age_low is None else Label.of(elder=self.photo.elder, female=self.photo.female)


def portraits(data: Path) -> list[Portrait]:
    """Every portrait, asked about by day 0."""
    detector = load_detector(DEFAULT_MANIFEST)
    photos = [photo for photo in read_photos(data) if photo.source != CROPS]
    found = []
    for photo in photos:
        [people] = detector.detect([decode(photo.path.read_bytes(), max_pixels=40_000_000).image])
        found.append(people)
    usual = {
        source: _middle([people[0].box for photo, people in zip(photos, found, strict=True)
                         if photo.source == source and len(people) == 1])
        for source in {photo.source for photo in photos}
    }  # fmt: skip
    return [
        Portrait(photo, people[0].box, people[0]) if len(people) == 1 else Portrait(photo, usual[photo.source], None)
        for photo, people in zip(photos, found, strict=True)
    ]


def _middle(boxes: Sequence[Box]) -> Box:
    return Box(*(statistics.median(getattr(box, side) for box in boxes) for side in ("x0", "y0", "x1", "y1")))


def put(
    bucket: DatasetBucket, tree: Tree, labelled: Sequence[tuple[Portrait, Label]], scratch: Path, *, empty: int = 0
) -> None:
    """Portraits with labels, into a tree; and so many shops without anybody."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for number, (portrait, label) in enumerate(labelled):
        stem = f"{number:05}-{portrait.photo.path.stem}"
        shutil.copyfile(portrait.photo.path, scratch / f"{stem}.jpg")
        (scratch / f"{stem}.txt").write_text(format_labels([LabelledBox(label, portrait.box)]))
    for seed in range(empty):
        background(seed).save(scratch / f"empty-{seed}.jpg", quality=90)
        (scratch / f"empty-{seed}.txt").touch()
    scanned = scan_folder(scratch, dict(enumerate(LABELS)), kiosk="portraits")
    if scanned.invalid:
        sys.exit("\n".join(scanned.invalid))
    store(bucket, tree, scanned.pictures)
    print(f"{tree}: {len(labelled)} portraits, {empty} empty shops", flush=True)


def pretrained(out: Path) -> Path:
    """A YOLOv5n that finds drawn people, and tells them apart."""
    best = out / "drawn" / "run" / "weights" / "best.pt"
    if not best.exists():
        work = best.parents[2]
        shutil.rmtree(work, ignore_errors=True)
        job = {
            "task": "train", "work": str(work), "model": "yolov5n.yaml", "epochs": 20, "image_size": 128, "batch": 8,
            "device": "cpu", "workers": 0, "data": str(drawn_dataset(work / "data", 400)),
            "hyperparameters": {"optimizer": "AdamW", "lr0": 0.002, "mosaic": 0, "warmup_epochs": 1},
        }  # fmt: skip
        (work / "job.json").write_text(json.dumps(job))
        with (work / "events.jsonl").open("w") as events, (work / "log").open("w") as log:
            command = [str(TRAINER / "python"), "-m", "retrain.trainer", str(work / "job.json")]
            subprocess.run(command, cwd=ROOT, stdout=events, stderr=log, check=True)
    return best


def main() -> None:
    """Turn twice, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", default="40,30", help="of turn 1 and of turn 2")
    parser.add_argument("--image-size", type=int, default=192)
    asked = parser.parse_args()
    out: Path = asked.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    start = pretrained(out)
    print("day 0 looks at every portrait", flush=True)
    known = portraits(asked.data)
    with mock_aws():
        os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
        s3 = boto3.client("s3")
        for name in ("dataset", "weights", "final"):
            s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket="weights", VersioningConfiguration={"Status": "Enabled"})
        bucket, scratch = DatasetBucket(s3, "dataset"), out / "scratch"
        train = [one for one in known if one.photo.split == "train"]
        sure = [(one, one.said.label) for one in train if one.said is not None and one.said.confidence >= GATE]
        put(bucket, Tree.GOLDEN, _true(known, "val"), scratch)
        put(bucket, Tree.AUTO, sure, scratch)
        outcomes = [_turn(RUNS[0], asked, out, start, epochs=0)]
        put(bucket, Tree.REVIEWED, _true(known, "train"), scratch, empty=EMPTY)
        outcomes.append(_turn(RUNS[1], asked, out, start, epochs=1))

        final = DatasetBucket(s3, "final")
        put(final, Tree.GOLDEN, _true(known, "test"), scratch)
        shutil.rmtree(out / "test", ignore_errors=True)
        build(final, out / "test", build="portraits-test", settings=DatasetSettings(), earlier=None, predict=None,
              at=now(), say=lambda *_: None)  # fmt: skip
        results = []
        for run in RUNS:
            settings = JudgeSettings(golden_least=2, golden_least_per_label=1)
            judgement = judge(out / run / "manifest.json", None, out / "test", settings=settings)
            (out / f"{run}-on-test").mkdir(exist_ok=True)
            report.write(out / f"{run}-on-test", judgement)
            results.append(judgement.fields())
            print(f"{run} on test: {judgement.rule}: {judgement.reason}", flush=True)
    (out / "report.json").write_text(json.dumps({"outcomes": outcomes, "on_test": results}, indent=1) + "\n")


def _true(known: Sequence[Portrait], split: str) -> list[tuple[Portrait, Label]]:
    return [(one, one.truth) for one in known if one.photo.split == split and one.truth is not None]


def _turn(run: str, asked: argparse.Namespace, out: Path, start: Path, *, epochs: int) -> Any:
    """One training of the product's own, or what an earlier call kept of it; its outcome."""
    kept = out / run / "outcome.json"
    if kept.exists():
        return json.loads(kept.read_text())
    hyperparameters = out / "hyperparameters.json"
    hyperparameters.write_text(json.dumps(HYPERPARAMETERS))
    count = asked.epochs.split(",")[epochs]
    # Whoever judged turn 1 lets it serve only if it is better; turn 2 starts from it in any case.
    before = out / RUNS[0] / "weights.pt"
    environ = os.environ | environment_for(RetrainSettings, {
        "dataset_bucket": "dataset", "weights_bucket": "weights", "training": run,
        "work_dir": out / "work", "least_new_people": 1, "golden_least": 5,
        "epochs": count, "patience": count, "image_size": asked.image_size,
        "batch": 16, "device": "cpu", "loaders": 0, "force": True,
        "start_weights": before if run == RUNS[1] and before.exists() else start,
        "hyperparameters": hyperparameters,
    })  # fmt: skip
    print(f"{run}: training, {count} epochs", flush=True)
    if status := retrain([], environ):
        sys.exit(f"{run} ended with {status}")
    s3 = boto3.client("s3")
    outcome = json.loads(s3.get_object(Bucket="dataset", Key=f"trainings/{run}/outcome.json")["Body"].read())
    if outcome["run"] is None:
        sys.exit(f"{run} came to nothing: {outcome['reason']}")
    for key in DatasetBucket(s3, "weights").keys(f"runs/{run}/"):
        target = out / key.removeprefix("runs/")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file("weights", key, str(target))
    kept.write_text(json.dumps(outcome))
    return outcome


if __name__ == "__main__":
    main()
