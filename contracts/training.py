"""A training on the wire: its progress and its outcome. Its id is also the id of the run that it creates.

    trainings/<training>/progress.json    written every few seconds by the training; the heartbeat
    trainings/<training>/outcome.json     written once, at the end; a training without one has not ended
    trainings/<training>/checkpoint/…     what an interrupted training resumes from
    trainings/<training>/drift.json       for people: drift since the incumbent's training, by kiosk and week

All of it is in the dataset bucket. The state machine and `nunchi train` read the first two only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.errors import InvalidMessage
from contracts.names import TRAININGS
from contracts.schema import Record
from contracts.weights import check_path, check_run_id, new_run_id

PROGRESS: Final = "progress.json"
OUTCOME: Final = "outcome.json"
CHECKPOINT: Final = "checkpoint/"
DRIFT: Final = "drift.json"
MOST_REASON: Final = 1000  # characters
LEAST_NEW: Final = 500  # label files, and people in a training by hand; fewer are not worth a training
MOST_NEW_LABELS: Final = 10_000_000  # label files that a retraining may wait for

# Exit codes of `python -m retrain`. The first is that of every training with a verdict.
EXIT_DECIDED: Final = 0
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 75  # EX_TEMPFAIL: started again with the same id, it resumes from its checkpoint


def training_id(began: datetime, execution: str) -> str:
    """The id of the training of a state machine execution: its start time and six digits of the execution's hash.

    Two executions of the same second get different ids, so neither reads the other's outcome. What is trained is no
    part of it: the state machine starts the training of any recipe.
    """
    return new_run_id(began, hashlib.sha256(execution.encode()).hexdigest()[:6])


def words_of(error: Mapping[str, Any]) -> str:
    """A step's error for people, from Step Functions' error object; a Lambda's stack trace is dropped."""
    cause = error.get("Cause", "")
    with suppress(ValueError, TypeError, KeyError):  # not a Lambda's: the cause is plain text
        cause = json.loads(cause)["errorMessage"]
    return f"{error.get('Error', 'unknown')}: {cause}"[:MOST_REASON]


def training_key(training: str, path: str) -> str:
    """The key of a training's file. InvalidName when the id or the path is invalid."""
    return f"{TRAININGS}{check_run_id(training)}/{check_path(path)}"


class Phase(StrEnum):
    """The phases of a training, in order."""

    STARTING = "starting"
    BUILDING = "building"
    TRAINING = "training"
    JUDGING = "judging"
    STORING = "storing"


class Verdict(StrEnum):
    """How a training ended."""

    PROMOTED = "promoted"  # the candidate serves
    KEPT = "kept"  # the incumbent was not beaten and keeps serving; the candidate is stored
    SKIPPED = "skipped"  # a precondition failed: too few labels, a missing class, drift
    FAILED = "failed"  # an error ended it; the incumbent keeps serving


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProgress(Record):
    """The progress of a training: `done` of `of` in this phase, epochs when training, photos otherwise; 0 of 0 unknown.

    `note` is a sentence for people.
    """

    TITLE = "training's progress"

    training: str
    phase: Phase
    at: datetime
    done: int = 0
    of: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        check_run_id(self.training)
        if not 0 <= self.done <= self.of:
            raise InvalidMessage(f"progress {self.done} of {self.of} is invalid")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOutcome(Record):
    """The outcome of a training. `rule` is the name of the deciding rule, `reason` a sentence for people.

    `run` is the stored candidate, or None; `incumbent` the run that it was compared with, None for the day-0 model.
    `report` is the key of the report in the weights bucket, or None.
    """

    TITLE = "training's outcome"

    training: str
    verdict: Verdict
    rule: str
    reason: str
    run: str | None
    incumbent: str | None
    report: str | None
    ended_at: datetime

    def __post_init__(self) -> None:
        for run in (self.training, self.run, self.incumbent):
            if run is not None:
                check_run_id(run)
        if self.verdict is Verdict.PROMOTED and self.run is None:
            raise InvalidMessage("an outcome with verdict promoted must name its run")
        if not self.rule or not self.reason or len(self.reason) > MOST_REASON:
            raise InvalidMessage(f"an outcome needs a rule and a reason of 1 to {MOST_REASON} characters")
