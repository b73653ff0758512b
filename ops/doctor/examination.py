"""Runs health checks on a deployment; a check that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

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


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check in words, and the remedy where it is not well."""

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


class Deployment:
    """What the checks inspect: clients of a cloud's services, and the operator's settings.

    `client` creates a boto3 client of a service. A local cloud has no opening hours, it always runs; its workers answer
    at their `sockets`, and their `logs` are in a folder. `nunchi` builds a command on this cloud, ready to paste.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        *,
        config: Config,
        local: bool = False,
        sockets: Mapping[str, Path] = MappingProxyType({}),
        nunchi: Callable[[str], str] = "nunchi {}".format,
        logs: Path = Path("logs"),
        shell_region: str | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._create = client
        self._clients: dict[str, Any] = {}
        self._outputs: dict[str, Mapping[str, str]] = {}
        self.config = config
        self.local = local
        self.sockets = sockets
        self.nunchi = nunchi
        self.logs = logs
        self.shell_region = shell_region
        self.now = clock

    def client(self, service: str) -> Any:
        """A client, created once."""
        if service not in self._clients:
            self._clients[service] = self._create(service)
        return self._clients[service]

    def output(self, stack: str, name: str) -> str:
        """An output of a stack; CheckFailed when the stack or the output is missing."""
        if stack not in self._outputs:
            outputs = stack_outputs(self.client("cloudformation"), stack)
            if outputs is None:
                raise CheckFailed(f"{stack} is not deployed", f"cdk deploy {stack}")
            self._outputs[stack] = outputs
        try:
            return self._outputs[stack][name]
        except KeyError:
            raise CheckFailed(
                f"{stack} has no output {name}: another version is deployed", f"cdk deploy {stack}"
            ) from None

    @property
    def should_run(self) -> bool:
        """Whether instances should run now, by the operator's hours and holidays."""
        hours = self.config.hours
        return self.local or (hours.week.should_run(self.now(), hours.zone_info) and not self._is_holiday)

    @property
    def _is_holiday(self) -> bool:
        hours, at = self.config.hours, self.now()
        early, late = timedelta(minutes=hours.boot_lead_minutes), timedelta(minutes=hours.linger_minutes)
        spans = hours.closed_spans
        return spans is not None and any(start - early <= at < end + late for start, end in spans.spans)

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


Check = Callable[[Deployment], Finding]


def examine(deployment: Deployment, checks: Mapping[str, Check]) -> Iterator[Finding]:
    """The finding of each check, in order."""
    for name, check in checks.items():
        try:
            yield check(deployment)
        except CheckFailed as failed:
            yield Finding(name, State.UNSEEN, f"can't check: {failed}", failed.remedy)
        except AWS_ERRORS as error:
            reason = _reason(error) if isinstance(error, ClientError) else first_line(error)
            yield Finding(name, State.UNSEEN, f"can't check: {reason}", remedy(error, deployment.config.region))


def _reason(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    if code in _ACCESS_DENIED:
        return f"your credentials may not call {error.operation_name}"
    return f"{error.operation_name} answers {code}: {error.response['Error'].get('Message', '')}"


def status_of(findings: Sequence[Finding]) -> int:
    """The exit status: 1 when a finding is ill, otherwise 0."""
    return int(any(finding.state is State.ILL for finding in findings))
