"""How a Nunchi is examined: one check after the other, none of which keeps the next from looking."""

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
from ops.aws import UNANSWERED, first_line, remedy

_MAY_NOT: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "Forbidden", "403"}
)


class State(StrEnum):
    """How something is."""

    WELL = "well"
    ATTENTION = "attention"  # nothing is broken; somebody should know
    ILL = "ill"
    UNSEEN = "unseen"  # we may not look, or it does not answer


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in words; and what to do about it where it is not well."""

    check: str
    state: State
    text: str
    remedy: str = ""

    def fields(self) -> dict[str, str]:
        """As JSON has it."""
        return {name: str(value) for name, value in asdict(self).items()}


class CheckFailed(NunchiError):
    """A check has nothing to look at, or no way to."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


class Deployment:
    """What is examined: a cloud, as clients of its services, and what its operator decided.

    `client` makes a boto3 client of a service. A cloud on this machine has no opening hours: it should always run; its
    workers can be asked themselves, at their `sockets`, and their `logs` are in a folder. `nunchi` makes a command
    about the cloud that is examined, to be pasted.
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
        self._make = client
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
        """A client, made once."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def output(self, stack: str, name: str) -> str:
        """An output of a stack; CheckFailed when there is none."""
        if stack not in self._outputs:
            try:
                [found] = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
            except ClientError as error:
                if is_missing(error):
                    raise CheckFailed(f"{stack} is not deployed", f"cdk deploy {stack}") from None
                raise
            self._outputs[stack] = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        try:
            return self._outputs[stack][name]
        except KeyError:
            raise CheckFailed(
                f"{stack} has no output {name}: it is of another version", f"cdk deploy {stack}"
            ) from None

    @property
    def should_run(self) -> bool:
        """Whether compute is to run now, by the operator's hours and holidays."""
        hours = self.config.hours
        return self.local or (hours.week.should_run(self.now(), hours.zone_info) and not self._holiday)

    @property
    def _holiday(self) -> bool:
        hours, at = self.config.hours, self.now()
        early, late = timedelta(minutes=hours.boot_lead_minutes), timedelta(minutes=hours.linger_minutes)
        spans = hours.closed_spans
        return spans is not None and any(start - early <= at < end + late for start, end in spans.spans)

    @property
    def by_command(self) -> bool:
        return self.config.mode is Mode.COMMAND

    def instances(self) -> dict[str, str]:
        """The inference instances that there are, and the state of each as EC2 names it."""
        answer = self.client("ec2").describe_instances(
            Filters=[
                {"Name": f"tag:{ROLE_TAG}", "Values": [INFERENCE_ROLE]},
                {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
            ]
        )
        return {
            one["InstanceId"]: one["State"]["Name"]
            for reservation in answer["Reservations"]
            for one in reservation["Instances"]
        }

    def running(self) -> list[str]:
        """The inference instances that run."""
        return sorted(name for name, state in self.instances().items() if state == "running")


Check = Callable[[Deployment], Finding]


def examine(patient: Deployment, checks: Mapping[str, Check]) -> Iterator[Finding]:
    """The finding of each check, in order."""
    for name, check in checks.items():
        try:
            yield check(patient)
        except CheckFailed as nothing:
            yield Finding(name, State.UNSEEN, f"can't look: {nothing}", nothing.remedy)
        except UNANSWERED as error:
            told = _in_words(error) if isinstance(error, ClientError) else first_line(error)
            yield Finding(name, State.UNSEEN, f"can't look: {told}", remedy(error, patient.config.region))


def is_missing(error: ClientError) -> bool:
    """Whether CloudFormation says that there is no such stack."""
    return error.response["Error"]["Code"] == "ValidationError" and "exist" in error.response["Error"]["Message"]


def _in_words(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    if code in _MAY_NOT:
        return f"you may not {error.operation_name}"
    return f"{error.operation_name} answers {code}: {error.response['Error'].get('Message', '')}"


def status_of(findings: Sequence[Finding]) -> int:
    """The exit status: 0 nothing is ill, 1 something is."""
    return int(any(one.state is State.ILL for one in findings))
