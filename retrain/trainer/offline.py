"""Before ultralytics is imported: it writes into our folder only, asks no network, installs nothing, reports nothing.

Whoever names a model that must be downloaded, or a tracker, asked for that, and for no more.
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
OTHERS: Final = ("clearml", "comet", "dvc", "raytune", "tensorboard")
# Callbacks that report to ultralytics itself; and one that leaves the weights in the home folder for W&B to upload,
# where neither the archive of what was tracked nor another machine has them.
UNWANTED: Final = ("ultralytics.utils.events", "ultralytics.utils.callbacks.platform")
WEIGHTS_TO_WANDB: Final = ("ultralytics.utils.callbacks.wb", "on_train_end")


def shut(job: Job) -> None:
    """Set the environment that ultralytics reads when it is imported. InvalidJob for a tracker that is not there."""
    config = job.work / "config"
    config.mkdir(parents=True, exist_ok=True)
    os.environ["YOLO_CONFIG_DIR"] = str(config)
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ.pop("ULTRALYTICS_API_KEY", None)
    os.environ.pop("WANDB_DISABLED", None)
    if job.track not in ("none", *TRACKERS):
        raise InvalidJob(f"{job.track!r} is no tracker; choose none, {' or '.join(TRACKERS)}")
    if job.track != "none":
        try:
            importlib.import_module(job.track)
        except ImportError:
            raise InvalidJob(
                f"{job.track} is to follow the training, and is not installed where it runs: "
                f"uv pip install --python {sys.executable} {job.track}, or set NUNCHI_TRACK=none"
            ) from None
    if job.track == "wandb":
        os.environ.setdefault("WANDB_MODE", "offline")  # writes files; `wandb sync` sends them
        os.environ.setdefault("WANDB_DIR", str(job.work))
        for kind in ("CACHE", "CONFIG", "DATA"):  # it would write into the home folder
            os.environ.setdefault(f"WANDB_{kind}_DIR", str(config / "wandb"))
        os.environ.setdefault("WANDB_SILENT", "true")
    if job.track == "mlflow":
        os.environ.setdefault("MLFLOW_TRACKING_URI", job.track_to or f"sqlite:///{job.work / 'mlflow.db'}")
        os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "nunchi")
        os.environ.setdefault("MLFLOW_RUN", job.name)


def settle(job: Job) -> None:
    """Write ultralytics' own settings: no reports, no integration but the one that was asked for."""
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
            **dict.fromkeys(OTHERS, False),
            **{name: name == job.track for name in TRACKERS},
        }
    )
    _font(USER_CONFIG_DIR)


def silence(trainer: Any) -> list[str]:
    """Take away the callbacks that report to ultralytics' own services; the names of the trackers that remain."""
    remain = set()
    for callbacks in trainer.callbacks.values():
        for one in list(callbacks):
            home = getattr(one, "__module__", "") or ""
            if home in UNWANTED or (home, getattr(one, "__name__", "")) == WEIGHTS_TO_WANDB:
                callbacks.remove(one)
            elif home.startswith("ultralytics.utils.callbacks.") and not home.endswith(".base"):
                remain.add(home.rpartition(".")[2])
    return sorted(remain)


def _font(folder: Path) -> None:
    """Ultralytics fetches Arial when it reads a dataset, though it draws nothing; any font of that name will do."""
    import matplotlib  # noqa: PLC0415 - slow, and needed only here

    if not (wanted := folder / "Arial.ttf").exists():
        shutil.copyfile(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", wanted)
