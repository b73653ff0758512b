"""Who looks whether the shop's workers are ready while it is open, and how old the certificates are."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from config.sections import HoursSettings
from contracts.settings import environment_of
from infra.functions import Function
from infra.nag import acknowledge_wildcards
from lambdas.health_probe import HealthProbeSettings

_CERTIFICATES: Final = "cron(30 9 ? * * *)"
# A look that comes late says what was, not what is: the next one is five minutes away.
_KEEP_TRYING: Final = Duration.minutes(5)
_TRIES: Final = 3


class HealthProbe(Function):
    """The function, and the schedules that ask it: every five minutes of the open hours, and once a day."""

    def __init__(self, scope: Construct, id: str, *, hours: HoursSettings, settings: HealthProbeSettings) -> None:
        super().__init__(
            scope,
            id,
            name="health_probe",
            description="Nunchi watch: are the workers ready, how old are the certificates",
            environment=environment_of(settings),
            timeout=Duration.seconds(60),
            may=_may_look(Stack.of(scope), settings),
            dead_letters=True,
        )
        acknowledge_wildcards(
            self.role, "*", reason="Listing certificates, and looking at a group of instances, know no resources."
        )
        acknowledge_wildcards(
            self.role,
            _statuses(Stack.of(scope)),
            reason="An instance's name is not known before it is there. Only what workers say of themselves is read.",
        )
        role = iam.Role(
            self,
            "ScheduleRole",
            description="Nunchi schedules: invoke the watch",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])
        )
        assert self.dead is not None  # noqa: S101 - asked for above
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.dead.queue_arn]))
        looks = [("Worker", cron, "worker") for cron in hours.week.watches]
        numbered = [(f"{name}{number}", cron, look) for number, (name, cron, look) in enumerate(looks, start=1)]
        for name, cron, look in [*numbered, ("Certificates", _CERTIFICATES, "certificates")]:
            scheduler.Schedule(
                self,
                name,
                description=f"Nunchi: look at the {look}",
                schedule=scheduler.ScheduleExpression.expression(cron, TimeZone.of(hours.zone)),
                target=targets.LambdaInvoke(
                    self.function,
                    input=scheduler.ScheduleTargetInput.from_object({"look": look}),
                    # As it is: the target's own grant would also allow every version of the function.
                    role=role.without_policy_updates(),
                    dead_letter_queue=self.dead,
                    retry_attempts=_TRIES,
                    max_event_age=_KEEP_TRYING,
                ),
            )


def _may_look(stack: Stack, settings: HealthProbeSettings) -> list[iam.PolicyStatement]:
    """Read who should be ready, what they say of themselves, and which certificates there are."""
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
    assert settings.instance_parameter is not None  # noqa: S101 - one of the two is
    parameter = stack.format_arn(
        service="ssm", resource="parameter", resource_name=settings.instance_parameter.removeprefix("/")
    )
    return [*may, iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[parameter])]


def _statuses(stack: Stack) -> str:
    return stack.format_arn(service="iot", resource="topic", resource_name="nunchi/worker/*/status")
