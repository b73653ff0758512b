"""The third step of a retraining, again and again: how is it, and what is to be done?

On top is the decision, without I/O. It rests on what the training itself writes (contracts/training.py), on what Run
Command says of the command, and on whether the machine is there:

    next "wait"          nothing to do yet; look again
    next "done"          the training wrote its outcome
    next "interrupted"   Spot took the machine, or will: another one goes on from the checkpoint
    next "failed"        it broke, was never reached, gave no sign of life, or takes too long

Whatever is not "wait" leads to the stopping of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.errors import InvalidMessage
from contracts.instants import from_text, now, to_text
from contracts.settings import load, setting
from contracts.training import (
    EXIT_INTERRUPTED,
    MOST_REASON,
    OUTCOME,
    PROGRESS,
    TrainingOutcome,
    TrainingProgress,
    training_key,
)

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
ALIVE: Final = frozenset({"pending", "running"})
SPOT: Final = "spot"
_TIMED_OUT: Final = 124  # shell/train.sh, and the program `timeout`
# shell/train.sh: another command trains there. It was sent by a step whose answer was lost, and it is what we wait for.
_TRAINS_ALREADY: Final = 6
SHOWN: Final = 500  # characters of what a training said last
_DELIVERY_S: Final = 600  # how long Run Command tries to reach a machine that was there a moment ago
_NOT_YET: Final = frozenset({"InvocationDoesNotExist"})


@dataclass(frozen=True, kw_only=True)
class PollSettings:
    """What the function must know; `infra/` writes it."""

    dataset_bucket: str = setting("NUNCHI_DATASET_BUCKET", "name of the bucket where trainings say how they are")
    document: str = setting("NUNCHI_DOCUMENT", "name of the SSM document that runs a training")


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """How Run Command says that the command went; `code` is the script's exit status."""

    status: str
    code: int
    said: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What there is to see of a training.

    `machine` is EC2's word for its state, None when it is forgotten already; `why` what EC2 says of how it came to it.
    """

    machine: str | None
    why: str = ""
    online: bool = False
    command: CommandStatus | None = None
    progress: TrainingProgress | None = None
    outcome: TrainingOutcome | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do, and for people why."""

    next: str
    rule: str = ""
    reason: str = ""


_FINAL: Final = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


def decide(seen: Observation, state: Mapping[str, Any], at: datetime) -> NextStep:
    """The next step. The first of these that holds, in this order: what is certain goes before what is guessed."""
    if seen.outcome is not None:
        return NextStep("done", seen.outcome.rule, seen.outcome.reason)
    gone = seen.machine not in ALIVE
    # Of a machine that is gone Run Command says "failed" itself, with no status of the script's.
    command = None if seen.command is None or seen.command.code == _TRAINS_ALREADY else seen.command
    if command is not None and command.status in _FINAL and not (gone and command.code < 0):
        return _after_command(command)
    # A machine that was just asked for may not be known everywhere.
    if gone and not (seen.machine is None and state["command"] is None):
        return _lost(state, seen.why)
    if at - from_text(state["began_at"]) > timedelta(seconds=state["limit_s"]):
        return NextStep("failed", "too_long", f"It took longer than {state['limit_s']} s, all attempts together.")
    return _before_command(seen, state, at) if state["command"] is None else _while_running(seen.progress, state, at)


def _after_command(command: CommandStatus) -> NextStep:
    if command.code == EXIT_INTERRUPTED:
        return NextStep("interrupted", "spot_notice", "AWS announced that it takes the Spot machine back.")
    if command.code == _TIMED_OUT:
        return NextStep("failed", "too_long", "It took longer than its machine was told to let it.")
    if command.status == "Success":
        return NextStep("failed", "no_outcome", "The training ended well by its own account, and wrote no outcome.")
    return NextStep(
        "failed",
        "crashed",
        f"The training ended with status {command.code} ({command.status}): {command.said[-SHOWN:]}",
    )


def _lost(state: Mapping[str, Any], why: str) -> NextStep:
    told = f" EC2 says: {why}" if why else ""
    if state["market"] == SPOT:
        return NextStep("interrupted", "spot_lost", f"AWS took the Spot machine back.{told}")
    lost = f"The machine {state['instance']} is gone, without a word of its training.{told}"
    return NextStep("failed", "machine_lost", lost)


