"""Keeps ultralytics offline: it writes to the job's folder only, installs nothing and reports nothing.

The exceptions are what the job names: a model to download, or an experiment tracker.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from retrain.trainer.job import InvalidJob, Job

TRACKERS: Final = ("mlflow", "wandb")
OTHER_TRACKERS: Final = ("clearml", "comet", "dvc", "raytune", "tensorboard")
# Callbacks that report to ultralytics itself; and one that leaves the weights in the home folder for W&B to upload,
# which is neither in the archive of the tracker's files nor on another machine.
UNWANTED: Final = ("ultralytics.utils.events", "ultralytics.utils.callbacks.platform")
WEIGHTS_TO_WANDB: Final = ("ultralytics.utils.callbacks.wb", "on_train_end")


def configure_environment(job: Job) -> None:
    """Set the variables that ultralytics reads at import. InvalidJob for an unknown or missing tracker."""
    config = job.work / "config"
    config.mkdir(parents=True, exist_ok=True)
    os.environ["YOLO_CONFIG_DIR"] = str(config)
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ.pop("ULTRALYTICS_API_KEY", None)
    os.environ.pop("WANDB_DISABLED", None)
    if job.track not in ("none", *TRACKERS):
        raise InvalidJob(f"{job.track!r} is not a supported tracker; choose none, {' or '.join(TRACKERS)}")
    if job.track != "none":
        try:
            importlib.import_module(job.track)
        except ImportError:
            raise InvalidJob(
                f"{job.track} is not installed in the trainer's environment: "
                f"uv pip install --python {sys.executable} {job.track}, or set NUNCHI_TRACK=none"
            ) from None
    if job.track == "wandb":
        os.environ.setdefault("WANDB_MODE", "offline")  # writes files, which `wandb sync` uploads
        os.environ.setdefault("WANDB_DIR", str(job.work))
        for kind in ("CACHE", "CONFIG", "DATA"):  # otherwise it writes to the home folder
            os.environ.setdefault(f"WANDB_{kind}_DIR", str(config / "wandb"))
        os.environ.setdefault("WANDB_SILENT", "true")
    if job.track == "mlflow":
        os.environ.setdefault("MLFLOW_TRACKING_URI", job.track_to or f"sqlite:///{job.work / 'mlflow.db'}")
        os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "nunchi")
        os.environ.setdefault("MLFLOW_RUN", job.name)


def write_settings(job: Job) -> None:
    """Write ultralytics' settings file: no reports, and no integration but the job's tracker."""
    from ultralytics.utils import SETTINGS, USER_CONFIG_DIR  # noqa: PLC0415 - reads the environment when imported

    SETTINGS.update(
        {
            "sync": False,
            "api_key": "",
            "vscode_msg": False,
            "openvino_msg": False,
            "runs_dir": str(job.work / "runs"),
            "weights_dir": str(job.work / "weights"),
            "datasets_dir": str(job.work / "datasets"),
            **dict.fromkeys(OTHER_TRACKERS, False),
            **{name: name == job.track for name in TRACKERS},
        }
    )
    _font(USER_CONFIG_DIR)


def silence(trainer: Any) -> list[str]:
    """Remove the callbacks that report to ultralytics' services; the names of the remaining trackers."""
    remaining = set()
    for callbacks in trainer.callbacks.values():
        for callback in list(callbacks):
            module = getattr(callback, "__module__", "") or ""
            if module in UNWANTED or (module, getattr(callback, "__name__", "")) == WEIGHTS_TO_WANDB:
                callbacks.remove(callback)
            elif module.startswith("ultralytics.utils.callbacks.") and not module.endswith(".base"):
                remaining.add(module.rpartition(".")[2])
    return sorted(remaining)


def _font(folder: Path) -> None:
    """Ultralytics downloads Arial when it reads a dataset, but does not use it; a copy of any font prevents that."""
    import matplotlib  # noqa: PLC0415 - slow, and needed only here

    if not (font := folder / "Arial.ttf").exists():
        shutil.copyfile(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", font)
