"""Who runs: the roles of the worker's instance and of a training run. What they may do stands in access.py."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.nag import acknowledge

# What an agent needs to be managed and to run commands. AWS's own policy for it, AmazonSSMManagedInstanceCore, would
# also read every parameter of the account.
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
        self.add_to_policy(iam.PolicyStatement(actions=list(AGENT), resources=["*"]))
        acknowledge(
            self,
            "IAM5[Resource::*]",
            reason="Which instance takes the role is not known before it is there; but for its report of itself, these "
            "actions know no resources.",
        )
