"""Hyperparameter search with Optuna. `python -m retrain search` is retrain/fit/search_command.py.

Optuna samples values, a trainer process trains with them, and its epochs let Optuna prune a trial early. The first
trial has ultralytics' own values, so the best is never worse than they are.

Several machines share a search through one Optuna storage, and so one sampler and pruner: a database, or a journal file
on a shared file system. Ray, which ultralytics offers too, would train inside its own workers: no process boundary to
AGPL code, no checkpoint of ours, and a cluster to keep.

The image size is not searched: it decides the worker's speed, and is for people to choose.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback, Study
from optuna.trial import FrozenTrial, Trial, TrialState

from retrain.errors import Interrupted, RetrainError, TrainerFailed
from retrain.fit.trainer_process import Event, TrainerProcess
from retrain.fit.training import Plan, TrainingSession
from retrain.judge.golden import build_of

BEST: Final = "best.json"
ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
MAX_FAILURES: Final = 3  # trials in a row; more are not caused by their values
FIXED: Final[Mapping[str, Any]] = {"optimizer": "AdamW"}  # "auto" would choose its own learning rate
# Ultralytics' default for a few classes, low, high, and whether the scale is logarithmic. Grey hair is one of the few
# signs of age: strong hsv hides it.
SPACE: Final[Mapping[str, tuple[float, float, float, bool]]] = {
    "lr0": (0.00125, 1e-4, 1e-2, True),
    "weight_decay": (0.0005, 1e-5, 1e-2, True),
    "mosaic": (1.0, 0.0, 1.0, False),
    "scale": (0.5, 0.0, 0.7, False),
    "translate": (0.1, 0.0, 0.3, False),
    "hsv_h": (0.015, 0.0, 0.03, False),
    "hsv_s": (0.7, 0.0, 0.9, False),
    "hsv_v": (0.4, 0.0, 0.6, False),
    "cls": (0.5, 0.3, 1.5, True),
}
DEFAULTS: Final = {name: default for name, (default, *_) in SPACE.items()}


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search over one dataset. `process` makes the trainer of a trial in a folder.

    `shared`: other machines use the same storage. `on_best` is called with the file of the best after every trial.
    """

    dataset: Path
    work: Path
    plan: Plan
    storage: BaseStorage
    process: Callable[[Path], TrainerProcess]
    name: str = "yolov5n"
    shared: bool = False
    say: Callable[[str], None] = print
    on_best: Callable[[Path], None] = lambda _: None

    def run(self, trials: int) -> Path:
        """Search until `trials` trials of the study have ended; the file of the best.

        Interrupted on a stop request: its trial is queued again. RetrainError when no trial completed.
        """
        study = self._study()
        if len(study.get_trials(deepcopy=False, states=ENDED)) < trials:
            limit = MaxTrialsCallback(trials, states=ENDED)
            study.optimize(self._objective, callbacks=[self._report, limit], catch=(TrainerFailed,))
        return self._write_best(study)

    def _study(self) -> Study:
        """Create or load the study; the first trial has the default values, and interrupted trials are queued again."""
        options: dict[str, Any] = {
            "study_name": self.name,
            "storage": self.storage,
            # Machines with one seed would sample the same values.
            "sampler": optuna.samplers.TPESampler(seed=None if self.shared else self.plan.seed, constant_liar=True),
            "pruner": optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(2, self.plan.epochs // 5)),
        }
        try:
            study = optuna.create_study(**options, direction="maximize")
        except optuna.exceptions.DuplicatedStudyError:
            study = optuna.load_study(**options)
            if self.shared:
                return study  # a running trial may be another machine's
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):  # its process was killed
                study.tell(trial.number, state=TrialState.FAIL)
                study.enqueue_trial(trial.params)
        study.enqueue_trial(DEFAULTS, skip_if_exists=True)
        return study

    def _objective(self, trial: Trial) -> float:
        folder = self.work / f"trial-{trial.number}-{os.getpid()}"
        values = {name: trial.suggest_float(name, low, high, log=log) for name, (_, low, high, log) in SPACE.items()}
        scores: list[float] = []

        def follow(event: Event) -> None:
            if event["event"] == "epoch":
                scores.append(float(event["map50_95"]))
                trial.report(max(scores), event["epoch"])
                if trial.should_prune():
                    raise optuna.TrialPruned

        plan = replace(self.plan, hyperparameters={**self.plan.hyperparameters, **FIXED, **values})
        try:
            data = self.dataset / "data.yaml"
            TrainingSession(trainer=self.process(folder), plan=plan, data=data, follow=follow).run()
        except Interrupted:
            trial.study.enqueue_trial(values)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return max(scores)

    def _report(self, study: Study, trial: FrozenTrial) -> None:
        value = max(trial.intermediate_values.values(), default=0.0)
        ended = len(study.get_trials(deepcopy=False, states=ENDED))
        end = {TrialState.COMPLETE: "completed", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}[trial.state]
        epochs = max(trial.intermediate_values, default=0)
        self.say(f"trial {trial.number} {end} after {epochs} epochs at mAP50-95 {value:.4f}; {ended} ended so far")
        trials = study.get_trials(deepcopy=False)
        if any(other.state is TrialState.COMPLETE for other in trials):
            self.on_best(self._write_best(study))
        last = trials[-MAX_FAILURES:]
        if len(last) == MAX_FAILURES and all(other.state is TrialState.FAIL for other in last):
            study.stop()

    def _write_best(self, study: Study) -> Path:
        """Write the best values so far, after every trial, so that an interrupted search has a result."""
        trials = study.get_trials(deepcopy=False)
        if not any(trial.state is TrialState.COMPLETE for trial in trials):
            raise RetrainError(
                f"none of {len(trials)} trials completed; no hyperparameters were written. Run one training first, to "
                "see the trainer's error"
            )
        states = (*ENDED, TrialState.FAIL)
        default = next((trial.value for trial in trials if trial.params == DEFAULTS), None)
        content = {
            "hyperparameters": {**FIXED, **{name: round(value, 6) for name, value in study.best_params.items()}},
            "map50_95": study.best_value,
            "map50_95_of_defaults": default,
            "trials": {state.name.lower(): sum(trial.state is state for trial in trials) for state in states},
            "study": study.study_name,
            "epochs": self.plan.epochs,
            "image_size": self.plan.image_size,
            "data": build_of(self.dataset),
        }
        path, part = self.work / BEST, self.work / f"{BEST}.part"
        part.write_text(json.dumps(content, indent=2) + "\n")
        return part.replace(path)


def storage_of(text: str) -> BaseStorage:
    """The Optuna storage of a database URL or a journal file's path."""
    if "://" in text:
        return optuna.storages.RDBStorage(text, heartbeat_interval=60, grace_period=180)
    return JournalStorage(JournalFileBackend(text))
