"""The health probe: whether workers are ready during opening hours, and how old the certificates are."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from config.sections import HoursSettings
from contracts.settings import environment_of
from infra.functions import Function
from infra.nag import acknowledge_wildcards
from infra.roles import ScheduleRole
from lambdas.health_probe import HealthProbeSettings

_CERTIFICATES: Final = "cron(30 9 ? * * *)"
# A late probe measures nothing new: the next one is at most five minutes away.
_MAX_AGE: Final = Duration.minutes(5)
_TRIES: Final = 3


class HealthProbe(Function):
    """The function, and its schedules: every five minutes of the opening hours, and once a day."""

    def __init__(self, scope: Construct, id: str, *, hours: HoursSettings, settings: HealthProbeSettings) -> None:
        super().__init__(
            scope,
            id,
            name="health_probe",
            description="Nunchi watch: are the workers ready, how old are the certificates",
            environment=environment_of(settings),
            timeout=Duration.seconds(60),
            may=_may_probe(Stack.of(scope), settings),
            dead_letters=True,
        )
        acknowledge_wildcards(
            self.role, "*", reason="Listing certificates and describing a group of instances know no resources."
        )
        acknowledge_wildcards(
            self.role,
            _statuses(Stack.of(scope)),
            reason="An instance's id is not known in advance. Only the status of workers is read.",
        )
        assert self.dead is not None  # noqa: S101 - requested above
        role = ScheduleRole(
            self,
            "ScheduleRole",
            description="Nunchi schedules: invoke the watch",
            may=iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn]),
            dead_letters=self.dead,
        )
        workers = [(f"Worker{number}", cron, "worker") for number, cron in enumerate(hours.week.probes, start=1)]
        for name, cron, look in [*workers, ("Certificates", _CERTIFICATES, "certificates")]:
            scheduler.Schedule(
                self,
                name,
                description=f"Nunchi: look at the {look}",
                schedule=scheduler.ScheduleExpression.expression(cron, TimeZone.of(hours.zone)),
                target=targets.LambdaInvoke(
                    self.function,
                    input=scheduler.ScheduleTargetInput.from_object({"look": look}),
                    # Unchanged: the target's own grant would also allow every version of the function.
                    role=role.without_policy_updates(),
                    dead_letter_queue=self.dead,
                    retry_attempts=_TRIES,
                    max_event_age=_MAX_AGE,
                ),
            )


def _may_probe(stack: Stack, settings: HealthProbeSettings) -> list[iam.PolicyStatement]:
    """Read which instances should be ready, their status, and the certificates."""
    policies = [
        stack.format_arn(service="iot", resource="policy", resource_name=name)
        for name in (settings.kiosk_policy, settings.worker_policy)
    ]
    may = [
        iam.PolicyStatement(actions=["iot:GetRetainedMessage"], resources=[_statuses(stack)]),
        iam.PolicyStatement(actions=["iot:ListTargetsForPolicy"], resources=policies),
        iam.PolicyStatement(actions=["iot:ListCertificates"], resources=["*"]),
    ]
    if settings.group is not None:
        return [*may, iam.PolicyStatement(actions=["autoscaling:DescribeAutoScalingGroups"], resources=["*"])]
    assert settings.instance_parameter is not None  # noqa: S101 - one of the two is set
    parameter = stack.format_arn(
        service="ssm", resource="parameter", resource_name=settings.instance_parameter.removeprefix("/")
    )
    return [*may, iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[parameter])]


def _statuses(stack: Stack) -> str:
    return stack.format_arn(service="iot", resource="topic", resource_name="nunchi/worker/*/status")
