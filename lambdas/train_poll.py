"""Polls a training, the third step of a retraining, repeated: detects a Spot interruption, a crash, a lost heartbeat.

`decide` is free of I/O. It uses the training's own progress and outcome (contracts/training.py), the status of its Run
Command, and the state of its machine:

    next "wait"          nothing to do yet; poll again
    next "done"          the training wrote its outcome
    next "interrupted"   Spot reclaimed the machine, or will: another one resumes from the checkpoint
    next "failed"        it crashed, was never reached, lost its heartbeat, or takes too long

Every answer but "wait" leads to the stopping of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import botocore.session
from botocore.config import Config

from contracts.aws.ec2 import ALIVE, instances
from contracts.aws.errors import ignoring
from contracts.aws.lambda_wiring import clients, handler_on_first_use
from contracts.aws.s3 import get_or_none
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
SPOT: Final = "spot"
_TIMED_OUT: Final = 124  # shell/train.sh, and the program `timeout`
# shell/train.sh: another command trains there already, sent by an earlier poll whose answer was lost: wait for it.
_TRAINS_ALREADY: Final = 6
SHOWN: Final = 500  # characters of a training's last output
_DELIVERY_S: Final = 600  # how long Run Command tries to reach a machine that was online a moment ago


@dataclass(frozen=True, kw_only=True)
class PollSettings:
    """The function's settings; `infra/` writes them."""

    dataset_bucket: str = setting(
        "NUNCHI_DATASET_BUCKET", "name of the bucket with the progress and outcomes of trainings"
    )
    document: str = setting("NUNCHI_DOCUMENT", "name of the SSM document that runs a training")


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """The status of the Run Command. `code`: the script's exit status; `output`: what it wrote."""

    status: str
    code: int
    output: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What one poll of a training found.

    `machine` is the state of the instance in EC2, None when EC2 does not know it; `why` is EC2's reason for the state.
    """

    machine: str | None
    why: str = ""
    online: bool = False
    command: CommandStatus | None = None
    progress: TrainingProgress | None = None
    outcome: TrainingOutcome | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do; `rule` and `reason` are for people."""

    next: str
    rule: str = ""
    reason: str = ""


_FINAL: Final = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


def decide(observed: Observation, state: Mapping[str, Any], at: datetime) -> NextStep:
    """The next step, by the first rule that applies: certain facts before conclusions from silence."""
    if observed.outcome is not None:
        return NextStep("done", observed.outcome.rule, observed.outcome.reason)
    gone = observed.machine not in ALIVE
    # For a machine that is gone Run Command itself reports "failed", with no exit status of the script.
    command = None if observed.command is None or observed.command.code == _TRAINS_ALREADY else observed.command
    if command is not None and command.status in _FINAL and not (gone and command.code < 0):
        return _after_command(command)
    # A machine that was just started may not be known in all of EC2 yet.
    if gone and not (observed.machine is None and state["command"] is None):
        return _lost(state, observed.why)
    if at - from_text(state["began_at"]) > timedelta(seconds=state["limit_s"]):
        return NextStep("failed", "too_long", f"It took longer than {state['limit_s']} s, all attempts together.")
    return (
        _before_command(observed, state, at)
        if state["command"] is None
        else _while_running(observed.progress, state, at)
    )


def _after_command(command: CommandStatus) -> NextStep:
    if command.code == EXIT_INTERRUPTED:
        return NextStep("interrupted", "spot_notice", "AWS announced that it takes the Spot machine back.")
    if command.code == _TIMED_OUT:
        return NextStep("failed", "too_long", "It took longer than its limit.")
    if command.status == "Success":
        return NextStep("failed", "no_outcome", "The training ended with success, and wrote no outcome.")
    return NextStep(
        "failed",
        "crashed",
        f"The training ended with status {command.code} ({command.status}): {command.output[-SHOWN:]}",
    )


def _lost(state: Mapping[str, Any], why: str) -> NextStep:
    detail = f" EC2 says: {why}" if why else ""
    if state["market"] == SPOT:
        return NextStep("interrupted", "spot_lost", f"AWS took the Spot machine back.{detail}")
    lost = f"The machine {state['instance']} is gone, and its training reported no end.{detail}"
    return NextStep("failed", "machine_lost", lost)


def _before_command(observed: Observation, state: Mapping[str, Any], at: datetime) -> NextStep:
    if observed.online:
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
        return NextStep("failed", "heartbeat_lost", f"No heartbeat came for {silent.total_seconds():.0f} s.")
    return NextStep("wait")


@dataclass(frozen=True, kw_only=True)
class Poll:
    """The handler."""

    client: Callable[[str], Any]
    settings: PollSettings
    clock: Callable[[], datetime] = now

    def __call__(self, state: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """The state, with `next`; and with `command` once the training was sent to the machine."""
        polled = {**state, "started_at": state["started_at"] or to_text(self.clock())}
        step = decide(self._observe(polled), polled, self.clock())
        if step.next == "command":
            return {**polled, "next": "wait", "command": self._send(polled), "commanded_at": to_text(self.clock())}
        if step.next == "wait":
            return {**polled, "next": "wait"}
        return {**polled, "next": step.next, "rule": step.rule, "reason": step.reason[:MOST_REASON]}

    def _observe(self, state: Mapping[str, Any]) -> Observation:
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
        # Not yet known everywhere just after its start; forgotten an hour after its end.
        with ignoring("InvalidInstanceID.NotFound"):
            for one in instances(self.client("ec2"), InstanceIds=[instance]):
                return one["State"]["Name"], one.get("StateReason", {}).get("Message", "")
        return None, ""

    def _online(self, instance: str) -> bool:
        answer = self.client("ssm").describe_instance_information(
            Filters=[{"Key": "InstanceIds", "Values": [instance]}]
        )
        return any(one["PingStatus"] == "Online" for one in answer["InstanceInformationList"])

    def _command(self, command: str, instance: str) -> CommandStatus | None:
        with ignoring("InvocationDoesNotExist"):  # not yet
            status = self.client("ssm").get_command_invocation(CommandId=command, InstanceId=instance)
            output = status.get("StandardErrorContent") or status.get("StandardOutputContent") or ""
            return CommandStatus(status["Status"], status["ResponseCode"], output.strip())
        return None

    def _send(self, state: Mapping[str, Any]) -> str:
        answer = self.client("ssm").send_command(
            InstanceIds=[state["instance"]],
            DocumentName=self.settings.document,
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
        """A file that the training wrote; None when it is missing or invalid."""
        written = get_or_none(self.client("s3"), bucket=self.settings.dataset_bucket, key=training_key(training, path))
        with suppress(InvalidMessage):
            return parse(written.content) if written is not None else None
        return None


def wire(environ: Mapping[str, str]) -> Poll:
    """The one place that chooses real I/O."""
    return Poll(client=clients(botocore.session.get_session(), PATIENCE), settings=load(PollSettings, environ))


__getattr__ = handler_on_first_use(__name__, wire)
