"""One training by ultralytics: sends events, stops at any batch, and resumes from a checkpoint."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from retrain.trainer import mixed, untouched
from retrain.trainer.events import Events
from retrain.trainer.job import Job
from retrain.trainer.offline import silence
from retrain.trainer.origin import remove_origin

RANK: Final = int(os.environ.get("RANK", "-1"))
IS_FIRST: Final = RANK in (-1, 0)  # of several processes, the one that sends events
CPU_BATCH: Final = 16
PROJECT: Final = "nunchi"
DOWNLOAD_S: Final = 20.0  # without a byte
MAX_CACHED: Final = 10_000  # photos kept in memory, if they fit
METRICS: Final = {"map50": "metrics/mAP50(B)", "map50_95": "metrics/mAP50-95(B)"}


class TrainingInterrupted(BaseException):
    """A stop was requested; the last checkpoint resumes. Not an Exception, so that no handler in between catches it."""


class UltralyticsTraining:
    """Ultralytics' trainer and its callbacks. `stopped` returns whether a stop is requested."""

    def __init__(self, job: Job, events: Events, stopped: Callable[[], bool]) -> None:
        self._job = job
        self._events = events
        self._stopped = stopped
        self._saved = job.work / "checkpoint"
        self._batch = 0
        self._began = self._trained_s = 0.0
        self._training = False  # an epoch is running: the last validation, of the best weights, is not one

    def run(self) -> dict[str, Any]:
        """Train to the end; the files and the metrics of the best epoch. TrainingInterrupted on a stop request."""
        from ultralytics import YOLO  # noqa: PLC0415 - torch takes seconds

        job = self._job
        if (results := self._completed()) is not None:
            return results
        mixed.patch()
        untouched.patch()
        model = YOLO(str(job.resume or self._start_weights()))
        for name in (name for name in vars(type(self)) if name.startswith("_on_")):
            model.add_callback(name[1:], getattr(self, name))
        model.train(**self._settings())
        if self._stopped() and model.trainer.epoch + 1 < model.trainer.epochs:
            raise TrainingInterrupted  # on several GPUs, which can only stop together, at the end of an epoch
        return self._results(model.trainer)

    def checkpoint(self) -> Path | None:
        """The checkpoint to resume from: this training's, or the one that it resumed from."""
        last = self._saved / "last.pt"
        return last if last.exists() else self._job.resume

    def _settings(self) -> dict[str, Any]:
        job = self._job
        device = job.device or _available_device()
        settings = {
            "data": str(job.data),
            "device": device,
            "workers": job.workers,
            "save_dir": str(job.work / "run"),
            "cache": _training_photos(job) <= MAX_CACHED,
            "plots": False,  # they show photos, and a tracker would upload them
            "patience": job.patience,
        }
        if job.resume is not None:
            return settings | {"resume": str(job.resume)} | ({"batch": job.batch} if job.batch else {})
        return settings | {
            "epochs": job.epochs,
            "imgsz": job.image_size,
            "batch": job.batch or (-1 if job.devices == 1 or device == "0" else CPU_BATCH * max(1, job.devices)),
            "seed": job.seed,
            "project": (job.track_to if job.track == "wandb" else None) or PROJECT,  # of W&B; the folder is save_dir
            "name": job.name,
            "verbose": False,
            **job.hyperparameters,
        }

    def _start_weights(self) -> str:
        """The start weights; random ones, with a note, if published ones can't be downloaded."""
        name = self._job.model
        if name.endswith(".yaml") or Path(name).is_file():
            return name
        from ultralytics.utils.downloads import attempt_download_asset  # noqa: PLC0415

        folder = self._job.work / "weights"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            socket.setdefaulttimeout(DOWNLOAD_S)  # a network without internet access may not even refuse a connection
            path, reason = attempt_download_asset(folder / Path(name).name, retry=1), ""
        except (OSError, RuntimeError) as error:  # every ConnectionError is an OSError
            path, reason = "", f" ({error})".splitlines()[0]
        finally:
            socket.setdefaulttimeout(None)
        if path and Path(path).is_file():
            return str(path)
        scratch = Path(name).stem.removesuffix("u") + ".yaml"
        if IS_FIRST:
            text = f"{name} could not be downloaded{reason}; the training starts from random weights: {scratch}"
            self._events.send("note", text=text)
        return scratch

    def _completed(self) -> dict[str, Any] | None:
        """The results of a training that was interrupted after its last epoch; None if epochs remain."""
        if self._job.resume is None:
            return None
        from ultralytics.utils.patches import torch_load  # noqa: PLC0415

        saved = torch_load(self._job.resume, map_location="cpu")
        if saved["epoch"] + 1 < saved["train_args"]["epochs"]:
            with suppress(FileNotFoundError):
                self._copy_best()
            return None
        from ultralytics.utils.torch_utils import strip_optimizer  # noqa: PLC0415

        weights = self._job.work / "run" / "weights"
        weights.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._job.resume, weights / "last.pt")
        beside = self._job.resume.with_name("best.pt")
        shutil.copyfile(beside if beside.exists() else self._job.resume, weights / "best.pt")
        for name in ("last.pt", "best.pt"):
            strip_optimizer(weights / name)
            remove_origin(weights / name)
        metrics = {name: round(float(saved["train_metrics"].get(key, 0)), 5) for name, key in METRICS.items()}
        return {"best": str(weights / "best.pt"), "last": str(weights / "last.pt"), "metrics": metrics}

    def _copy_best(self) -> None:
        """Copy the best epoch so far to where ultralytics looks for it: it may stay the best."""
        if IS_FIRST and self._job.resume is not None:
            best = self._job.work / "run" / "weights" / "best.pt"
            best.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._job.resume.with_name("best.pt"), best)

    def _results(self, trainer: Any) -> dict[str, Any]:
        best = trainer.best if trainer.best.exists() else trainer.last
        if IS_FIRST:
            remove_origin(best)
        metrics = {name: round(float(trainer.metrics.get(key, 0)), 5) for name, key in METRICS.items()}
        return {"best": str(best), "last": str(trainer.last), "metrics": metrics}

    # Ultralytics' callbacks, in order.

    def _on_pretrain_routine_start(self, trainer: Any) -> None:
        self._trackers = silence(trainer)

    def _on_train_start(self, trainer: Any) -> None:
        self._batch = trainer.batch_size
        if IS_FIRST:
            self._events.send(
                "started",
                device=str(trainer.device) if not self._job.devices else self._job.device,
                pictures=len(trainer.train_loader.dataset),
                epochs=trainer.epochs,
                first_epoch=trainer.start_epoch + 1,
                batch=trainer.batch_size,
                sends=self._trackers,
                **{"from": str(self._job.resume or self._job.model)},
            )

    def _on_train_epoch_start(self, trainer: Any) -> None:
        self._raise_if_stopped()
        self._began, self._training = time.monotonic(), True
        if trainer.batch_size != self._batch and IS_FIRST:  # ultralytics halves it, and restarts the epoch
            self._events.send("batch", batch=trainer.batch_size, why="out_of_memory")
        self._batch = trainer.batch_size

    def _on_train_batch_end(self, _: Any) -> None:
        self._raise_if_stopped()

    def _on_train_epoch_end(self, _: Any) -> None:
        self._trained_s = time.monotonic() - self._began

    def _on_model_save(self, trainer: Any) -> None:
        """Copy the files atomically: ultralytics writes them in place, and a reader must not see a part."""
        for path in (trainer.best, trainer.last):
            if path.exists() and (path == trainer.last or trainer.best_fitness == trainer.fitness):
                self._saved.mkdir(exist_ok=True)
                part = self._saved / f"{path.name}.part"
                shutil.copyfile(path, part)
                part.replace(self._saved / path.name)
        best = self._saved / "best.pt"
        if not best.exists() and trainer.best.exists():  # of before the interruption
            shutil.copyfile(trainer.best, best)
        self._events.send(
            "checkpoint",
            epoch=trainer.epoch + 1,
            last=str(self._saved / "last.pt"),
            best=str(best) if best.exists() else None,
        )

    def _on_fit_epoch_end(self, trainer: Any) -> None:
        if not self._training or not IS_FIRST:
            return
        self._training = False
        losses = trainer.label_loss_items(trainer.tloss)
        self._events.send(
            "epoch",
            epoch=trainer.epoch + 1,
            epochs=trainer.epochs,
            **{name: round(float(trainer.metrics.get(key, 0)), 5) for name, key in METRICS.items()},
            losses={name.removeprefix("train/"): value for name, value in losses.items()},
            pictures_per_s=round(len(trainer.train_loader.dataset) / max(self._trained_s, 1e-6), 2),
            seconds=round(time.monotonic() - self._began, 2),
        )
        if RANK == 0 and self._stopped():
            trainer.stop = True  # ultralytics broadcasts it to the other processes
        elif not trainer.stop:
            self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if RANK == -1 and self._stopped():
            raise TrainingInterrupted


def _available_device() -> str:
    import torch  # noqa: PLC0415 - takes seconds

    return "0" if torch.cuda.is_available() else "cpu"


def _training_photos(job: Job) -> int:
    """The number of photos in train.txt; 0 without one."""
    try:
        return len((job.data.parent / "train.txt").read_text().splitlines()) if job.data else 0
    except OSError:
        return 0
