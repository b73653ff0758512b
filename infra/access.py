"""What the worker may do with the buckets. It deletes nothing, and changes no bucket."""

from __future__ import annotations

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.messages import Training
from contracts.names import RESULTS, UPLOADS
from infra.acknowledged import acknowledge
from infra.buckets import Buckets


class WorkerAccess(iam.ManagedPolicy):
    """Read uploads, store results and training pairs.

    A training pair's image may be a copy of the upload that S3 makes: that reads the one and writes the other, and
    needs no right to tags, as the copy takes none over.

    A policy of the pipeline's, and not of the instance's role: whatever runs a worker, here or on AWS, attaches it.
    """

    def __init__(self, scope: Construct, id: str, *, buckets: Buckets) -> None:
        super().__init__(scope, id, description="Nunchi worker: read uploads, store results and training pairs")
        self._grant(["s3:GetObject"], buckets.images, UPLOADS, RESULTS)
        self._grant(["s3:PutObject"], buckets.images, RESULTS)
        self._grant(["s3:PutObject"], buckets.dataset, f"{Training.AUTO}/", f"{Training.REVIEW}/")
        # The sweep lists. And to who may not list, S3 answers 403 for an object that isn't there, not 404.
        self.add_statements(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[buckets.images.bucket_arn]))

    def _grant(self, actions: list[str], bucket: s3.Bucket, *prefixes: str) -> None:
        resources = [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
        self.add_statements(iam.PolicyStatement(actions=actions, resources=resources))
        resource = bucket.node.default_child
        assert isinstance(resource, CfnElement)  # noqa: S101
        name = Stack.of(self).get_logical_id(resource)
        acknowledge(
            self,
            *(f"IAM5[Resource::<{name}.Arn>/{prefix}*]" for prefix in prefixes),
            reason="Keys below a prefix are photos, results or pairs: every one of them is the worker's to handle.",
        )
