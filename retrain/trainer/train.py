"""One training by ultralytics, told in events, that can be cut off at any batch and gone on with."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from retrain.trainer import mixed
from retrain.trainer.events import Events
from retrain.trainer.job import Job
from retrain.trainer.offline import silence
from retrain.trainer.unsigned import unsign

RANK: Final = int(os.environ.get("RANK", "-1"))
FIRST: Final = RANK in (-1, 0)  # of several processes, the one that speaks
CPU_BATCH: Final = 16
PROJECT: Final = "nunchi"
DOWNLOAD_S: Final = 20.0  # without a byte
MOST_CACHED: Final = 10_000  # pictures kept in memory, where they fit
METRICS: Final = {"map50": "metrics/mAP50(B)", "map50_95": "metrics/mAP50-95(B)"}


class TrainingInterrupted(BaseException):
    """Told to stop; what was saved last is what to go on from. No Exception: nobody in between may swallow it."""


class UltralyticsTraining:
    """Ultralytics' trainer and what it is asked to call. `stopped` says whether somebody wants an end."""

    def __init__(self, job: Job, events: Events, stopped: Callable[[], bool]) -> None:
        self._job = job
        self._events = events
        self._stopped = stopped
        self._saved = job.work / "checkpoint"
        self._batch = 0
        self._began = self._trained_s = 0.0
        self._training = False  # an epoch is under way: the last validation, of the best, tells no epoch

    def run(self) -> dict[str, Any]:
        """Train to the end; the files and the metrics of the best epoch. TrainingInterrupted when stopped before."""
        from ultralytics import YOLO  # noqa: PLC0415 - torch takes seconds

        job = self._job
        if (ended := self._ended()) is not None:
            return ended
        mixed.patch()
        model = YOLO(str(job.resume or self._start()))
        for name in ("on_pretrain_routine_start", "on_train_start", "on_train_epoch_start", "on_train_batch_end"):
            model.add_callback(name, getattr(self, f"_{name}"))
        for name in ("on_train_epoch_end", "on_model_save", "on_fit_epoch_end"):
            model.add_callback(name, getattr(self, f"_{name}"))
        model.train(**self._settings())
        if self._stopped() and not self._over(model.trainer):
            raise TrainingInterrupted  # several GPUs: they can only leave together, at the end of an epoch
        return self._results(model.trainer)

    def checkpoint(self) -> Path | None:
        """What to go on from: of this training, or what it went on from itself."""
        mine = self._saved / "last.pt"
        return mine if mine.exists() else self._job.resume

    def _settings(self) -> dict[str, Any]:
        job = self._job
        device = job.device or _what_there_is()
        settings = {
            "data": str(job.data),
            "device": device,
            "workers": job.workers,
            "save_dir": str(job.work / "run"),
            "cache": _pictures(job) <= MOST_CACHED,
            "plots": False,  # they are mosaics of photos, and a tracker would take them with it
            "patience": job.patience,
        }
        if job.resume is not None:
            resumed = settings | {"resume": str(job.resume)}
            return resumed | ({"batch": job.batch} if job.batch else {})
        return settings | {
            "epochs": job.epochs,
            "imgsz": job.image_size,
            "batch": job.batch or (-1 if job.devices == 1 or device == "0" else CPU_BATCH * max(1, job.devices)),
            "seed": job.seed,
            "project": (job.track_to if job.track == "wandb" else None) or PROJECT,  # W&B's; our folder is save_dir
            "name": job.name,
            "verbose": False,
            **job.hyperparameters,
        }

    def _start(self) -> str:
        """What to start from. A published network that can't be had makes it a start from nothing, and is told."""
        name = self._job.model
        if name.endswith(".yaml") or Path(name).is_file():
            return name
        from ultralytics.utils.downloads import attempt_download_asset  # noqa: PLC0415

        folder = self._job.work / "weights"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            socket.setdefaulttimeout(DOWNLOAD_S)  # a network without a way out answers nothing, not even no
            found, why = attempt_download_asset(folder / Path(name).name, retry=1), ""
        except (OSError, RuntimeError) as error:  # ConnectionError of every kind is an OSError
            found, why = "", f" ({error})".splitlines()[0]
        finally:
            socket.setdefaulttimeout(None)
        if found and Path(found).is_file():
            return str(found)
        scratch = Path(name).stem.removesuffix("u") + ".yaml"
        if FIRST:
            text = f"{name} could not be downloaded{why}; the training starts from nothing: {scratch}"
            self._events.tell("note", text=text)
        return scratch

    def _ended(self) -> dict[str, Any] | None:
        """The results of a training that was cut off after its last epoch: there is nothing to go on with."""
        if self._job.resume is None:
            return None
        from ultralytics.utils.patches import torch_load  # noqa: PLC0415

        saved = torch_load(self._job.resume, map_location="cpu")
        if saved["epoch"] + 1 < saved["train_args"]["epochs"]:
            with suppress(FileNotFoundError):
                self._bring_best()
            return None
        from ultralytics.utils.torch_utils import strip_optimizer  # noqa: PLC0415

        weights = self._job.work / "run" / "weights"
        weights.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._job.resume, weights / "last.pt")
        beside = self._job.resume.with_name("best.pt")
        shutil.copyfile(beside if beside.exists() else self._job.resume, weights / "best.pt")
        for name in ("last.pt", "best.pt"):
            strip_optimizer(weights / name)
            unsign(weights / name)
        metrics = {name: round(float(saved["train_metrics"].get(key, 0)), 5) for name, key in METRICS.items()}
        return {"best": str(weights / "best.pt"), "last": str(weights / "last.pt"), "metrics": metrics}

    def _bring_best(self) -> None:
        """The best epoch so far may be the best of all: it goes where ultralytics looks for it."""
        if FIRST and self._job.resume is not None:
            best = self._job.work / "run" / "weights" / "best.pt"
            best.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._job.resume.with_name("best.pt"), best)

    def _results(self, trainer: Any) -> dict[str, Any]:
        best = trainer.best if trainer.best.exists() else trainer.last
        if FIRST:
            unsign(best)
        metrics = {name: round(float(trainer.metrics.get(key, 0)), 5) for name, key in METRICS.items()}
        return {"best": str(best), "last": str(trainer.last), "metrics": metrics}

    # What ultralytics calls, in this order.

    def _on_pretrain_routine_start(self, trainer: Any) -> None:
        self._sends = silence(trainer)

    def _on_train_start(self, trainer: Any) -> None:
        self._batch = trainer.batch_size
        if FIRST:
            self._events.tell(
                "started",
                device=str(trainer.device) if not self._job.devices else self._job.device,
                pictures=len(trainer.train_loader.dataset),
                epochs=trainer.epochs,
                first_epoch=trainer.start_epoch + 1,
                batch=trainer.batch_size,
                sends=self._sends,
                **{"from": str(self._job.resume or self._job.model)},
            )

    def _on_train_epoch_start(self, trainer: Any) -> None:
        self._leave_if_told()
        self._began, self._training = time.monotonic(), True
        if trainer.batch_size != self._batch and FIRST:  # ultralytics halves it, and begins the epoch anew
            self._events.tell("batch", batch=trainer.batch_size, why="out_of_memory")
        self._batch = trainer.batch_size

    def _on_train_batch_end(self, _: Any) -> None:
        self._leave_if_told()

    def _on_train_epoch_end(self, _: Any) -> None:
        self._trained_s = time.monotonic() - self._began

    def _on_model_save(self, trainer: Any) -> None:
        """Ultralytics writes its files in place; a copy that is whole, or the one before, is what others read."""
        for path in (trainer.best, trainer.last):
            if path.exists() and (path == trainer.last or trainer.best_fitness == trainer.fitness):
                self._saved.mkdir(exist_ok=True)
                half = self._saved / f"{path.name}.half"
                shutil.copyfile(path, half)
                half.replace(self._saved / path.name)
        best = self._saved / "best.pt"
        if not best.exists() and trainer.best.exists():  # of before this training was gone on with
            shutil.copyfile(trainer.best, best)
        self._events.tell(
            "checkpoint",
            epoch=trainer.epoch + 1,
            last=str(self._saved / "last.pt"),
            best=str(best) if best.exists() else None,
        )

    def _on_fit_epoch_end(self, trainer: Any) -> None:
        if not self._training or not FIRST:
            return
        self._training = False
        losses = trainer.label_loss_items(trainer.tloss)
        self._events.tell(
            "epoch",
            epoch=trainer.epoch + 1,
            epochs=trainer.epochs,
            **{name: round(float(trainer.metrics.get(key, 0)), 5) for name, key in METRICS.items()},
            losses={name.removeprefix("train/"): value for name, value in losses.items()},
            pictures_per_s=round(len(trainer.train_loader.dataset) / max(self._trained_s, 1e-6), 2),
            seconds=round(time.monotonic() - self._began, 2),
        )
        if RANK == 0 and self._stopped():
            trainer.stop = True  # told to the other processes by ultralytics
        elif not trainer.stop:
            self._leave_if_told()

    def _leave_if_told(self) -> None:
        if RANK == -1 and self._stopped():
            raise TrainingInterrupted

    @staticmethod
    def _over(trainer: Any) -> bool:
        return bool(trainer.epoch + 1 >= trainer.epochs)


def _what_there_is() -> str:
    import torch  # noqa: PLC0415 - takes seconds

    return "0" if torch.cuda.is_available() else "cpu"


def _pictures(job: Job) -> int:
    """How many lines the list of training pictures has."""
    try:
        return len((job.data.parent / "train.txt").read_text().splitlines()) if job.data else 0
    except OSError:
        return 0
