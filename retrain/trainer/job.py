"""The trainer's job: one JSON file, whose keys are the fields here. retrain/fit/training.py writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

# The settings of ultralytics that affect training; none of them sets what is read, written or sent.
HYPERPARAMETERS: Final = frozenset(
    {
        *("optimizer", "lr0", "lrf", "momentum", "weight_decay", "nbs", "cos_lr"),
        *("warmup_epochs", "warmup_momentum", "warmup_bias_lr", "amp", "deterministic", "freeze"),
        *("box", "cls", "cls_pw", "dfl"),
        *("hsv_h", "hsv_s", "hsv_v", "bgr", "degrees", "translate", "scale", "shear", "perspective"),
        *("flipud", "fliplr", "mosaic", "close_mosaic", "mixup", "cutmix", "multi_scale"),
    }
)


class InvalidJob(Exception):
    """The job is invalid; nothing was started."""


class Task(StrEnum):
    TRAIN = "train"
    EXPORT = "export"
    VAL = "val"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job. `work` is the trainer's own folder; it writes nowhere else.

    `model`: the start weights: a .pt file, the name of published ones, or a network's .yaml for random weights; for the
    other tasks a .pt file. `device`: "cpu", "0", "0,1", or "" for a GPU if there is one. `batch` 0: what fits.
    `resume`: a last.pt to resume from; `model` is ignored then. `hyperparameters` have ultralytics' own names.
    `track_to`: an MLflow server, or a W&B project. `split`: the split of a validation.
    """

    task: Task
    work: Path
    model: str
    data: Path | None = None
    epochs: int = 100
    patience: int = 20
    image_size: int = 640
    batch: int = 0
    device: str = ""
    seed: int = 0
    workers: int = 8
    resume: Path | None = None
    track: str = "none"
    track_to: str | None = None
    name: str = "run"
    split: str = "val"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a job's file; InvalidJob when it is invalid."""
        try:
            given = json.loads(path.read_text())
            known = {item.name for item in fields(cls)}
            if unknown := sorted(set(given) - known):
                raise InvalidJob(
                    f"{path} has unknown fields: {', '.join(unknown)}; the fields are {', '.join(sorted(known))}"
                )
            for name in ("work", "data", "resume"):
                given[name] = Path(given[name]).absolute() if given.get(name) else None
            job = cls(**(given | {"task": Task(given["task"])}))
        except (OSError, TypeError, KeyError, ValueError, AttributeError) as error:
            raise InvalidJob(f"{path} is not a valid job of the trainer: {error!r}") from None
        if job.task is not Task.EXPORT and (job.data is None or not job.data.is_file()):
            raise InvalidJob(f"{job.data or 'data'} is missing: the data.yaml of a dataset")
        if job.task is not Task.TRAIN and not Path(job.model).is_file():
            raise InvalidJob(f"{job.model} is missing: the file to {job.task}")
        if unknown := sorted(set(job.hyperparameters) - HYPERPARAMETERS):
            raise InvalidJob(
                f"unknown hyperparameters: {', '.join(unknown)}; valid are {', '.join(sorted(HYPERPARAMETERS))}"
            )
        return job

    @property
    def devices(self) -> int:
        """The number of GPUs in `device`."""
        return 0 if self.device in ("", "cpu", "mps") else len(self.device.split(","))
