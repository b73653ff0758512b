"""The fourth step of a retraining, on every path: terminate its machine, and check that it terminates.

    terminating or terminated   the state: "start" another attempt after an interruption, else "notify"
    still running               InstanceStillRunning: the state machine tries again, for a while
    AWS does not answer         the error itself: the same

Machines are found by their tags too: a step that failed may have started one without returning it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.config import Config

from contracts.aws.ec2 import by_tag, instances
from contracts.aws.errors import ignoring
from contracts.aws.lambda_wiring import handler_on_first_use
from contracts.training import words_of
from contracts.weights import check_run_id

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
TERMINATING: Final = frozenset({"shutting-down", "terminated"})
_MAX_REASON: Final = 500  # characters


class InstanceStillRunning(Exception):
    """A training machine was terminated, and EC2 still shows it running."""


def after(state: Mapping[str, Any]) -> dict[str, Any]:
    """The next state, once no machine of the retraining is left."""
    attempt, attempts = int(state.get("attempt", 1)), int(state.get("attempts", 1))
    free = {name: value for name, value in state.items() if name not in ("instance", "market", "command")}
    match state.get("next"):
        case _ if "error" in state:
            failed = {"verdict": "failed", "rule": "step_broken", "reason": _reason(state["error"])}
            return {**free, **failed, "next": "notify"}
        case "done":
            return {**free, "next": "notify"}
        case "interrupted" if attempt < attempts:
            return {**free, "next": "start", "attempt": attempt + 1}
        case "interrupted":
            reason = f"{state['reason']} That was the last of {attempts} attempts."
            return {**free, "next": "notify", "verdict": "failed", "rule": "interrupted_too_often", "reason": reason}
        case _:
            return {**free, "next": "notify", "verdict": "failed"}


def _reason(error: Mapping[str, Any]) -> str:
    return f"A step of the retraining failed: {words_of(error)}"[:_MAX_REASON]


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The handler."""

    ec2: Any

    def __call__(self, state: Mapping[str, Any], _context: object) -> dict[str, Any]:
        training = check_run_id(state["training"])
        machines = self._of(training)
        if (known := state.get("instance")) and known not in machines:
            machines |= self._described(InstanceIds=[known])
        if running := sorted(name for name, status in machines.items() if status not in TERMINATING):
            self.ec2.terminate_instances(InstanceIds=running)
            machines = self._of(training) | self._described(InstanceIds=running)
            if running := sorted(name for name, status in machines.items() if status not in TERMINATING):
                raise InstanceStillRunning(
                    f"{', '.join(running)} of {training} was terminated, and still runs; this step is tried again"
                )
        return after(state)

    def _of(self, training: str) -> dict[str, str]:
        return self._described(Filters=[by_tag(f"nunchi:training={training}")])

    def _described(self, **selection: Any) -> dict[str, str]:
        """Machines by id, with their states in EC2."""
        with ignoring("InvalidInstanceID.NotFound"):
            return {one["InstanceId"]: one["State"]["Name"] for one in instances(self.ec2, **selection)}
        return {}


def wire(_environ: Mapping[str, str]) -> Stop:
    """The one place that chooses real I/O. It has no settings."""
    return Stop(ec2=botocore.session.get_session().create_client("ec2", config=PATIENCE))


__getattr__ = handler_on_first_use(__name__, wire)
