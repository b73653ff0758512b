"""The health check by schedule: whether workers are ready during opening hours, and how old the certificates are."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, TimeZone
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from config.sections import HoursSettings
from contracts.settings import environment_of
from infra.functions import Function, invoke_on_schedules
from infra.statements import allow, arn_of
from lambdas.health_probe import HealthProbeSettings

_CERTIFICATES: Final = "cron(30 9 ? * * *)"
# A late probe measures nothing new: the next one is at most five minutes away.
_MAX_AGE: Final = Duration.minutes(5)


class HealthProbe(Function):
    """The function, and its schedules: every five minutes of the opening hours, and once a day."""

    def __init__(self, scope: Construct, id: str, *, hours: HoursSettings, settings: HealthProbeSettings) -> None:
        statuses = arn_of(scope, "iot", "topic", "nunchi/worker/*/status")
        policies = [arn_of(scope, "iot", "policy", name) for name in (settings.kiosk_policy, settings.worker_policy)]
        if settings.group is not None:
            find_workers = allow("autoscaling:DescribeAutoScalingGroups", on="*")
        else:
            assert settings.instance_parameter is not None  # noqa: S101 - one of the two is set
            find_workers = allow("ssm:GetParameter", on=arn_of(scope, "ssm", "parameter", settings.instance_parameter))
        super().__init__(
            scope,
            id,
            name="health_probe",
            description="Nunchi watch: are the workers ready, how old are the certificates",
            environment=environment_of(settings),
            timeout=Duration.seconds(60),
            may=[
                allow("iot:GetRetainedMessage", on=statuses),
                allow("iot:ListTargetsForPolicy", on=policies),
                allow("iot:ListCertificates", on="*"),
                find_workers,
            ],
            wildcards={
                "*": "Listing certificates and describing a group of instances know no resources.",
                statuses: "An instance's id is not known in advance. Only the status of workers is read.",
            },
            dead_letters=True,
        )
        workers = [(f"Worker{number}", cron, "worker") for number, cron in enumerate(hours.week.probes, start=1)]
        invoke_on_schedules(
            self,
            "ScheduleRole",
            self,
            [
                (
                    name,
                    f"Nunchi: look at the {look}",
                    scheduler.ScheduleExpression.expression(cron, TimeZone.of(hours.zone)),
                    {"look": look},
                )
                for name, cron, look in [*workers, ("Certificates", _CERTIFICATES, "certificates")]
            ],
            description="Nunchi schedules: invoke the watch",
            max_age=_MAX_AGE,
        )
