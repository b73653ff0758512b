"""The operator's own key for photos and queues, where a setting asks for one."""

from __future__ import annotations

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


def own_key(scope: Construct, id: str) -> kms.Key:
    """A key that is renewed each year and outlives its stack: without it, what the buckets hold is lost."""
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
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
    )
    return key
