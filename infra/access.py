"""What the worker may do with the buckets. It deletes nothing, and changes no bucket."""

from __future__ import annotations

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.names import RESULTS, UPLOADS
from infra.acknowledged import acknowledge
from infra.buckets import Buckets


class WorkerAccess(iam.ManagedPolicy):
    """Read uploads, store results and training pairs, read weights.

    A policy of the pipeline's, and not of the instance's role: whatever runs a worker, here or on AWS, attaches it.
    """

    def __init__(self, scope: Construct, id: str, *, buckets: Buckets) -> None:
        super().__init__(scope, id, description="Nunchi worker: read uploads, store results and training pairs")
        self._grant(["s3:GetObject"], buckets.images, UPLOADS, RESULTS)
        self._grant(["s3:PutObject"], buckets.images, RESULTS)
        self._grant(["s3:PutObject"], buckets.dataset, "auto/", "review/")
        self._grant(["s3:GetObject", "s3:GetObjectVersion"], buckets.weights, "")
        # The sweep lists. And to who may not list, S3 answers 403 for an object that isn't there, not 404.
        self.add_statements(
            iam.PolicyStatement(
                actions=["s3:ListBucket"], resources=[buckets.images.bucket_arn, buckets.weights.bucket_arn]
            )
        )

    def _grant(self, actions: list[str], bucket: s3.Bucket, *prefixes: str) -> None:
        resources = [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
        self.add_statements(iam.PolicyStatement(actions=actions, resources=resources))
        resource = bucket.node.default_child
        assert isinstance(resource, CfnElement)  # noqa: S101
        name = Stack.of(self).get_logical_id(resource)
        acknowledge(
            self,
            *(f"IAM5[Resource::<{name}.Arn>/{prefix}*]" for prefix in prefixes),
            reason="Keys below a prefix are photos, results or weights: every one of them is the worker's to handle.",
        )
