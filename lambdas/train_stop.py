"""The last step but one of a retraining, on every path: its machine goes, and it is seen to go.

    gone, or going             the state: "start" another attempt after an interruption, else "tell"
    not to be seen going yet   InstanceStillRunning: the state machine asks again, for a while
    AWS does not answer        the error itself: the same

Machines are found by their tags too: a step that broke may have started one and not said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.training import words_of
from contracts.weights import check_run_id

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
GOING: Final = frozenset({"shutting-down", "terminated"})
_UNKNOWN: Final = "InvalidInstanceID.NotFound"
_MOST_WORDS: Final = 500


class InstanceStillRunning(Exception):
    """A training machine was told to go, and is not seen to."""


def after(state: Mapping[str, Any]) -> dict[str, Any]:
    """What follows, now that no machine of the retraining is left."""
    attempt, attempts = int(state.get("attempt", 1)), int(state.get("attempts", 1))
    free = {name: value for name, value in state.items() if name not in ("instance", "market", "command")}
    match state.get("next"):
        case _ if "error" in state:
            broken = {"verdict": "failed", "rule": "step_broken", "reason": _reason(state["error"])}
            return {**free, **broken, "next": "tell"}
        case "done":
            return {**free, "next": "tell"}
        case "interrupted" if attempt < attempts:
            return {**free, "next": "start", "attempt": attempt + 1}
        case "interrupted":
            often = f"{state['reason']} That was the last of {attempts} attempts."
            return {**free, "next": "tell", "verdict": "failed", "rule": "interrupted_too_often", "reason": often}
        case _:
            return {**free, "next": "tell", "verdict": "failed"}


def _reason(error: Mapping[str, Any]) -> str:
    return f"A step of the retraining failed: {words_of(error)}"[:_MOST_WORDS]


class Stop:
    """The handler."""

    def __init__(self, *, ec2: Any) -> None:
        self._ec2 = ec2

    def __call__(self, state: Mapping[str, Any], _context: object) -> dict[str, Any]:
        training = check_run_id(state["training"])
        machines = self._of(training)
        if (known := state.get("instance")) and known not in machines:
            machines |= self._described(InstanceIds=[known])
        if staying := sorted(one for one, word in machines.items() if word not in GOING):
            self._ec2.terminate_instances(InstanceIds=staying)
            machines = self._of(training) | self._described(InstanceIds=staying)
            if staying := sorted(one for one, word in machines.items() if word not in GOING):
                raise InstanceStillRunning(f"{', '.join(staying)} of {training} was told to go, and is not seen to")
        return after(state)

    def _of(self, training: str) -> dict[str, str]:
        return self._described(Filters=[{"Name": "tag:nunchi:training", "Values": [training]}])

    def _described(self, **which: Any) -> dict[str, str]:
        """Machines and EC2's words for their states."""
        try:
            pages = list(self._ec2.get_paginator("describe_instances").paginate(**which))
        except ClientError as error:
            if error.response["Error"]["Code"] == _UNKNOWN:
                return {}
            raise
        return {
            one["InstanceId"]: one["State"]["Name"]
            for page in pages
            for reservation in page["Reservations"]
            for one in reservation["Instances"]
        }


def wire() -> Stop:
    """The one place that chooses real I/O."""
    return Stop(ec2=botocore.session.get_session().create_client("ec2", config=PATIENCE))


def __getattr__(name: str) -> Any:
    # As in dispatch.py: made on being asked for, so that importing this file has no effect.
    if name == "handler":
        return wire()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
