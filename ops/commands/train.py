"""`nunchi train`: starts a retraining now, and follows it until it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from config.names import TRAINING_STACK
from config.stack_outputs import STATE_MACHINE_ARN
from contracts.aws.s3 import get_or_none
from contracts.errors import InvalidMessage, NunchiError
from contracts.training import OUTCOME, PROGRESS, TrainingOutcome, TrainingProgress, Verdict, training_id, training_key
from local.state import StateDir
from ops.aws import stack_outputs
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import session_of

POLL_S: Final = {True: 0.5, False: 5.0}  # local, on AWS
TIMEOUT_S: Final = 17 * 3600.0  # longer than the state machine's
_COLOURS: Final = {
    Verdict.PROMOTED: "green",
    Verdict.KEPT: "yellow",
    Verdict.SKIPPED: "yellow",
    Verdict.FAILED: "red",
}


class TrainError(NunchiError):
    """The state machine is not deployed, or its execution ended without an outcome."""


@dataclass(frozen=True)
class _Trainings:
    """The state machine of retrainings, and the bucket of their progress and outcomes."""

    states: Any
    s3: Any
    state_machine: str
    bucket: str
    local: bool


def train_locally(folder: Path, show: Callable[[TrainingProgress], None], *, least_new_labels: int) -> TrainingOutcome:
    """Retrain in the local cloud of a state folder, and show its progress; TrainError without an outcome."""
    with _trainings(local=True, folder=folder) as trainings:
        arn, training = _start(trainings, {"least_new_labels": least_new_labels})
        for progress in _follow(trainings, arn, training):
            show(progress)
        return _outcome(trainings, arn, training)


def train(
    least_new_labels: Annotated[
        int | None,
        typer.Option(
            min=0, help="Minimum number of new label files. Default: nunchi.toml's least_new_labels.", metavar="N"
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Start it, and return.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Start a retraining now, as its schedule does, and follow it: on AWS, or with --local in the local cloud.

    With enough new labels, an instance starts, trains, judges, and is terminated. Ctrl-C does not stop the training.

    Exit status: 0 promoted, kept or skipped; 1 failed, or could not be started.

    Example: nunchi train --local --least-new-labels 10
    """
    with _trainings(local, state) as trainings:
        arn, training = _start(trainings, {} if least_new_labels is None else {"least_new_labels": least_new_labels})
        if detach:
            if as_json:
                typer.echo(json.dumps({"training": training, "execution": arn}))
            else:
                out.print(f"[bold]{training}[/] has started")
            return
        err.print(f"[dim]{training} has started; Ctrl-C does not stop it[/]")
        for progress in _follow(trainings, arn, training):
            _show(progress, as_json)
        outcome = _outcome(trainings, arn, training)
    _show_outcome(outcome, as_json, in_cloud(f"weights show {outcome.run}", local, state))
    if outcome.verdict is Verdict.FAILED:
        raise typer.Exit(1)


@contextmanager
def _trainings(local: bool, folder: Path) -> Generator[_Trainings, None, None]:
    with session_of(local, folder) as session:
        outputs = stack_outputs(session.client("cloudformation"), TRAINING_STACK)
        if outputs is None:
            deploy = StateDir(folder).command("up --training") if local else f"cdk deploy {TRAINING_STACK}"
            raise TrainError(f"{TRAINING_STACK} is not deployed there, so nothing can train; first: {deploy}")
        yield _Trainings(
            session.client("stepfunctions"),
            session.client("s3"),
            outputs[STATE_MACHINE_ARN],
            session.bucket("dataset"),
            local,
        )


def _start(trainings: _Trainings, options: dict[str, Any]) -> tuple[str, str]:
    """Start an execution; returns its ARN and the id of its training."""
    arn = trainings.states.start_execution(stateMachineArn=trainings.state_machine, input=json.dumps(options))[
        "executionArn"
    ]
    execution = trainings.states.describe_execution(executionArn=arn)
    return arn, training_id(execution["startDate"], execution["name"])


def _outcome(trainings: _Trainings, arn: str, training: str) -> TrainingOutcome:
    outcome: TrainingOutcome | None = _read(trainings, training_key(training, OUTCOME), TrainingOutcome.from_json)
    if outcome is None:
        raise TrainError(f"{training} ended without an outcome: look at the execution {arn}")
    return outcome


def _follow(trainings: _Trainings, arn: str, training: str) -> Iterator[TrainingProgress]:
    """Each new progress message, until the execution ends; TrainError when it does not within TIMEOUT_S."""
    last: TrainingProgress | None = None
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        ended = trainings.states.describe_execution(executionArn=arn)["status"] != "RUNNING"
        progress = _read(trainings, training_key(training, PROGRESS), TrainingProgress.from_json)
        if progress is not None and (last is None or progress.at > last.at):
            last = progress
            yield progress
        if ended:
            return
        time.sleep(POLL_S[trainings.local])
    raise TrainError(f"{training} has not ended after {TIMEOUT_S / 3600:.0f} hours: look at the execution {arn}")


def _read(trainings: _Trainings, key: str, parse: Callable[[bytes], Any]) -> Any:
    """The message of that key; None when it is missing, or of a version that this command can't parse."""
    stored = get_or_none(trainings.s3, bucket=trainings.bucket, key=key)
    try:
        return None if stored is None else parse(stored.content)
    except InvalidMessage:
        return None


def _show(progress: TrainingProgress, as_json: bool) -> None:
    if as_json:
        typer.echo(progress.to_json())
        return
    share = f" {progress.done} of {progress.of}" if progress.of else ""
    err.print(f"[dim]{progress.at:%H:%M:%S}[/]  {progress.phase}{share}  {escape(progress.note)}")


def _show_outcome(outcome: TrainingOutcome, as_json: bool, show: str) -> None:
    if as_json:
        typer.echo(outcome.to_json())
        return
    colour = _COLOURS[outcome.verdict]
    out.print(f"[{colour}]{outcome.verdict}[/] by the rule [bold]{escape(outcome.rule)}[/]: {escape(outcome.reason)}")
    if outcome.run is not None:
        out.print(escape(show))
    if outcome.report is not None:
        out.print(f"[dim]report: {escape(outcome.report)}, in the weights bucket[/]")
