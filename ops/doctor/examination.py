"""Runs health checks on a deployment; a check that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from config.mode import Mode
from config.names import INFERENCE_ROLE, ROLE_TAG
from config.nunchi_toml import Config
from contracts.errors import NunchiError
from contracts.instants import now
from ops.aws import AWS_ERRORS, first_line, remedy, stack_outputs

_ACCESS_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "Forbidden", "403"}
)


class State(StrEnum):
    """The result of a check."""

    WELL = "well"
    ATTENTION = "attention"  # nothing is broken; the operator should know
    ILL = "ill"
    UNSEEN = "unseen"  # the check could not run: access denied, or no answer


class Result(NamedTuple):
    """The result of a check in words, and the remedy where it is not well."""

    state: State
    text: str
    remedy: str = ""


well, attention, ill = (partial(Result, state) for state in (State.WELL, State.ATTENTION, State.ILL))


def unseen(reason: object, remedy: str = "") -> Result:
    """The result of a check that could not run."""
    return Result(State.UNSEEN, f"can't check: {reason}", remedy)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of the check of that name."""

    check: str
    state: State
    text: str
    remedy: str = ""

    def fields(self) -> dict[str, str]:
        """As JSON fields."""
        return {name: str(value) for name, value in asdict(self).items()}


class CheckFailed(NunchiError):
    """A check could not run."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True)
class Deployment:
    """What the checks inspect: clients of a cloud's services, and the operator's settings.

    `client` returns a boto3 client of a service. A local cloud has no opening hours, it always runs; its workers answer
    at their `sockets`, their `logs` are in a folder, and `screen` is the address of its kiosk's page. `nunchi` builds a
    command on this cloud, ready to paste.
    """

    client: Callable[[str], Any]
    _: KW_ONLY
    config: Config
    local: bool = False
    sockets: Mapping[str, Path] = field(default_factory=dict)
    nunchi: Callable[[str], str] = "nunchi {}".format
    logs: Path = Path("logs")
    screen: str | None = None
    shell_region: str | None = None
    now: Callable[[], datetime] = now
    _outputs: dict[str, dict[str, str] | None] = field(default_factory=dict, init=False)

    def output(self, stack: str, name: str) -> str:
        """An output of a stack; CheckFailed when the stack or the output is missing."""
        if stack not in self._outputs:
            self._outputs[stack] = stack_outputs(self.client("cloudformation"), stack)
        if (outputs := self._outputs[stack]) is None:
            raise CheckFailed(f"{stack} is not deployed", f"cdk deploy {stack}")
        if name not in outputs:
            raise CheckFailed(f"{stack} has no output {name}: another version is deployed", f"cdk deploy {stack}")
        return outputs[name]

    def listed(self, service: str, operation: str, entries: str, **parameters: Any) -> list[Any]:
        """The `entries` of all pages of an operation."""
        pages = self.client(service).get_paginator(operation).paginate(**parameters)
        return [entry for page in pages for entry in page[entries]]

    @property
    def should_run(self) -> bool:
        """Whether instances should run now, by the operator's hours and holidays."""
        return self.local or self.config.hours.should_run(self.now())

    @property
    def by_command(self) -> bool:
        return self.config.mode is Mode.COMMAND

    def instances(self) -> dict[str, str]:
        """The inference instances by id, each with its EC2 state."""
        answer = self.client("ec2").describe_instances(
            Filters=[
                {"Name": f"tag:{ROLE_TAG}", "Values": [INFERENCE_ROLE]},
                {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
            ]
        )
        return {
            instance["InstanceId"]: instance["State"]["Name"]
            for reservation in answer["Reservations"]
            for instance in reservation["Instances"]
        }

    def running(self) -> list[str]:
        """The ids of the inference instances in state running."""
        return sorted(instance for instance, state in self.instances().items() if state == "running")


Check = Callable[[Deployment], Result]


def examine(deployment: Deployment, checks: Mapping[str, Check]) -> Iterator[Finding]:
    """The finding of each check, in order."""
    for name, check in checks.items():
        try:
            result = check(deployment)
        except CheckFailed as failed:
            result = unseen(failed, failed.remedy)
        except AWS_ERRORS as error:
            reason = _reason(error) if isinstance(error, ClientError) else first_line(error)
            result = unseen(reason, remedy(error, deployment.config.region))
        yield Finding(name, *result)


def _reason(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    if code in _ACCESS_DENIED:
        return f"your credentials may not call {error.operation_name}"
    return f"{error.operation_name} answers {code}: {error.response['Error'].get('Message', '')}"


def status_of(findings: Sequence[Finding]) -> int:
    """The exit status: 1 when a finding is ill, otherwise 0."""
    return int(any(finding.state is State.ILL for finding in findings))
