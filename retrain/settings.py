"""The settings of a training run. `infra/`, `local/` and the `nunchi` command write these names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.gate import DEFAULT_GATE, parse_gate
from contracts.settings import existing_file, fraction, seconds, setting, whole
from contracts.training import LEAST_NEW
from contracts.weights import check_run_id
from recipes.reading import KIOSK

TRACKERS: Final = ("none", "wandb", "mlflow")
GOLDEN_LEAST: Final = 20  # golden people of each label, for a training and for `nunchi judge`
TRAINER_VARIABLE: Final = "NUNCHI_TRAINER_PYTHON"
DEFAULT_TRAINER: Final = Path(__file__).parents[1] / ".venv-trainer" / "bin" / "python"


def golden_photos_for(people: int) -> int:
    """The minimum number of golden photos, when each label needs that many people: a photo has two at most, mostly."""
    return 2 * people


def _tracker(text: str) -> str:
    if text not in TRACKERS:
        raise ValueError(f"{text!r} is not one of: {', '.join(TRACKERS)}")
    return text


def _yes_or_no(text: str) -> bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise ValueError(f"{text!r} is not true or false")


def _side(text: str) -> int:
    side = whole(32, 1280)(text)
    if side % 32:
        raise ValueError(f"{text} is not a multiple of 32 pixels")
    return side


def _device(text: str) -> str:
    if text not in ("auto", "cpu") and not all(number.isdigit() for number in text.split(",")):
        raise ValueError(f"{text!r} is not auto, cpu or GPU numbers such as 0,1")
    return text


def read_hyperparameters(path: Path | None) -> Mapping[str, Any]:
    """The hyperparameters in a JSON file, of a search or by hand; {} without one. ValueError when it is invalid."""
    if path is None:
        return {}
    content = json.loads(path.read_text())
    values = content.get("hyperparameters", content) if isinstance(content, dict) else content
    if not isinstance(values, dict) or not all(isinstance(value, int | float | str) for value in values.values()):
        raise ValueError(f"{path} is invalid: hyperparameters are a JSON object of names and numbers")
    return values


def _hyperparameters(text: str) -> Path:
    path = existing_file(text)
    read_hyperparameters(path)
    return path


@dataclass(frozen=True, kw_only=True)
class RetrainSettings:
    """All settings of a training. AWS region and credentials come from boto3's chain."""

    dataset_bucket: str = setting("NUNCHI_DATASET_BUCKET", "the bucket of labelled photos, builds and trainings")
    weights_bucket: str = setting("NUNCHI_WEIGHTS_BUCKET", "the bucket of runs of weights and the pointer to one")
    images_bucket: str | None = setting(
        "NUNCHI_IMAGES_BUCKET",
        "the bucket of results, which have the model's confidences; without one, only the reviews have them",
        default=None,
    )
    recipe: str = setting("NUNCHI_RECIPE", "what is trained: a recipe's name, or the folder of your own", default=KIOSK)
    start_heads: Path | None = setting(
        "NUNCHI_START_HEADS",
        "the manifest of the heads that serve before any training; without one, the recipe's own",
        parse=existing_file,
        default=None,
    )
    training: str | None = setting(
        "NUNCHI_TRAINING",
        "id of the training and of its run; the id of an interrupted training resumes it. Without one, the time gives "
        "a new id",
        parse=check_run_id,
        default=None,
    )
    work_dir: Path = setting(
        "NUNCHI_WORK_DIR",
        "folder in which the training's own folder is created, and deleted at the end",
        parse=Path,
        default=Path("/var/tmp/nunchi-retrain"),  # noqa: S108 - the training creates its own folder in it
    )
    trainer_python: Path = setting(
        TRAINER_VARIABLE,
        "the Python that has ultralytics (retrain/trainer/requirements.txt)",
        parse=Path,
        default=DEFAULT_TRAINER,
    )
    least_new_people: int = setting(
        "NUNCHI_LEAST_NEW_PEOPLE",
        "people in photos labelled since the model in service was trained, duplicates and caps left out; with fewer "
        "the training is skipped. `shell/train.sh` sets 1: label files were counted before its machine was started",
        parse=whole(0, 10_000_000),
        default=LEAST_NEW,
    )
    golden_least: int = setting(
        "NUNCHI_GOLDEN_LEAST",
        "human-checked people of each label in golden; with fewer, no candidate is judged, and the training is skipped",
        parse=whole(1, 1_000_000),
        default=GOLDEN_LEAST,
    )
    val_share: float = setting(
        "NUNCHI_VAL_SHARE",
        "share of the moments in the validation split, for model selection and calibration, 0-1",
        parse=fraction,
        default=0.15,
    )
    look_over: bool = setting(
        "NUNCHI_LOOK_OVER",
        "whether the model of day 0 searches for wrong labels while another serves; takes its time for every photo",
        parse=_yes_or_no,
        default=True,
    )
    gate: float = setting(
        "NUNCHI_GATE",
        "confidence from which a worker's label is training data, and whose promise a candidate must keep, 0-1",
        parse=parse_gate,
        default=DEFAULT_GATE,
    )
    most_images: int = setting(
        "NUNCHI_MOST_IMAGES", "maximum number of photos in a dataset", parse=whole(8, 10_000_000), default=20_000
    )
    start_weights: str = setting(
        "NUNCHI_START_WEIGHTS",
        "start weights while no trained YOLOv5 is in service: a network's .yaml (random weights), a .pt file, or the "
        "name of published weights such as yolov5nu.pt, which ultralytics downloads",
        default="yolov5n.yaml",
    )
    from_incumbent: bool = setting(
        "NUNCHI_FROM_INCUMBENT",
        "whether to start from the weights in service if they are a YOLOv5's",
        parse=_yes_or_no,
        default=True,
    )
    epochs: int = setting("NUNCHI_EPOCHS", "maximum number of epochs", parse=whole(1, 10_000), default=100)
    patience: int = setting(
        "NUNCHI_PATIENCE", "epochs without improvement before early stopping", parse=whole(1, 10_000), default=20
    )
    image_size: int = setting(
        "NUNCHI_IMAGE_SIZE", "longer side of the network's input, pixels", parse=_side, default=640
    )
    batch: int = setting("NUNCHI_BATCH", "batch size; 0: what fits on the GPU", parse=whole(0, 4096), default=0)
    device: str = setting("NUNCHI_DEVICE", "cpu, GPU numbers such as 0,1, or auto", parse=_device, default="auto")
    loaders: int = setting("NUNCHI_LOADERS", "data loader processes for each GPU", parse=whole(0, 64), default=8)
    seed: int = setting(
        "NUNCHI_SEED", "random seed; the same seed gives the same split", parse=whole(0, 2**31 - 1), default=0
    )
    hyperparameters: Path | None = setting(
        "NUNCHI_HYPERPARAMETERS",
        "JSON file of ultralytics' hyperparameters by name, as `python -m retrain search` writes it; without one, "
        "ultralytics' defaults",
        parse=_hyperparameters,
        default=None,
    )
    track: str = setting(
        "NUNCHI_TRACK",
        "experiment tracker: none, wandb (offline unless WANDB_MODE says otherwise) or mlflow",
        parse=_tracker,
        default="none",
    )
    track_to: str | None = setting(
        "NUNCHI_TRACK_TO",
        "the MLflow server (without one, a file in the work folder) or the W&B project (without one, `nunchi`)",
        default=None,
    )
    force: bool = setting(
        "NUNCHI_FORCE", "train despite label drift or too few new labels", parse=_yes_or_no, default=False
    )
    checkpoint_every_s: float = setting(
        "NUNCHI_CHECKPOINT_EVERY_S", "seconds between stored checkpoints", parse=seconds(1, 86400), default=120.0
    )
    stall_s: float = setting(
        "NUNCHI_STALL_S",
        "seconds without an event or a log line of the trainer, after which it is killed",
        parse=seconds(5, 86400),
        default=900.0,
    )
