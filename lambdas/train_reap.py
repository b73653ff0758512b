"""The reaper: terminates training machines whose execution is over.

The state machine stops its machine on every path. An execution that is aborted or times out has no such path: then
EventBridge invokes the reaper, with `{"sweep": "ended"}`. A schedule invokes it each hour, with `{"sweep": "hourly"}`.

    a machine of a running execution      left alone
    a machine of an execution that ended  terminated
    an orphan found by the hourly sweep   terminated, and the function fails once, so that its alarm notifies people:
                                          no other path should have left it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.config import Config

from contracts.aws.ec2 import ALIVE, tagged
from contracts.aws.errors import ignoring
from contracts.aws.lambda_wiring import clients, handler_on_first_use, log
from contracts.errors import InvalidMessage
from contracts.settings import load, setting

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})


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


@dataclass(frozen=True, kw_only=True)
class Reap:
    """The handler. `client` gives the client of an AWS service."""

    client: Callable[[str], Any]
    settings: ReapSettings

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, list[str]]:
        """The machines that were terminated."""
        sweep = event.get("sweep") if isinstance(event, Mapping) else None
        if sweep not in ("ended", "hourly"):
            raise InvalidMessage(
                f'sweep {sweep!r} is unknown, nothing was stopped: send {{"sweep": "ended"}} or {{"sweep": "hourly"}}'
            )
        found = orphans(self._machines(), self._is_running)
        if found:
            self.client("ec2").terminate_instances(InstanceIds=found)
            log(level="error", step="retrain", strays=found)
            if sweep == "hourly":
                raise OrphanFound(
                    f"{', '.join(found)} ran without a retraining, and was terminated; read the last retraining's log"
                )
        return {"stopped": found}

    def _machines(self) -> list[tuple[str, str | None]]:
        machines = tagged(self.client("ec2"), self.settings.role_tag, states=(*ALIVE, "stopping", "stopped"))
        return [
            (one["InstanceId"], {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}.get("nunchi:execution"))
            for one in machines
        ]

    def _is_running(self, execution: str) -> bool:
        with ignoring("ExecutionDoesNotExist"):
            described = self.client("stepfunctions").describe_execution(
                executionArn=f"{self.settings.executions}:{execution}"
            )
            return bool(described["status"] == "RUNNING")
        return False


def wire(environ: Mapping[str, str]) -> Reap:
    """The one place that chooses real I/O."""
    return Reap(client=clients(botocore.session.get_session(), PATIENCE), settings=load(ReapSettings, environ))


__getattr__ = handler_on_first_use(__name__, wire)
