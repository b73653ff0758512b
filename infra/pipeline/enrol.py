"""Enrolment: issues, rotates and revokes the certificates by which inference instances reach the broker."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from contracts.settings import environment_of
from infra.functions import Function
from infra.statements import allow, arn_of
from lambdas.enrol import EnrolSettings

_DEVICES: Final = "A certificate's id is unknown before its creation. Things of instances: no kiosk has such a name."


class EnrolFunction(Function):
    """Invoked by instances for a certificate, and by EventBridge when an instance was terminated."""

    def __init__(self, scope: Construct, id: str, *, settings: EnrolSettings) -> None:
        things, certificates = arn_of(scope, "iot", "thing", "i-*"), arn_of(scope, "iot", "cert", "*")
        principals = ("iot:AttachThingPrincipal", "iot:DetachThingPrincipal")
        super().__init__(
            scope,
            id,
            name="enrol",
            description="Nunchi enrol: certificates for workers' instances, and their end",
            environment=environment_of(settings),
            timeout=Duration.seconds(60),
            may=[
                allow(
                    "ec2:DescribeInstances",
                    "iot:CreateCertificateFromCsr",
                    "iot:DescribeEndpoint",
                    "iot:ListAttachedPolicies",
                    on="*",
                ),
                allow(
                    "iot:CreateThing",
                    "iot:DescribeThing",
                    "iot:DeleteThing",
                    "iot:ListThingPrincipals",
                    *principals,
                    on=things,
                ),
                allow(
                    "iot:AttachPolicy",
                    "iot:DetachPolicy",
                    *principals,
                    "iot:UpdateCertificate",
                    "iot:DeleteCertificate",
                    on=certificates,
                ),
            ],
            wildcards={
                "*": "Signing a certificate, finding the broker and describing instances know no resources.",
                things: _DEVICES,
                certificates: _DEVICES,
            },
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
