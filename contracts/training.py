"""A training on the wire: how far it is, and how it ended. Its id is also that of the run that it makes.

    trainings/<training>/progress.json    written every few seconds by the training; the heartbeat
    trainings/<training>/outcome.json     written once, at the end; no training without one is over
    trainings/<training>/checkpoint/…     what a training that is cut off goes on from
    trainings/<training>/drift.json       for people: what moved since the incumbent learned, by kiosk and week

All of it in the dataset bucket. Whoever waits for a training reads the first two and nothing else.
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
from contracts.instants import from_text, to_text
from contracts.names import TRAININGS
from contracts.weights import check_path, check_run_id, new_run_id

SCHEMA: Final = 1
MODEL: Final = "yolov5n"
PROGRESS: Final = "progress.json"
OUTCOME: Final = "outcome.json"
CHECKPOINT: Final = "checkpoint/"
DRIFT: Final = "drift.json"
MOST_REASON: Final = 1000  # characters
MOST_NEW_LABELS: Final = 10_000_000  # label files that a retraining may wait for

# What `python -m retrain` ends with. The first is every training that was decided, whatever the verdict.
EXIT_DECIDED: Final = 0
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 75  # EX_TEMPFAIL: call it again with the same id, and it goes on from its checkpoint


def training_id(began: datetime, execution: str) -> str:
    """The id of the training that an execution of the state machine is about: its time, and its name by six digits.

    Two executions of the same second have names of their own, so neither takes the other's outcome for its own.
    """
    return new_run_id(began, f"{MODEL}-{hashlib.sha256(execution.encode()).hexdigest()[:6]}")


def words_of(error: Mapping[str, Any]) -> str:
    """What a person should read of a step's error, as Step Functions hands it over: of a Lambda's no stack trace."""
    cause = error.get("Cause", "")
    with suppress(ValueError, TypeError, KeyError):  # not of a function's: it is words already
        cause = json.loads(cause)["errorMessage"]
    return f"{error.get('Error', 'unknown')}: {cause}"[:MOST_REASON]


def training_key(training: str, path: str) -> str:
    """The key of a training's file. InvalidName when the id or the path is not of its form."""
    return f"{TRAININGS}{check_run_id(training)}/{check_path(path)}"


class Phase(StrEnum):
    """What a training does, in this order."""

    STARTING = "starting"
    BUILDING = "building"
    TRAINING = "training"
    JUDGING = "judging"
    STORING = "storing"


class Verdict(StrEnum):
    """How a training ended."""

    PROMOTED = "promoted"  # the candidate serves
    KEPT = "kept"  # the incumbent was not beaten, and serves on; the candidate is stored
    SKIPPED = "skipped"  # there was no sense in training: too few labels, a class missing, a drift
    FAILED = "failed"  # it broke; the incumbent serves on


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProgress:
    """How far a training is. `done` of `of` in this phase: epochs when training, photos otherwise; 0 of 0 unknown.

    `note` is a sentence for people.
    """

    training: str
    phase: Phase
    at: datetime
    done: int = 0
    of: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        check_run_id(self.training)
        if not 0 <= self.done <= self.of:
            raise InvalidMessage(f"a training can't have done {self.done} of {self.of}")

    def to_json(self) -> str:
        fields = {
            "schema": SCHEMA,
            "training": self.training,
            "phase": self.phase,
            "at": to_text(self.at),
            "done": self.done,
            "of": self.of,
            "note": self.note,
        }
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> TrainingProgress:
        """InvalidMessage when it breaks the schema."""
        fields = _fields(text, "progress")
        try:
            return cls(
                training=fields["training"],
                phase=Phase(fields["phase"]),
                at=from_text(fields["at"]),
                done=int(fields["done"]),
                of=int(fields["of"]),
                note=str(fields["note"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidMessage(f"the progress of a training does not follow schema {SCHEMA}: {error!r}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOutcome:
    """How a training ended. `rule` is the name of the rule that decided, `reason` a sentence for people.

    `run` is the candidate as it is stored, None if there is none; `incumbent` the run that it was measured against,
    None for the model of day 0. `report` is the key of its page in the weights bucket, None if it came to none.
    """

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
            raise InvalidMessage("a training that was promoted names its run")
        if not self.rule or not self.reason or len(self.reason) > MOST_REASON:
            raise InvalidMessage(f"an outcome names its rule, and a reason of 1 to {MOST_REASON} characters")

    def to_json(self) -> str:
        fields = {
            "schema": SCHEMA,
            "training": self.training,
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason,
            "run": self.run,
            "incumbent": self.incumbent,
            "report": self.report,
            "ended_at": to_text(self.ended_at),
        }
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> TrainingOutcome:
        """InvalidMessage when it breaks the schema."""
        fields = _fields(text, "outcome")
        try:
            return cls(
                training=fields["training"],
                verdict=Verdict(fields["verdict"]),
                rule=str(fields["rule"]),
                reason=str(fields["reason"]),
                run=fields["run"],
                incumbent=fields["incumbent"],
                report=fields["report"],
                ended_at=from_text(fields["ended_at"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidMessage(f"the outcome of a training does not follow schema {SCHEMA}: {error!r}") from error


def _fields(text: str | bytes, what: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise InvalidMessage(f"the {what} of a training is not JSON: {error}") from None
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise InvalidMessage(f"the {what} of a training is not of schema {SCHEMA}; update this program")
    return fields
