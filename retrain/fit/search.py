"""A search for hyperparameters: `python -m retrain search --dataset FOLDER --trials 30`.

Optuna proposes, our trainer's process trains, and its epochs tell Optuna when a trial is not worth its end: the process
is ended then. The first trial has ultralytics' own values, so what is found is never worse than they are.

Several machines search together by pointing to one storage (`--storage`): a database, or a journal file on a file
system that they share. That is Optuna's own engine for it, so there is one sampler and one pruner for all of them. Ray,
which ultralytics offers too, would train inside its own workers: no process boundary to AGPL code, no checkpoint of
ours, and a cluster to keep.

The image size is not searched: it decides the worker's speed, and is for people to choose.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import boto3
import optuna
from botocore.exceptions import BotoCoreError, ClientError
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback, Study
from optuna.trial import FrozenTrial, Trial, TrialState

from contracts.errors import NunchiError
from contracts.training import EXIT_DECIDED, EXIT_FAILED, EXIT_INTERRUPTED
from retrain.bucket import DatasetBucket
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.publication import build_key
from retrain.errors import Interrupted, RetrainError, TrainerFailed
from retrain.fit.trainer_process import Event, TrainerProcess
from retrain.fit.training import Plan, TrainingSession
from retrain.settings import DEFAULT_TRAINER

JOURNAL: Final = "search.journal"
BEST: Final = "best.json"
ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
MOST_BROKEN: Final = 3  # trials in a row: then it is not their values
FIXED: Final[Mapping[str, Any]] = {"optimizer": "AdamW"}  # "auto" would choose a rate of its own
# What ultralytics takes by itself, for as few classes as ours.
DEFAULTS: Final[Mapping[str, float]] = {
    "lr0": 0.00125,
    "weight_decay": 0.0005,
    "mosaic": 1.0,
    "scale": 0.5,
    "translate": 0.1,
    "hsv_h": 0.015,
    "hsv_s": 0.7,
    "hsv_v": 0.4,
    "cls": 0.5,
}
# Bounds, and whether steps are factors. Grey hair is one of the few signs of age: too much hsv washes it out.
SPACE: Final[Mapping[str, tuple[float, float, bool]]] = {
    "lr0": (1e-4, 1e-2, True),
    "weight_decay": (1e-5, 1e-2, True),
    "mosaic": (0.0, 1.0, False),
    "scale": (0.0, 0.7, False),
    "translate": (0.0, 0.3, False),
    "hsv_h": (0.0, 0.03, False),
    "hsv_s": (0.0, 0.9, False),
    "hsv_v": (0.0, 0.6, False),
    "cls": (0.3, 1.5, True),
}

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search over one dataset. `process` makes the trainer of a trial in a folder; `shared`: others search, too.

    `keep` is called with the file of the best after every trial, and may store it and what lies beside it.
    """

    dataset: Path
    work: Path
    plan: Plan
    storage: BaseStorage
    process: Callable[[Path], TrainerProcess]
    name: str = "yolov5n"
    shared: bool = False
    say: Say = print
    keep: Callable[[Path], None] = lambda _: None

    def run(self, trials: int) -> Path:
        """Search until the study has so many trials that ended; the file of the best.

        Interrupted when told to stop: the trial in hand is tried anew by whoever goes on. RetrainError when no trial
        came to an end.
        """
        study = self._study()
        if len(study.get_trials(deepcopy=False, states=ENDED)) < trials:
            ending = MaxTrialsCallback(trials, states=ENDED)
            study.optimize(self._try, callbacks=[self._tell, ending], catch=(TrainerFailed,))
        return self._best(study)

    def _study(self) -> Study:
        """The study, with the defaults as what is tried first."""
        named: dict[str, Any] = {
            "study_name": self.name,
            "storage": self.storage,
            # Machines that drew by one seed would draw the same.
            "sampler": optuna.samplers.TPESampler(seed=None if self.shared else self.plan.seed, constant_liar=True),
            "pruner": optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(2, self.plan.epochs // 5)),
        }
        try:
            study = optuna.create_study(**named, direction="maximize")
        except optuna.exceptions.DuplicatedStudyError:
            study = optuna.load_study(**named)
            if self.shared:
                return study  # its maker, who may be at work, looks after it
            self._forget_the_dead(study)
        study.enqueue_trial(dict(DEFAULTS), skip_if_exists=True)
        return study

    def _try(self, trial: Trial) -> float:
        folder = self.work / f"trial-{trial.number}-{os.getpid()}"
        values = {name: trial.suggest_float(name, low, high, log=log) for name, (low, high, log) in SPACE.items()}
        found: list[float] = []

        def follow(event: Event) -> None:
            if event["event"] == "epoch":
                found.append(float(event["map50_95"]))
                trial.report(max(found), event["epoch"])
                if trial.should_prune():
                    raise optuna.TrialPruned

        plan = replace(self.plan, hyperparameters={**self.plan.hyperparameters, **FIXED, **values})
        try:
            TrainingSession(
                self.process(folder),
                plan,
                data=self.dataset / "data.yaml",
                build="",
                checkpoints=None,
                say=lambda *_: None,
                follow=follow,
            ).run()
        except Interrupted:
            trial.study.enqueue_trial(values)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return max(found)

    def _tell(self, study: Study, trial: FrozenTrial) -> None:
        value = max(trial.intermediate_values.values(), default=0.0)
        ended = len(study.get_trials(deepcopy=False, states=ENDED))
        word = {TrialState.COMPLETE: "ended", TrialState.PRUNED: "given up", TrialState.FAIL: "broke"}[trial.state]
        epochs = max(trial.intermediate_values, default=0)
        self.say(f"trial {trial.number} {word} after {epochs} epochs at mAP50-95 {value:.4f}; {ended} so far")
        every = study.get_trials(deepcopy=False)
        if any(one.state is TrialState.COMPLETE for one in every):
            self.keep(self._best(study))
        if all(one.state is TrialState.FAIL for one in every[-MOST_BROKEN:]) and len(every) >= MOST_BROKEN:
            study.stop()

    def _best(self, study: Study) -> Path:
        """Written after every trial: a search that is cut off has found something."""
        every = study.get_trials(deepcopy=False)
        if not any(one.state is TrialState.COMPLETE for one in every):
            raise RetrainError(
                f"none of {len(every)} trials came to an end; nothing was found. See why in the trainer: try one "
                "training first"
            )
        ends = (*ENDED, TrialState.FAIL)
        default = next((one.value for one in every if one.params == dict(DEFAULTS)), None)
        content = {
            "hyperparameters": {**FIXED, **{name: round(value, 6) for name, value in study.best_params.items()}},
            "map50_95": study.best_value,
            "map50_95_of_defaults": default,
            "trials": {end.name.lower(): sum(one.state is end for one in every) for end in ends},
            "study": study.study_name,
            "epochs": self.plan.epochs,
            "image_size": self.plan.image_size,
            "data": _data(self.dataset),
        }
        path, part = self.work / BEST, self.work / f"{BEST}.part"
        part.write_text(json.dumps(content, indent=2) + "\n")
        return part.replace(path)

    @staticmethod
    def _forget_the_dead(study: Study) -> None:
        """What runs by the storage, and in truth died with the process before us, is tried anew."""
        for one in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(one.number, state=TrialState.FAIL)
            study.enqueue_trial(one.params)


def storage_of(text: str) -> BaseStorage:
    """A database's URL, or the path of a journal file."""
    if "://" in text:
        return optuna.storages.RDBStorage(text, heartbeat_interval=60, grace_period=180)
    return JournalStorage(JournalFileBackend(text))


def _data(dataset: Path) -> dict[str, str]:
    try:
        manifest = DatasetManifest.read(dataset)
    except NunchiError:
        return {}  # of somebody's own making
    return {"build": manifest.build, "digest": manifest.digest}


class _Keeper:
    """Stores what a search has found beside the build that it searches on, and brings it to a machine without it."""

    def __init__(self, bucket: str, dataset: Path, work: Path) -> None:
        self._bucket = DatasetBucket(boto3.client("s3"), bucket)
        self._build = DatasetManifest.read(dataset).build
        self._work = work

    def bring(self) -> None:
        journal = self._work / JOURNAL
        content = None if journal.exists() else self._bucket.get(self._key(JOURNAL))
        if content is not None:
            journal.write_bytes(content)

    def __call__(self, best: Path) -> None:
        for path, kind in ((self._work / JOURNAL, "text/plain"), (best, "application/json")):
            if path.exists():
                self._bucket.put(self._key(path.name), path.read_bytes(), kind)

    def _key(self, name: str) -> str:
        return build_key(self._build, f"search/{name}")


def main(arguments: Sequence[str]) -> int:
    """Search, as the command line says."""
    asked = _parser().parse_args(arguments)
    if not (asked.dataset / "data.yaml").is_file():
        print(f"retrain: {asked.dataset} has no data.yaml; nunchi dataset fetch makes such a folder", file=sys.stderr)  # noqa: T201
        return 2
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    asked.work.mkdir(parents=True, exist_ok=True)
    keeper = None
    try:
        if asked.bucket:
            keeper = _Keeper(asked.bucket, asked.dataset, asked.work)
            keeper.bring()
        best = _wired(asked, stopping, keeper).run(asked.trials)
    except Interrupted:
        print("retrain: told to end; call it again, and it goes on", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except (NunchiError, ClientError, BotoCoreError) as error:
        print(f"retrain: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    print(f"{best}: train with it by NUNCHI_HYPERPARAMETERS={best}")  # noqa: T201
    return EXIT_DECIDED


def _wired(asked: argparse.Namespace, stopping: threading.Event, keeper: _Keeper | None) -> Search:
    return Search(
        dataset=asked.dataset.absolute(),
        work=asked.work,
        plan=Plan(
            model=asked.start,
            epochs=asked.epochs,
            patience=asked.epochs,
            image_size=asked.image_size,
            device=asked.device,
            seed=asked.seed,
        ),
        storage=storage_of(asked.storage or str(asked.work / JOURNAL)),
        process=lambda folder: TrainerProcess(
            command=[str(asked.trainer_python), "-m", "retrain.trainer"], work=folder, stopping=stopping
        ),
        name=asked.name,
        shared=asked.storage is not None,
        keep=keeper or (lambda _: None),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m retrain search",
        description="Look for hyperparameters that train better than ultralytics' own. Cut off, it goes on when called "
        "again; several machines search together when they name one --storage.",
    )
    parser.add_argument("--dataset", type=Path, required=True, help="the folder of a dataset: nunchi dataset fetch")
    parser.add_argument("--trials", type=int, default=30, help="trials in all, those of other machines counted (30)")
    parser.add_argument("--work", type=Path, default=Path("search"), help="folder of its files, best.json too (search)")
    parser.add_argument("--storage", help="a database's URL or a journal file on a file system that machines share")
    parser.add_argument("--bucket", help="the dataset bucket: trials and best.json are kept there, beside the build")
    parser.add_argument("--name", default="yolov5n", help="the study's name in the storage (yolov5n)")
    parser.add_argument("--epochs", type=int, default=30, help="of a trial (30)")
    parser.add_argument("--image-size", type=int, default=640, help="pixels (640)")
    parser.add_argument("--start", default="yolov5n.yaml", help="what a trial starts from (yolov5n.yaml: nothing)")
    parser.add_argument("--device", default="", help="cpu, or GPUs as in 0,1; without it, what there is")
    parser.add_argument("--seed", type=int, default=0, help="what chance begins from (0)")
    parser.add_argument("--trainer-python", type=Path, default=DEFAULT_TRAINER, help="the Python that has ultralytics")
    return parser
