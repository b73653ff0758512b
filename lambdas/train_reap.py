"""The net under a retraining: no training machine outlives the execution that it belongs to.

The state machine stops its machine on every path of its own. It has none when a person aborts it, or when its own time
is over: then EventBridge asks here, with `{"sweep": "ended"}`. A schedule asks each hour, `{"sweep": "hourly"}`.

    a machine of an execution that runs   left alone
    a machine of one that is over         told to go
    one was found by the hourly look      and the function fails, once, so that its alarm tells people: nothing
                                          else should have left it there
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.errors import InvalidMessage
from contracts.settings import load, setting

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
ALIVE: Final = ("pending", "running", "stopping", "stopped")


class OrphanFound(Exception):
    """A training machine ran that belonged to nobody."""


@dataclass(frozen=True, kw_only=True)
class ReapSettings:
    """What the function must know; `infra/` writes it."""

    executions: str = setting("NUNCHI_EXECUTIONS", "ARN of the state machine's executions, up to their name")
    role_tag: str = setting("NUNCHI_ROLE_TAG", "tag by which training machines are found, as key=value")


def orphans(machines: Iterable[tuple[str, str | None]], running: Callable[[str], bool]) -> list[str]:
    """The machines, each with the name of its execution, whose execution does not run, or that have none."""
    return sorted(machine for machine, execution in machines if execution is None or not running(execution))


class Reap:
    """The handler. `client` makes a client of an AWS service."""

    def __init__(self, *, client: Callable[[str], Any], settings: ReapSettings) -> None:
        self._ec2, self._states = client("ec2"), client("stepfunctions")
        self._settings = settings

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, list[str]]:
        """The machines that were told to go."""
        asked = event.get("sweep") if isinstance(event, Mapping) else None
        if asked not in ("ended", "hourly"):
            raise InvalidMessage(f'sweep {asked!r} is not known here: {{"sweep": "ended"}} or {{"sweep": "hourly"}}')
        found = orphans(self._machines(), self._runs)
        if found:
            self._ec2.terminate_instances(InstanceIds=found)
            sys.stdout.write(json.dumps({"level": "error", "step": "retrain", "strays": found}) + "\n")
            if asked == "hourly":
                raise OrphanFound(f"{', '.join(found)} ran for no training, and was told to go")
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

    def _runs(self, execution: str) -> bool:
        try:
            told = self._states.describe_execution(executionArn=f"{self._settings.executions}:{execution}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return False
            raise
        return bool(told["status"] == "RUNNING")


def wire(environ: Mapping[str, str]) -> Reap:
    """The one place that chooses real I/O."""
    settings = load(ReapSettings, environ)
    session = botocore.session.get_session()
    return Reap(client=lambda service: session.create_client(service, config=PATIENCE), settings=settings)


def __getattr__(name: str) -> Any:
    # As in dispatch.py: made on being asked for, so that importing this file has no effect.
    if name == "handler":
        return wire(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
