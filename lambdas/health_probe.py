"""The health probe: a health check of the workers and the age of certificates, as metrics that AWS does not have.

Schedules invoke it: `{"look": "worker"}` every five minutes while the shop is open, `{"look": "certificates"}` daily.

    every instance reports ready                     WorkerReady 1
    an instance does not, or no instance is there    WorkerReady 0
    a day on which the shop is closed                no metric: for the alarm, missing data is no breach
    AWS does not answer                              the function fails, and the alarm about its errors fires
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

import botocore.session
from botocore.config import Config

from contracts.aws.emf import Metric, Service, line
from contracts.aws.errors import ignoring
from contracts.aws.lambda_wiring import clients, handler_on_first_use
from contracts.errors import InvalidMessage, InvalidName, SettingsError
from contracts.instants import ClosedSpans, now
from contracts.messages import WorkerState, WorkerStatus
from contracts.names import worker_status_topic
from contracts.settings import load, setting

PATIENCE: Final = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
PAGE: Final = 250
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class HealthProbeSettings:
    """The function's settings; `infra/` writes them. It probes one instance, or a group of them."""

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
        "spans in which no worker need be ready, as from/to,from/to",
        parse=ClosedSpans.parse,
        default=None,
    )

    def __post_init__(self) -> None:
        if (self.instance_parameter is None) == (self.group is None):
            raise SettingsError(
                "nothing was started: set either NUNCHI_INSTANCE_PARAMETER or NUNCHI_GROUP, to name what is probed"
            )


@dataclass(frozen=True, kw_only=True)
class Prober:
    """The handler. `client` gives the client of an AWS service."""

    client: Callable[[str], Any]
    settings: HealthProbeSettings
    clock: Callable[[], datetime] = now

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, float]:
        """The metrics that were written, by name. InvalidMessage for another event."""
        look = event.get("look") if isinstance(event, Mapping) else None
        values: dict[str, float]
        if look == "worker":
            values = self._probe_workers()
        elif look == "certificates":
            values = {Metric.CERTIFICATE_AGE_DAYS: self._oldest_certificate_days()}
        else:
            raise InvalidMessage(
                f'look {look!r} is unknown, nothing was probed: send {{"look": "worker"}} or {{"look": "certificates"}}'
            )
        if values:
            sys.stdout.write(line(Service.HEALTH_PROBE, values, at=self.clock()) + "\n")
        return values

    def _probe_workers(self) -> dict[str, float]:
        if self.settings.closed is not None and self.clock() in self.settings.closed:
            return {}
        instances = self._instances()
        ready = [name for name in instances if is_ready(worker_status(self.client("iot-data"), name))]
        return {
            Metric.WORKER_READY: int(bool(instances) and len(ready) == len(instances)),
            Metric.WORKERS_READY: len(ready),
        }

    def _instances(self) -> list[str]:
        """The ids of the instances that must be ready now."""
        if self.settings.group is not None:
            return in_service(self.client("autoscaling"), self.settings.group)
        with ignoring("ParameterNotFound"):  # NunchiCompute is not deployed
            return [self.client("ssm").get_parameter(Name=self.settings.instance_parameter)["Parameter"]["Value"]]
        return []

    def _oldest_certificate_days(self) -> float:
        policies = (self.settings.kiosk_policy, self.settings.worker_policy)
        created = certificates(self.client("iot"), policies).values()
        return round((self.clock() - min(created)) / _DAY, 2) if created else 0.0


def in_service(autoscaling: Any, group: str) -> list[str]:
    """The ids of the instances of a group that are in service; none when there is no such group."""
    answer = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return [
        instance["InstanceId"]
        for found in answer["AutoScalingGroups"]
        for instance in found["Instances"]
        if instance["LifecycleState"] == "InService"
    ]


def worker_status(iot_data: Any, instance_id: str) -> WorkerStatus | None:
    """A worker's own status, retained by the broker; None when it is missing or invalid."""
    with suppress(InvalidMessage, InvalidName), ignoring("ResourceNotFoundException"):
        answer = iot_data.get_retained_message(topic=worker_status_topic(instance_id))
        return WorkerStatus.from_json(answer["payload"])
    return None


def is_ready(status: WorkerStatus | None) -> bool:
    """Whether a worker reports that it is ready."""
    return status is not None and status.state is WorkerState.READY


def certificates(iot: Any, policies: Iterable[str]) -> dict[str, datetime]:
    """The active certificates with one of the policies: their ARNs, and when they were created.

    Two lists are joined instead of a call for each certificate: a thousand shops have thousands.
    """
    targets = (_pages(iot.list_targets_for_policy, "targets", policyName=policy) for policy in policies)
    attached = set(chain.from_iterable(targets))
    return {
        certificate["certificateArn"]: certificate["creationDate"]
        for certificate in _pages(iot.list_certificates, "certificates")
        if certificate["status"] == "ACTIVE" and certificate["certificateArn"] in attached
    }


def _pages(call: Callable[..., Mapping[str, Any]], what: str, **parameters: Any) -> Iterable[Any]:
    answer = call(**parameters, pageSize=PAGE)
    yield from answer[what]
    while marker := answer.get("nextMarker"):
        answer = call(**parameters, pageSize=PAGE, marker=marker)
        yield from answer[what]


def wire(environ: Mapping[str, str]) -> Prober:
    """The one place that chooses real I/O."""
    return Prober(client=clients(botocore.session.get_session(), PATIENCE), settings=load(HealthProbeSettings, environ))


__getattr__ = handler_on_first_use(__name__, wire)
