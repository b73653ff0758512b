"""Looks at what no alarm of AWS's own sees, and tells CloudWatch: is the worker ready, how old are the certificates.

Schedules ask: `{"look": "worker"}` every five minutes while the shop is open, `{"look": "certificates"}` once a day.

    every instance that should be ready says so      WorkerReady 1
    one does not, or there is none                   WorkerReady 0
    a day on which the shop is closed                nothing: the alarm takes that for well
    AWS does not answer                              the function fails, and the alarm about its errors says so
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.emf import Metric, Service, line
from contracts.errors import InvalidMessage, InvalidName, SettingsError
from contracts.instants import from_text, now
from contracts.messages import WorkerState, WorkerStatus
from contracts.names import worker_status_topic
from contracts.settings import load, setting

PATIENCE: Final = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
PAGE: Final = 250
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ClosedSpans:
    """Spans of time in which the shop is closed though its week says that it is open, as `from/to,from/to`.

    Instants and not dates: a sandbox of Lambda need not know every zone's rules, and whoever deploys does.
    """

    spans: tuple[tuple[datetime, datetime], ...] = ()

    def __str__(self) -> str:
        # To the minute: a year's holidays must fit into a function's environment, which has 4 KB.
        return ",".join("/".join(f"{one.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for one in span) for span in self.spans)

    @classmethod
    def parse(cls, text: str) -> ClosedSpans:
        pairs = [one.partition("/") for one in text.split(",")]
        return cls(tuple((from_text(start), from_text(end)) for start, _, end in pairs))

    def __contains__(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.spans)


@dataclass(frozen=True, kw_only=True)
class HealthProbeSettings:
    """What the function must know; `infra/` writes it. One instance is watched, or a group of them."""

    kiosk_policy: str = setting("NUNCHI_KIOSK_POLICY", "name of the IoT policy that kiosks' certificates have")
    worker_policy: str = setting("NUNCHI_WORKER_POLICY", "name of the IoT policy that workers' certificates have")
    instance_parameter: str | None = setting(
        "NUNCHI_INSTANCE_PARAMETER",
        "name of the SSM parameter that holds the id of the inference instance",
        default=None,
    )
    group: str | None = setting("NUNCHI_GROUP", "name of the Auto Scaling group of inference instances", default=None)
    closed: ClosedSpans | None = setting(
        "NUNCHI_CLOSED",
        "spans in which nobody need be ready, as from/to,from/to",
        parse=ClosedSpans.parse,
        default=None,
    )

    def __post_init__(self) -> None:
        if (self.instance_parameter is None) == (self.group is None):
            raise SettingsError(
                "nothing was started: set either NUNCHI_INSTANCE_PARAMETER or NUNCHI_GROUP, to say who is watched"
            )


class Prober:
    """The handler. `client` makes a client of an AWS service; each look makes those that it needs, once."""

    def __init__(
        self, *, client: Callable[[str], Any], settings: HealthProbeSettings, clock: Callable[[], datetime] = now
    ) -> None:
        self._make = client
        self._clients: dict[str, Any] = {}
        self._settings = settings
        self._clock = clock

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, float]:
        """The metrics that were told, by name."""
        look = event.get("look") if isinstance(event, Mapping) else None
        values: dict[str, float]
        if look == "worker":
            values = self._look_at_workers()
        elif look == "certificates":
            values = {Metric.CERTIFICATE_AGE_DAYS: self._oldest_certificate_days()}
        else:
            raise InvalidMessage(f'look {look!r} is not known here: {{"look": "worker"}} or {{"look": "certificates"}}')
        if values:
            sys.stdout.write(line(Service.WATCH, values, at=self._clock()) + "\n")
        return values

    def _look_at_workers(self) -> dict[str, float]:
        if self._settings.closed is not None and self._clock() in self._settings.closed:
            return {}
        instances = self._instances()
        ready = [one for one in instances if is_ready(worker_status(self._client("iot-data"), one))]
        return {
            Metric.WORKER_READY: int(bool(instances) and len(ready) == len(instances)),
            Metric.WORKERS_READY: len(ready),
        }

    def _instances(self) -> list[str]:
        """Who must be ready now."""
        if self._settings.group is not None:
            return in_service(self._client("autoscaling"), self._settings.group)
        try:
            answer = self._client("ssm").get_parameter(Name=self._settings.instance_parameter)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":  # no compute is deployed
                return []
            raise
        return [answer["Parameter"]["Value"]]

    def _oldest_certificate_days(self) -> float:
        policies = (self._settings.kiosk_policy, self._settings.worker_policy)
        made = certificates(self._client("iot"), policies).values()
        return round((self._clock() - min(made)) / _DAY, 2) if made else 0.0

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]


def in_service(autoscaling: Any, group: str) -> list[str]:
    """The ids of the instances of a group that are in service; none when there is no such group."""
    answer = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return [
        instance["InstanceId"]
        for one in answer["AutoScalingGroups"]
        for instance in one["Instances"]
        if instance["LifecycleState"] == "InService"
    ]


def worker_status(iot_data: Any, instance_id: str) -> WorkerStatus | None:
    """What a worker says of itself, retained by the broker; None when it never did, or in words that nobody knows."""
    try:
        answer = iot_data.get_retained_message(topic=worker_status_topic(instance_id))
        return WorkerStatus.from_json(answer["payload"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    except (InvalidMessage, InvalidName):
        return None


def is_ready(status: WorkerStatus | None) -> bool:
    """Whether a worker says that it is ready."""
    return status is not None and status.state is WorkerState.READY


def certificates(iot: Any, policies: Iterable[str]) -> dict[str, datetime]:
    """The certificates in use that have one of the policies: their ARNs, and when they were made.

    Two lists are joined instead of asking about each: a thousand shops have thousands.
    """
    ours = {target for policy in policies for target in _targets(iot, policy)}
    return {
        one["certificateArn"]: one["creationDate"]
        for one in _pages(iot.list_certificates, "certificates", pageSize=PAGE)
        if one["status"] == "ACTIVE" and one["certificateArn"] in ours
    }


def _targets(iot: Any, policy: str) -> Iterable[str]:
    return _pages(iot.list_targets_for_policy, "targets", policyName=policy, pageSize=PAGE)


def _pages(call: Callable[..., Mapping[str, Any]], what: str, **parameters: Any) -> Iterable[Any]:
    answer = call(**parameters)
    yield from answer[what]
    while marker := answer.get("nextMarker"):
        answer = call(**parameters, marker=marker)
        yield from answer[what]


def wire(environ: Mapping[str, str]) -> Prober:
    """The one place that chooses real I/O."""
    settings = load(HealthProbeSettings, environ)
    session = botocore.session.get_session()
    return Prober(client=lambda service: session.create_client(service, config=PATIENCE), settings=settings)


def __getattr__(name: str) -> Any:
    # As in dispatch.py: made on being asked for, so that importing this file has no effect.
    if name == "handler":
        return wire(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
