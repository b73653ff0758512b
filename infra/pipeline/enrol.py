"""Enrolment of inference instances with the broker: a function issues their certificates and revokes them."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from contracts.settings import environment_of
from infra.functions import Function
from infra.nag import acknowledge_wildcards
from lambdas.enrol import EnrolSettings


class EnrolFunction(Function):
    """Invoked by instances for a certificate, and by EventBridge when an instance was terminated."""

    def __init__(self, scope: Construct, id: str, *, settings: EnrolSettings) -> None:
        super().__init__(
            scope,
            id,
            name="enrol",
            description="Nunchi enrol: certificates for workers' instances, and their end",
            environment=environment_of(settings),
            timeout=Duration.seconds(60),
            may=_may_enrol(Stack.of(scope)),
            dead_letters=True,
        )
        events.Rule(
            self,
            "Terminated",
            description="Nunchi: an instance has ended; its certificate must not outlive it",
            event_pattern=events.EventPattern(
                source=["aws.ec2"],
                detail_type=["EC2 Instance State-change Notification"],
                detail={"state": ["terminated"]},
            ),
            targets=[
                targets.LambdaFunction(
                    self.function, retry_attempts=10, max_event_age=Duration.hours(6), dead_letter_queue=self.dead
                )
            ],
        )
        acknowledge_wildcards(
            self.role,
            "*",
            reason="Signing a certificate, finding the broker and describing instances know no resources.",
        )
        acknowledge_wildcards(
            self.role,
            *_devices(Stack.of(self)),
            reason="A certificate's id is unknown before its creation. Things of instances: no kiosk has such a name.",
        )


def _may_enrol(stack: Stack) -> list[iam.PolicyStatement]:
    things, certificates = _devices(stack)
    return [
        iam.PolicyStatement(
            actions=[
                "ec2:DescribeInstances",
                "iot:CreateCertificateFromCsr",
                "iot:DescribeEndpoint",
                "iot:ListAttachedPolicies",
            ],
            resources=["*"],
        ),
        iam.PolicyStatement(
            actions=[
                "iot:CreateThing",
                "iot:DescribeThing",
                "iot:DeleteThing",
                "iot:ListThingPrincipals",
                "iot:AttachThingPrincipal",
                "iot:DetachThingPrincipal",
            ],
            resources=[things],
        ),
        iam.PolicyStatement(
            actions=[
                "iot:AttachPolicy",
                "iot:DetachPolicy",
                "iot:AttachThingPrincipal",
                "iot:DetachThingPrincipal",
                "iot:UpdateCertificate",
                "iot:DeleteCertificate",
            ],
            resources=[certificates],
        ),
    ]


def _devices(stack: Stack) -> tuple[str, str]:
    """Things of instances, and certificates."""
    return (
        stack.format_arn(service="iot", resource="thing", resource_name="i-*"),
        stack.format_arn(service="iot", resource="cert", resource_name="*"),
    )
