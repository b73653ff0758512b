"""KMS keys: the operator's own for buckets and queues, when `security.kms` is set; and that of the alarms' topic."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.roles import FROM_THIS_ACCOUNT


def key_for(scope: Construct, id: str, *services: str, description: str, removal: RemovalPolicy) -> kms.Key:
    """A key with yearly rotation, which these services of AWS may use on behalf of this account."""
    key = kms.Key(scope, id, description=description, enable_key_rotation=True, removal_policy=removal)
    for service in services:
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's own policy: this key
                conditions=FROM_THIS_ACCOUNT,
            )
        )
    return key
