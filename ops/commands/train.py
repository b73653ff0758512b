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
from contracts.errors import InvalidMessage, NunchiError
from contracts.training import OUTCOME, PROGRESS, TrainingOutcome, TrainingProgress, Verdict, training_id, training_key
from local.state import StateDir
from ops.aws import stack_outputs
from ops.display import echo_json, err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import session_of
from retrain.bucket import DatasetBucket

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
class _Training:
    """A training that was started: its execution of the state machine, and where it stores progress and outcome."""

    states: Any
    bucket: DatasetBucket
    poll_s: float
    execution: str
    id: str

    def progress(self) -> Iterator[TrainingProgress]:
        """Each new progress message, until the execution ends; TrainError when it does not within TIMEOUT_S."""
        last: TrainingProgress | None = None
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            ended = self.states.describe_execution(executionArn=self.execution)["status"] != "RUNNING"
            progress = self._read(PROGRESS, TrainingProgress.from_json)
            if progress is not None and (last is None or progress.at > last.at):
                last = progress
                yield progress
            if ended:
                return
            time.sleep(self.poll_s)
        raise TrainError(f"{self.id} has not ended after {TIMEOUT_S / 3600:.0f} hours: {self._see}")

    def outcome(self) -> TrainingOutcome:
        """The outcome of the execution, which has ended; TrainError without one."""
        outcome: TrainingOutcome | None = self._read(OUTCOME, TrainingOutcome.from_json)
        if outcome is None:
            raise TrainError(f"{self.id} ended without an outcome: {self._see}")
        return outcome

    @property
    def _see(self) -> str:
        return f"look at the execution {self.execution}"

    def _read(self, name: str, parse: Callable[[bytes], Any]) -> Any:
        """The message of that name; None when it is missing, or of a version that this command can't parse."""
        stored = self.bucket.get(training_key(self.id, name))
        try:
            return None if stored is None else parse(stored)
        except InvalidMessage:
            return None


def train_locally(folder: Path, show: Callable[[TrainingProgress], None], *, least_new_labels: int) -> TrainingOutcome:
    """Retrain in the local cloud of a state folder, and show its progress; TrainError without an outcome."""
    with _started(True, folder, least_new_labels) as training:
        for progress in training.progress():
            show(progress)
        return training.outcome()


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
    with _started(local, state, least_new_labels) as training:
        if detach:
            if as_json:
                echo_json({"training": training.id, "execution": training.execution})
            else:
                out.print(f"[bold]{training.id}[/] has started")
            return
        err.print(f"[dim]{training.id} has started; Ctrl-C does not stop it[/]")
        for progress in training.progress():
            _show(progress, as_json)
        outcome = training.outcome()
    _show_outcome(outcome, as_json, in_cloud(f"weights show {outcome.run}", local, state))
    if outcome.verdict is Verdict.FAILED:
        raise typer.Exit(1)


@contextmanager
def _started(local: bool, folder: Path, least_new_labels: int | None) -> Generator[_Training, None, None]:
    """A training, started; with None, the minimum number of new label files is that of nunchi.toml."""
    with session_of(local, folder) as session:
        outputs = stack_outputs(session.client("cloudformation"), TRAINING_STACK)
        if outputs is None:
            cloud = StateDir(folder)
            restart = f"{cloud.command('down')} && {cloud.command('up --detach --training')}"
            first = restart if local else f"cdk deploy {TRAINING_STACK}"
            raise TrainError(f"{TRAINING_STACK} is not deployed there, so nothing can train; first: {first}")
        states = session.client("stepfunctions")
        options = {} if least_new_labels is None else {"least_new_labels": least_new_labels}
        started = states.start_execution(stateMachineArn=outputs[STATE_MACHINE_ARN], input=json.dumps(options))
        execution = states.describe_execution(executionArn=started["executionArn"])
        training = training_id(execution["startDate"], execution["name"])
        yield _Training(states, session.dataset, POLL_S[local], started["executionArn"], training)


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
