"""Roles: of the worker's instance and of a training run, whose rights are in access.py; and of schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.nag import acknowledge
from infra.statements import allow

# A service of AWS's may act here for this account only, not for another customer.
FROM_THIS_ACCOUNT: Final[Mapping[str, Any]] = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
# What the SSM agent needs to register and to run commands. AWS's own policy, AmazonSSMManagedInstanceCore, also allows
# to read every parameter of the account.
AGENT: Final = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
)


class InstanceRole(iam.Role):
    """A role for instances that Run Command reaches, with `access` for what their program does."""

    def __init__(self, scope: Construct, id: str, *, description: str, access: iam.IManagedPolicy) -> None:
        super().__init__(
            scope,
            id,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description=description,
            managed_policies=[access],
        )
        self.add_to_policy(allow(*AGENT, on="*"))
        acknowledge(
            self,
            "IAM5[Resource::*]",
            reason="The instance that takes the role is not known in advance; except for its report of itself, these "
            "actions know no resources.",
        )


class ScheduleRole(iam.Role):
    """A role for EventBridge Scheduler: its one statement, and the delivery of failed events to the dead letters."""

    def __init__(
        self, scope: Construct, id: str, *, description: str, may: iam.PolicyStatement, dead_letters: sqs.IQueue
    ) -> None:
        super().__init__(
            scope,
            id,
            description=description,
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=FROM_THIS_ACCOUNT),
        )
        self.add_to_policy(may)
        self.add_to_policy(allow("sqs:SendMessage", on=dead_letters.queue_arn))
