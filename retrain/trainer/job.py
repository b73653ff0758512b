"""The trainer's jobs: one JSON file, whose keys are the fields here.

retrain/fit/training.py writes those of a detector, retrain/heads/tuning.py those of a network that heads stand on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
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
    TUNE = "tune"  # a TuneJob; the others are Jobs
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
        job = cls(**_read(path, cls, ("work", "data", "resume")))
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


@dataclass(frozen=True, kw_only=True)
class TuneJob:
    """The last blocks of a network, and heads on it, learn together. `work` is the trainer's own folder.

    `network`: its ONNX file. `arrays`: a .npz file, which has for region i `i.part`, of each of its crops: 0 learned
    from, 1 chosen by, 2 never seen; for its head j `i.j.targets`, the value's index or the score, NaN for unknown; and
    `i.j.weights` (features, values) and `i.j.bias`, where the head begins. `regions`: of each `{"crops", "augment",
    "heads"}`: a .npy file of bytes (n, side, side, 3), names of augmentations, and heads `{"pool", "class_weights",
    "score"}`, the last one the ends of its range or null. Each of `optimizers` begins anew; `patience`: epochs without
    a smaller loss after which one ends.
    """

    task: Task
    work: Path
    network: Path
    arrays: Path
    regions: Sequence[Mapping[str, Any]]
    unfreeze: int
    optimizers: Sequence[str]
    epochs: int
    patience: int = 3
    batch: int = 32
    device: str = ""
    seed: int = 0
    track: str = "none"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a job's file; InvalidJob when it is invalid."""
        job = cls(**_read(path, cls, ("work", "network", "arrays")))
        files = [job.network, job.arrays, *(Path(region["crops"]) for region in job.regions)]
        if missing := [file for file in files if not file.is_file()]:
            raise InvalidJob(f"{missing[0]} is missing: a file that the job {path} names")
        return job


def read_job(path: Path) -> Job | TuneJob:
    """The job of a file, of whichever kind; InvalidJob when it is invalid."""
    try:
        tunes = json.loads(path.read_text()).get("task") == Task.TUNE
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidJob(f"{path} is not a valid job of the trainer: {error!r}") from None
    return TuneJob.read(path) if tunes else Job.read(path)


def _read(path: Path, kind: type[Job | TuneJob], paths: Sequence[str]) -> dict[str, Any]:
    """The fields of a job's file, those of `paths` as absolute paths; InvalidJob when there are others, or too few."""
    try:
        given: dict[str, Any] = json.loads(path.read_text())
        known = {item.name: item for item in fields(kind)}
        if unknown := sorted(set(given) - set(known)):
            raise InvalidJob(
                f"{path} has unknown fields: {', '.join(unknown)}; the fields are {', '.join(sorted(known))}"
            )
        for name in paths:
            given[name] = Path(given[name]).absolute() if given.get(name) else None
        required = {name for name, item in known.items() if item.default is MISSING and item.default_factory is MISSING}
        if missing := sorted(name for name in required if given.get(name) is None):
            raise ValueError(f"it has no {', '.join(missing)}")
        return given | {"task": Task(given["task"])}
    except (OSError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise InvalidJob(f"{path} is not a valid job of the trainer: {error!r}") from None
