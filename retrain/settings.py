"""The settings of a training run. `infra/`, `local/` and the `nunchi` command write these names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.gate import DEFAULT_GATE, parse_gate
from contracts.settings import existing_file, fraction, seconds, setting, whole
from contracts.weights import check_run_id

TRACKERS: Final = ("none", "wandb", "mlflow")
DEFAULT_TRAINER: Final = Path(__file__).parents[1] / ".venv-trainer" / "bin" / "python"


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return parse


def _yes_or_no(text: str) -> bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise ValueError(f"{text!r} is neither true nor false")


def _side(text: str) -> int:
    side = whole(32, 1280)(text)
    if side % 32:
        raise ValueError(f"{text} is no multiple of 32 pixels")
    return side


def _device(text: str) -> str:
    if text not in ("auto", "cpu") and not all(one.isdigit() for one in text.split(",")):
        raise ValueError(f"{text!r} is neither auto nor cpu nor numbers of GPUs as in 0,1")
    return text


def read_hyperparameters(path: Path | None) -> Mapping[str, Any]:
    """Of the file that a search wrote, or that a person did; ValueError when it is none."""
    if path is None:
        return {}
    found = json.loads(path.read_text())
    found = found.get("hyperparameters", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(one, int | float | str) for one in found.values()):
        raise ValueError(f"{path} holds no hyperparameters: a JSON object of names and numbers")
    return found


def _hyperparameters(text: str) -> Path:
    path = existing_file(text)
    read_hyperparameters(path)
    return path


@dataclass(frozen=True, kw_only=True)
class RetrainSettings:
    """Everything that a training must know before it starts. AWS region and credentials come from boto3's chain."""

    dataset_bucket: str = setting("NUNCHI_DATASET_BUCKET", "the bucket of labelled photos, builds and trainings")
    weights_bucket: str = setting("NUNCHI_WEIGHTS_BUCKET", "the bucket of runs of weights and the pointer to one")
    images_bucket: str | None = setting(
        "NUNCHI_IMAGES_BUCKET",
        "the bucket of results, which say how sure the model was; without one, only the reviews do",
        default=None,
    )
    training: str | None = setting(
        "NUNCHI_TRAINING",
        "the training's id, and its run's; one that was cut off goes on. Without one, a new id is made of the time",
        parse=check_run_id,
        default=None,
    )
    work_dir: Path = setting(
        "NUNCHI_WORK_DIR",
        "folder in which a folder of the training is made, and taken away at the end",
        parse=Path,
        default=Path("/var/tmp/nunchi-retrain"),  # noqa: S108 - a folder of the training's own is made in it
    )
    trainer_python: Path = setting(
        "NUNCHI_TRAINER_PYTHON",
        "the Python that has ultralytics (retrain/trainer/requirements.txt)",
        parse=Path,
        default=DEFAULT_TRAINER,
    )
    least_new_people: int = setting(
        "NUNCHI_LEAST_NEW_PEOPLE",
        "people in photos labelled since the model in service was trained, duplicates and caps left out; with fewer "
        "the training is skipped. `shell/train.sh` sets 1: label files were counted before its machine was started",
        parse=whole(0, 10_000_000),
        default=300,
    )
    golden_least: int = setting(
        "NUNCHI_GOLDEN_LEAST",
        "people that a person has checked, of each label, under which no training is judged",
        parse=whole(1, 1_000_000),
        default=20,
    )
    val_share: float = setting(
        "NUNCHI_VAL_SHARE",
        "share of the moments kept out of training to choose and calibrate by, 0-1",
        parse=fraction,
        default=0.15,
    )
    look_over: bool = setting(
        "NUNCHI_LOOK_OVER",
        "whether the model of day 0 looks for wrong labels once another one serves; takes its time for every photo",
        parse=_yes_or_no,
        default=True,
    )
    gate: float = setting(
        "NUNCHI_GATE",
        "confidence from which a worker's label is true enough to train on: what a candidate must keep, 0-1",
        parse=parse_gate,
        default=DEFAULT_GATE,
    )
    most_images: int = setting(
        "NUNCHI_MOST_IMAGES", "photos in a dataset, at most", parse=whole(8, 10_000_000), default=20_000
    )
    start_weights: str = setting(
        "NUNCHI_START_WEIGHTS",
        "what to start from when no trained YOLOv5 serves: a network's .yaml, from nothing; a .pt file; or the name of "
        "one that ultralytics publishes, as yolov5nu.pt, which is downloaded",
        default="yolov5n.yaml",
    )
    from_incumbent: bool = setting(
        "NUNCHI_FROM_INCUMBENT",
        "whether to start from the weights in service when they are a YOLOv5's",
        parse=_yes_or_no,
        default=True,
    )
    epochs: int = setting(
        "NUNCHI_EPOCHS", "times that every photo is learned from, at most", parse=whole(1, 10_000), default=100
    )
    patience: int = setting(
        "NUNCHI_PATIENCE", "epochs without a better one after which it ends", parse=whole(1, 10_000), default=20
    )
    image_size: int = setting(
        "NUNCHI_IMAGE_SIZE", "longer side of what the network sees of a photo, pixels", parse=_side, default=640
    )
    batch: int = setting("NUNCHI_BATCH", "photos learned from at a time; 0: what fits", parse=whole(0, 4096), default=0)
    device: str = setting("NUNCHI_DEVICE", "cpu, numbers of GPUs as in 0,1, or auto", parse=_device, default="auto")
    loaders: int = setting("NUNCHI_LOADERS", "processes that read photos for each GPU", parse=whole(0, 64), default=8)
    seed: int = setting(
        "NUNCHI_SEED", "what chance begins from; the same seed, the same split", parse=whole(0, 2**31 - 1), default=0
    )
    hyperparameters: Path | None = setting(
        "NUNCHI_HYPERPARAMETERS",
        "JSON file of ultralytics' hyperparameters by name, as `python -m retrain search` writes it; without one, its "
        "defaults",
        parse=_hyperparameters,
        default=None,
    )
    track: str = setting(
        "NUNCHI_TRACK",
        "who follows the training: none, wandb (offline unless WANDB_MODE says otherwise) or mlflow",
        parse=_one_of(*TRACKERS),
        default="none",
    )
    track_to: str | None = setting(
        "NUNCHI_TRACK_TO",
        "the MLflow server, without one a file in the work folder; or W&B's project, without one `nunchi`",
        default=None,
    )
    force: bool = setting(
        "NUNCHI_FORCE", "train although labels drift, or are too few", parse=_yes_or_no, default=False
    )
    checkpoint_every_s: float = setting(
        "NUNCHI_CHECKPOINT_EVERY_S", "seconds between checkpoints stored", parse=seconds(1, 86400), default=120.0
    )
    stall_s: float = setting(
        "NUNCHI_STALL_S",
        "seconds without a word from the trainer, nor a line in its log, after which it is ended",
        parse=seconds(5, 86400),
        default=900.0,
    )