def _before_command(seen: Observation, state: Mapping[str, Any], at: datetime) -> NextStep:
    if seen.online:
        return NextStep("command")
    if at - from_text(state["started_at"]) > timedelta(seconds=state["online_s"]):
        return NextStep(
            "failed", "never_online", f"Run Command did not reach {state['instance']} in {state['online_s']} s."
        )
    return NextStep("wait")


def _while_running(progress: TrainingProgress | None, state: Mapping[str, Any], at: datetime) -> NextStep:
    commanded = from_text(state["commanded_at"])
    if progress is None or progress.at < commanded:  # of an earlier attempt
        silent, allowed = at - commanded, state["first_sign_s"]
    else:
        silent, allowed = at - progress.at, state["heartbeat_s"]
    if silent > timedelta(seconds=allowed):
        return NextStep("failed", "heartbeat_lost", f"No sign of life came for {silent.total_seconds():.0f} s.")
    return NextStep("wait")


class Poll:
    """The handler."""

    def __init__(
        self,
        *,
        client: Callable[[str], Any],
        settings: PollSettings,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._ec2, self._ssm, self._s3 = client("ec2"), client("ssm"), client("s3")
        self._settings = settings
        self._clock = clock

    def __call__(self, state: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """The state, with `next`; and with `command` once the machine was told to train."""
        told = {**state, "started_at": state["started_at"] or to_text(self._clock())}
        step = decide(self._seen(told), told, self._clock())
        if step.next == "command":
            return {**told, "next": "wait", "command": self._send(told), "commanded_at": to_text(self._clock())}
        if step.next == "wait":
            return {**told, "next": "wait"}
        return {**told, "next": step.next, "rule": step.rule, "reason": step.reason[:MOST_REASON]}

    def _seen(self, state: Mapping[str, Any]) -> Observation:
        machine, why = self._machine(state["instance"])
        waiting = state["command"] is None
        return Observation(
            machine=machine,
            why=why,
            online=waiting and machine == "running" and self._online(state["instance"]),
            command=None if waiting else self._command(state["command"], state["instance"]),
            progress=self._read(state["training"], PROGRESS, TrainingProgress.from_json),
            outcome=self._read(state["training"], OUTCOME, TrainingOutcome.from_json),
        )

    def _machine(self, instance: str) -> tuple[str | None, str]:
        try:
            answer = self._ec2.describe_instances(InstanceIds=[instance])
        except ClientError as error:
            # Just after its start it may not be known everywhere; ended for an hour, it is known nowhere.
            if error.response["Error"]["Code"] == "InvalidInstanceID.NotFound":
                return None, ""
            raise
        found = [one for reservation in answer["Reservations"] for one in reservation["Instances"]]
        return (found[0]["State"]["Name"], found[0].get("StateReason", {}).get("Message", "")) if found else (None, "")

    def _online(self, instance: str) -> bool:
        answer = self._ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [instance]}])
        return any(one["PingStatus"] == "Online" for one in answer["InstanceInformationList"])

    def _command(self, command: str, instance: str) -> CommandStatus | None:
        try:
            told = self._ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_YET:
                return None
            raise
        said = told.get("StandardErrorContent") or told.get("StandardOutputContent") or ""
        return CommandStatus(told["Status"], told["ResponseCode"], said.strip())

    def _send(self, state: Mapping[str, Any]) -> str:
        answer = self._ssm.send_command(
            InstanceIds=[state["instance"]],
            DocumentName=self._settings.document,
            Parameters={
                "Training": [state["training"]],
                "LeastNewLabels": [str(state["least_new_labels"])],
                "LimitSeconds": [str(state["limit_s"])],
            },
            TimeoutSeconds=_DELIVERY_S,
            Comment=f"attempt {state['attempt']}",
        )
        command_id: str = answer["Command"]["CommandId"]
        return command_id

    def _read(self, training: str, path: str, parse: Callable[[bytes], Any]) -> Any:
        """What the training wrote last; None when it did not, or in words that nobody knows."""
        try:
            answer = self._s3.get_object(Bucket=self._settings.dataset_bucket, Key=training_key(training, path))
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


def wire(environ: Mapping[str, str]) -> Poll:
    """The one place that chooses real I/O."""
    settings = load(PollSettings, environ)
    session = botocore.session.get_session()
    return Poll(client=lambda service: session.create_client(service, config=PATIENCE), settings=settings)


def __getattr__(name: str) -> Any:
    # As in dispatch.py: made on being asked for, so that importing this file has no effect.
    if name == "handler":
        return wire(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
