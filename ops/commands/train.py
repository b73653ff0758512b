"""`nunchi train`: start a retraining now, and follow it to its end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from rich.markup import escape

from config.names import TRAINING_STACK
from config.stack_outputs import STATE_MACHINE_ARN
from contracts.errors import InvalidMessage, NunchiError
from contracts.training import OUTCOME, PROGRESS, TrainingOutcome, TrainingProgress, Verdict, training_id, training_key
from local.state import StateDir
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import session_of

LOOK_EVERY_S: Final = {True: 0.5, False: 5.0}  # local, on AWS
PATIENCE_S: Final = 17 * 3600.0  # longer than the state machine's own
_COLOURS: Final = {
    Verdict.PROMOTED: "green",
    Verdict.KEPT: "yellow",
    Verdict.SKIPPED: "yellow",
    Verdict.FAILED: "red",
}


class TrainError(NunchiError):
    """There is no state machine, or it ended in a way that it has no words for."""


@dataclass(frozen=True)
class _Place:
    """Where retrainings run, and where they say how they are."""

    states: Any
    s3: Any
    state_machine: str
    bucket: str
    local: bool


def trained(folder: Path, tell: Callable[[TrainingProgress], None], *, least_new_labels: int) -> TrainingOutcome:
    """Retrain in the local cloud of a state folder, telling each word of the training's; TrainError without an end."""
    with _place(local=True, folder=folder) as place:
        arn, training = _begun(place, {"least_new_labels": least_new_labels})
        for progress in _followed(place, arn, training):
            tell(progress)
        return _ended(place, arn, training)


def train(
    least_new_labels: Annotated[
        int | None,
        typer.Option(
            min=0, help="Train with as few new label files. Default: nunchi.toml's least_new_labels.", metavar="N"
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Start it, and do not follow it.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Start a retraining now, as its schedule would, and follow it: on AWS, or with --local in the cloud here.

    Enough new labels? Then a machine is started, trains, judges, and goes. Ctrl-C ends the following alone.

    Exit status: 0 promoted, kept or skipped; 1 failed, or it could not be started.

    Example: nunchi train --local --least-new-labels 10
    """
    with _place(local, state) as place:
        asked = {} if least_new_labels is None else {"least_new_labels": least_new_labels}
        arn, training = _begun(place, asked)
        if detach:
            _say(as_json, {"training": training, "execution": arn}, f"[bold]{training}[/] has begun")
            return
        err.print(f"[dim]{training} has begun; Ctrl-C ends the following, and not the training[/]")
        for progress in _followed(place, arn, training):
            _tell(progress, as_json)
        outcome = _ended(place, arn, training)
    _tell_end(outcome, as_json, in_cloud(f"weights show {outcome.run}", local, state))
    if outcome.verdict is Verdict.FAILED:
        raise typer.Exit(1)


@contextmanager
def _place(local: bool, folder: Path) -> Generator[_Place, None, None]:
    first = StateDir(folder).command("up --training") if local else f"cdk deploy {TRAINING_STACK}"
    with session_of(local, folder) as place:
        machine = _state_machine(place.client("cloudformation"), first)
        yield _Place(place.client("stepfunctions"), place.client("s3"), machine, place.bucket("dataset"), local)


def _state_machine(cloudformation: Any, first: str) -> str:
    try:
        [stack] = cloudformation.describe_stacks(StackName=TRAINING_STACK)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise TrainError(f"{TRAINING_STACK} is not deployed there, so nothing can train; first: {first}") from None
    return next(str(one["OutputValue"]) for one in stack["Outputs"] if one["OutputKey"] == STATE_MACHINE_ARN)


def _begun(place: _Place, asked: dict[str, Any]) -> tuple[str, str]:
    """The execution that was started, and its training."""
    arn = place.states.start_execution(stateMachineArn=place.state_machine, input=json.dumps(asked))["executionArn"]
    began = place.states.describe_execution(executionArn=arn)
    return arn, training_id(began["startDate"], began["name"])


def _ended(place: _Place, arn: str, training: str) -> TrainingOutcome:
    outcome: TrainingOutcome | None = _read(place, training_key(training, OUTCOME), TrainingOutcome.from_json)
    if outcome is None:
        raise TrainError(f"{training} ended without an outcome: look at the execution {arn}")
    return outcome


def _followed(place: _Place, arn: str, training: str) -> Iterator[TrainingProgress]:
    """Each new word of the training's, until its execution ends."""
    last: TrainingProgress | None = None
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        ended = place.states.describe_execution(executionArn=arn)["status"] != "RUNNING"
        progress = _read(place, training_key(training, PROGRESS), TrainingProgress.from_json)
        if progress is not None and (last is None or progress.at > last.at):
            last = progress
            yield progress
        if ended:
            return
        time.sleep(LOOK_EVERY_S[place.local])
    raise TrainError(f"{training} has not ended after {PATIENCE_S / 3600:.0f} hours: look at the execution {arn}")


def _read(place: _Place, key: str, parse: Callable[[bytes], Any]) -> Any:
    """What was written last; None when nothing was, or what nobody knows here."""
    try:
        answer = place.s3.get_object(Bucket=place.bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    with closing(answer["Body"]) as body:
        content = body.read()
    try:
        return parse(content)
    except InvalidMessage:
        return None


def _tell(progress: TrainingProgress, as_json: bool) -> None:
    if as_json:
        typer.echo(progress.to_json())
        return
    share = f" {progress.done} of {progress.of}" if progress.of else ""
    err.print(f"[dim]{progress.at:%H:%M:%S}[/]  {progress.phase}{share}  {escape(progress.note)}")


def _tell_end(outcome: TrainingOutcome, as_json: bool, show: str) -> None:
    if as_json:
        typer.echo(outcome.to_json())
        return
    colour = _COLOURS[outcome.verdict]
    out.print(f"[{colour}]{outcome.verdict}[/] by the rule [bold]{escape(outcome.rule)}[/]: {escape(outcome.reason)}")
    if outcome.run is not None:
        out.print(escape(show))
    if outcome.report is not None:
        out.print(f"[dim]its report: {escape(outcome.report)}, in the weights bucket[/]")


def _say(as_json: bool, fields: dict[str, str], text: str) -> None:
    if as_json:
        typer.echo(json.dumps(fields))
    else:
        out.print(text)
