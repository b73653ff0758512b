"""A training session: from a dataset's folder to trained weights and their ONNX.

The checkpoint is stored every few minutes, so that losing the machine costs minutes of training.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from retrain.errors import Interrupted, TrainerFailed
from retrain.fit.checkpoints import Checkpoints, LoadedCheckpoint
from retrain.fit.trainer_process import Event, OutOfMemory, TrainerProcess
from retrain.progress import Say, silent

log = logging.getLogger(__name__)

CPU_BATCH: Final = 16  # the trainer's default
MAX_HALVINGS: Final = 4  # of the batch, before the training fails with OutOfMemory


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of a training; retrain/trainer/job.py explains each. `batch` 0: what fits."""

    model: str
    epochs: int = 100
    patience: int = 20
    image_size: int = 640
    batch: int = 0
    device: str = ""
    seed: int = 0
    workers: int = 8
    track: str = "none"
    track_to: str | None = None
    name: str = "run"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def job(self, data: Path) -> dict[str, Any]:
        """The trainer's job for a data.yaml."""
        return {"task": "train", "data": str(data), **vars(self)}


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """The result of a training: files in the trainer's folder, and `epochs` trained on this machine in `seconds`.

    `notes` are deviations that a person should know: other start weights, a smaller batch.
    """

    best: Path
    metrics: Mapping[str, float]
    epochs: int
    seconds: float
    device: str
    notes: tuple[str, ...]


@dataclass(kw_only=True)
class TrainingSession:
    """One training: runs the trainer, reports its events and stores its checkpoints, if `checkpoints` is given.

    `build` is the id of the dataset, so that a checkpoint of another one is not resumed from.
    """

    trainer: TrainerProcess
    plan: Plan
    data: Path
    build: str = ""
    checkpoints: Checkpoints | None = None
    say: Say = silent
    store_every_s: float = 120.0
    follow: Callable[[Event], None] = lambda _: None

    def __post_init__(self) -> None:
        self._unstored: Event | None = None
        self._stored_at = self._started_at = time.monotonic()
        self._epoch = self._trained = 0
        self._device = "?"
        self._batch = self.plan.batch
        self._notes: list[str] = []

    def run(self) -> TrainedWeights:
        """Train to the end, from the stored checkpoint if there is one.

        Interrupted on a stop request, TrainerFailed on a failure; in both cases the last checkpoint is stored.
        """
        checkpoint = self._checkpoint()
        if checkpoint is not None:
            self.say(checkpoint.epoch, self.plan.epochs, f"resumes after epoch {checkpoint.epoch}, from its checkpoint")
        last, batch = (checkpoint.last if checkpoint else None), self.plan.batch
        halvings = 0
        while True:
            try:
                done = self.trainer.run(self._job(last, batch), self._on_event)
                break
            except OutOfMemory:
                self._store()
                batch = (self._batch or CPU_BATCH) // 2
                if halvings == MAX_HALVINGS or batch < 1:
                    raise
                halvings += 1
                local = self.trainer.work / "checkpoint" / "last.pt"  # the newest of this session
                last = local if local.exists() else last
                self._note(f"out of memory; training goes on with a batch of {batch}")
            except (Interrupted, TrainerFailed):
                self._store()
                raise
        self._store()
        return TrainedWeights(
            best=Path(done["best"]),
            metrics=done["metrics"],
            epochs=self._trained,
            seconds=time.monotonic() - self._started_at,
            device=self._device,
            notes=tuple(self._notes),
        )

    def _job(self, last: Path | None, batch: int) -> dict[str, Any]:
        job = replace(self.plan, batch=batch).job(self.data)
        return job | ({"resume": str(last)} if last else {})

    def _checkpoint(self) -> LoadedCheckpoint | None:
        if self.checkpoints is None:
            return None
        checkpoint = self.checkpoints.load(self.trainer.work / "resume")
        if checkpoint is not None and checkpoint.build != self.build:
            self._note(f"the checkpoint is of build {checkpoint.build}, not {self.build}; the training starts over")
            return None
        return checkpoint

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self.say(self._epoch, max(self.plan.epochs, self._epoch), text)

    def _on_event(self, event: Event) -> None:
        match event["event"]:
            case "started":
                self._device, self._batch = event["device"], event["batch"]
                text = f"{event['pictures']} photos on {event['device']}, batch {event['batch']}"
                trackers = f", tracked by {', '.join(event['sends'])}" if event["sends"] else ""
                self.say(event["first_epoch"] - 1, event["epochs"], text + trackers)
            case "epoch":
                self._epoch, self._trained = event["epoch"], self._trained + 1
                left = (event["epochs"] - event["epoch"]) * event["seconds"]
                text = f"mAP50 {event['map50']:.3f}, mAP50-95 {event['map50_95']:.3f} on val"
                self.say(event["epoch"], event["epochs"], f"{text}; {event['seconds']:.1f} s, {_left(left)}")
            case "checkpoint":
                self._unstored = event
                if time.monotonic() - self._stored_at >= self.store_every_s:
                    self._store()
            case "batch":
                self._batch = event["batch"]
                self._note(f"out of memory; training goes on with a batch of {event['batch']}")
            case "note":
                self._note(event["text"])
        self.follow(event)

    def _store(self) -> None:
        """Store the newest checkpoint. A storage error costs the checkpoint, not the training."""
        event, self._unstored = self._unstored, None
        if event is None or self.checkpoints is None:
            return
        best = Path(event["best"]) if event.get("best") else None
        try:
            self.checkpoints.save(Path(event["last"]), best, epoch=event["epoch"], build=self.build)
        except (ClientError, BotoCoreError, OSError) as error:
            log.warning("the checkpoint of epoch %s was not stored; the training goes on: %s", event["epoch"], error)
            self._unstored = event
        self._stored_at = time.monotonic()


def export(trainer: TrainerProcess, weights: Path, image_size: int) -> Path:
    """Export trained weights to ONNX; TrainerFailed on failure."""
    done = trainer.run({"task": "export", "model": str(weights), "image_size": image_size})
    return Path(done["network"])


def _left(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"
