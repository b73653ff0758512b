"""The reaper: terminates training machines whose execution is over.

The state machine stops its machine on every path. An execution that is aborted or times out has no such path: then
EventBridge invokes the reaper, with `{"sweep": "ended"}`. A schedule invokes it each hour, with `{"sweep": "hourly"}`.

    a machine of a running execution      left alone
    a machine of an execution that ended  terminated
    an orphan found by the hourly sweep   terminated, and the function fails once, so that its alarm notifies people:
                                          no other path should have left it
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.aws.lambda_wiring import clients, handler_on_first_use
from contracts.errors import InvalidMessage
from contracts.settings import load, setting

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
ALIVE: Final = ("pending", "running", "stopping", "stopped")


class OrphanFound(Exception):
    """A training machine ran without a running execution."""


@dataclass(frozen=True, kw_only=True)
class ReapSettings:
    """The function's settings; `infra/` writes them."""

    executions: str = setting("NUNCHI_EXECUTIONS", "ARN of the state machine's executions, up to their name")
    role_tag: str = setting("NUNCHI_ROLE_TAG", "tag by which training machines are found, as key=value")


def orphans(machines: Iterable[tuple[str, str | None]], running: Callable[[str], bool]) -> list[str]:
    """The machines without a running execution. `machines`: each with the name of its execution, if it has one."""
    return sorted(machine for machine, execution in machines if execution is None or not running(execution))


class Reap:
    """The handler. `client` creates a client of an AWS service."""

    def __init__(self, *, client: Callable[[str], Any], settings: ReapSettings) -> None:
        self._ec2, self._states = client("ec2"), client("stepfunctions")
        self._settings = settings

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, list[str]]:
        """The machines that were terminated."""
        sweep = event.get("sweep") if isinstance(event, Mapping) else None
        if sweep not in ("ended", "hourly"):
            raise InvalidMessage(
                f'sweep {sweep!r} is unknown, nothing was stopped: send {{"sweep": "ended"}} or {{"sweep": "hourly"}}'
            )
        found = orphans(self._machines(), self._is_running)
        if found:
            self._ec2.terminate_instances(InstanceIds=found)
            sys.stdout.write(json.dumps({"level": "error", "step": "retrain", "strays": found}) + "\n")
            if sweep == "hourly":
                raise OrphanFound(
                    f"{', '.join(found)} ran without a retraining, and was terminated; read the last retraining's log"
                )
        return {"stopped": found}

    def _machines(self) -> list[tuple[str, str | None]]:
        key, _, value = self._settings.role_tag.partition("=")
        pages = self._ec2.get_paginator("describe_instances").paginate(
            Filters=[
                {"Name": f"tag:{key}", "Values": [value]},
                {"Name": "instance-state-name", "Values": list(ALIVE)},
            ]
        )
        return [
            (one["InstanceId"], {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}.get("nunchi:execution"))
            for page in pages
            for reservation in page["Reservations"]
            for one in reservation["Instances"]
        ]

    def _is_running(self, execution: str) -> bool:
        try:
            described = self._states.describe_execution(executionArn=f"{self._settings.executions}:{execution}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return False
            raise
        return bool(described["status"] == "RUNNING")


def wire(environ: Mapping[str, str]) -> Reap:
    """The one place that chooses real I/O."""
    return Reap(client=clients(botocore.session.get_session(), PATIENCE), settings=load(ReapSettings, environ))


__getattr__ = handler_on_first_use(__name__, wire)
