"""The operator's own KMS key for buckets and queues, when `security.kms` is set."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.roles import FROM_THIS_ACCOUNT


def own_key(scope: Construct, id: str) -> kms.Key:
    """A key with yearly rotation that outlives its stack: without it the contents of the buckets are lost."""
    key = kms.Key(
        scope,
        id,
        description="Nunchi: photos, results, training data, weights, queues",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    # S3 announces uploads on a queue under this key.
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions=FROM_THIS_ACCOUNT,
        )
    )
    return key
