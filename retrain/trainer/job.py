"""What the trainer is asked to do: one JSON file. Its keys are the fields here; retrain/fit/training.py writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

# Of ultralytics' settings those that say how to learn; none of them says what to read, write or send.
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
    """The job says something that can't be done; nothing was started."""


class Task(StrEnum):
    TRAIN = "train"
    EXPORT = "export"
    VAL = "val"


@dataclass(frozen=True, kw_only=True)
class Job:
    """`work` is the trainer's own folder; it writes nowhere else.

    `model`: what training starts from: a .pt file, the name of one that ultralytics publishes, or the .yaml of a
    network, which starts from nothing; for the other tasks the .pt file. `device`: "cpu", "0", "0,1", or "" for what
    there is. `batch` 0: as many pictures as fit. `resume`: a last.pt to go on from; then `model` is not read.
    `hyperparameters` are ultralytics' own settings by their own names. `track_to`: an MLflow server, or a project of
    Weights & Biases. `split` is what a validation measures on.
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
        """InvalidJob when the file is no job."""
        try:
            given = json.loads(path.read_text())
            known = {one.name for one in fields(cls)}
            if unknown := sorted(set(given) - known):
                raise InvalidJob(
                    f"{path}: a job has no {', '.join(unknown)}; its fields are {', '.join(sorted(known))}"
                )
            for name in ("work", "data", "resume"):
                given[name] = Path(given[name]).absolute() if given.get(name) else None
            job = cls(**(given | {"task": Task(given["task"])}))
        except (OSError, TypeError, KeyError, ValueError, AttributeError) as error:
            raise InvalidJob(f"{path} is not a job for the trainer: {error!r}") from None
        if job.task is not Task.EXPORT and (job.data is None or not job.data.is_file()):
            raise InvalidJob(f"there is no {job.data or 'data'}: the data.yaml of a dataset")
        if job.task is not Task.TRAIN and not Path(job.model).is_file():
            raise InvalidJob(f"there is no file {job.model} to {job.task}")
        if strange := sorted(set(job.hyperparameters) - HYPERPARAMETERS):
            raise InvalidJob(
                f"{', '.join(strange)} is no hyperparameter; they are {', '.join(sorted(HYPERPARAMETERS))}"
            )
        return job

    @property
    def devices(self) -> int:
        """How many GPUs are named."""
        return 0 if self.device in ("", "cpu", "mps") else len(self.device.split(","))
