"""One run: the product's trainer, export, packaging and calibration. An interrupted run goes on from its checkpoint."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.training import TRAINER
from contracts.weights import MANIFEST
from recipes.kiosk.labels import LABELS
from retrain.fit.calibration import AS_IT_IS, calibrate, examples
from retrain.fit.candidate import CUT, package, with_fields
from retrain.fit.checkpoints import Checkpoints, LoadedCheckpoint
from retrain.fit.trainer_process import TrainerProcess
from retrain.fit.training import Plan, TrainingSession, export
from retrain.judge.golden import golden_photos
from retrain.judge.predictions import predictor
from retrain.run.stages import code_version

# Scenes have every size, tilt and light already, so half of the mosaics are enough. ultralytics adds gradients up to
# 64 photos before a step, which leaves a short training few steps: `nbs` is the batch.
BATCH: Final = 8
HYPERPARAMETERS: Final[Mapping[str, Any]] = {
    "optimizer": "AdamW",
    "lr0": 0.0015,
    "nbs": BATCH,
    "warmup_epochs": 1,
    "mosaic": 0.5,
    "close_mosaic": 2,
    "scale": 0.3,
}
SCRATCH: Final = "yolov5n.yaml"  # random weights


class FolderCheckpoints(Checkpoints):
    """The checkpoint that the trainer leaves in its work folder: the disk of a benchmark stays."""

    def __init__(self, work: Path) -> None:
        self._saved = work / "checkpoint"

    def save(self, last: Path, best: Path | None, *, epoch: int, build: str) -> None:
        """Write what the trainer's files are of: `last`, and `best` beside it."""
        assert last.parent == self._saved
        assert best is None or best.parent == self._saved
        part = self._saved / "state.part"
        part.write_text(json.dumps({"epoch": epoch, "build": build}))
        part.replace(self._saved / "state.json")

    def load(self, folder: Path) -> LoadedCheckpoint | None:
        """A copy of the checkpoint in `folder`; None without one."""
        state = self._saved / "state.json"
        if not state.exists():
            return None
        shutil.copytree(self._saved, folder, dirs_exist_ok=True)
        return LoadedCheckpoint(folder / "last.pt", **json.loads(state.read_text()))


def train(dataset: Path, folder: Path, *, run: str, epochs: int, image_size: int, finish: bool) -> Path | None:
    """Train, export, package and calibrate a run into `folder`; its manifest. Done once: another call returns it.

    `finish`: take the weights of the last finished epoch instead of training on; None if there are none.
    """
    candidate = folder / "candidate"
    if (candidate / MANIFEST).exists():
        return candidate / MANIFEST
    trainer = TrainerProcess(
        command=[str(TRAINER / "python"), "-m", "retrain.trainer"], work=folder / "trainer", stopping=threading.Event()
    )
    plan = Plan(
        model=SCRATCH, epochs=epochs, patience=epochs, image_size=image_size, batch=BATCH, device="cpu", workers=0,
        name=run, hyperparameters=HYPERPARAMETERS,
    )  # fmt: skip
    checkpoints = FolderCheckpoints(trainer.work)
    if finish:
        last = checkpoints.load(folder / "last")
        if last is None:
            return None
        weights, done = last.last, last.epoch
    else:
        session = TrainingSession(
            trainer=trainer,
            plan=plan,
            data=dataset / "data.yaml",
            build=run,
            checkpoints=checkpoints,
            store_every_s=0,
            say=_say,
        )
        weights, done = session.run().best, epochs
    unfinished = folder / "unfinished"
    packaged = package(
        unfinished, run=run, onnx=export(trainer, weights, image_size), weights_pt=weights, input=image_size,
        calibration=AS_IT_IS, data={"taught_by": run}, training=_training(plan, done), code_version=code_version(),
    classes=LABELS)  # fmt: skip
    photos = golden_photos(dataset, "val", classes=LABELS)
    predictions = predictor(packaged)([photo.path for photo in photos])
    human = {photo.path.stem for photo in photos}
    fitted = calibrate(examples(photos, predictions, human=human), least=CUT["confidence"])
    with_fields(unfinished, calibration=fitted)
    unfinished.replace(candidate)
    return candidate / MANIFEST


def _training(plan: Plan, done: int) -> dict[str, Any]:
    return {
        "from": plan.model,
        "epochs": done,
        "planned_epochs": plan.epochs,
        "batch": plan.batch,
        "image_size": plan.image_size,
        "hyperparameters": dict(plan.hyperparameters),
    }


def _say(done: int, total: int, text: str) -> None:
    print(f"epoch {done} of {total}: {text}", flush=True)
