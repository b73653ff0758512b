"""What the worker and a training run may do with buckets and queue. Neither changes a bucket.

Only the worker of a recipe that keeps no uploads may delete, and only uploads.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from config.mode import Mode
from contracts.messages import DatasetTree
from contracts.names import BUILDS, GOLDEN, POINTER, RESULTS, REVIEWED, RUNS, TRAININGS, UPLOADS, WHYS
from infra.nag import acknowledge_wildcards
from infra.pipeline.buckets import Buckets
from infra.pipeline.uploads import Uploads
from infra.statements import allow

_GATHERED: Final = (f"{DatasetTree.AUTO}/", f"{DatasetTree.REVIEW}/")


class _Access(iam.ManagedPolicy):
    """A managed policy apart from an instance's role, so that the local cloud's programs have the same rights."""

    def allow(self, actions: list[str], bucket: s3.Bucket, *prefixes: str) -> None:
        """Allow the actions on the objects below the prefixes, or with just that key where one ends without a slash."""
        keys = [bucket.arn_for_objects(f"{prefix}*" if prefix.endswith("/") else prefix) for prefix in prefixes]
        self.add_statements(allow(*actions, on=keys))
        acknowledge_wildcards(
            self,
            *keys,
            reason="Keys below a prefix are photos, results, pairs or weights: all of them are for this program.",
        )

    def allow_listing(self, *buckets: s3.Bucket) -> None:
        """Allow listing. Without it S3 answers 403 instead of 404 for a missing object."""
        self.add_statements(allow("s3:ListBucket", on=[bucket.bucket_arn for bucket in buckets]))


class WorkerAccess(_Access):
    """Read uploads and weights, store results and training pairs; in mode `queue` also take photos from the queue.

    `deletes_uploads`: whether the recipe keeps no photo after its answer (`keep`).

    A link to a picture that shows why has the worker's right to read it: the kiosk that follows it has none.

    A training pair's image may be a server-side copy of the upload: that needs the rights to read and to write, not
    to tag, as the copy takes no tags over.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        buckets: Buckets,
        uploads: Uploads,
        mode: Mode,
        deletes_uploads: bool = False,
    ) -> None:
        super().__init__(scope, id, description="Nunchi worker: read uploads, store results and training pairs")
        self.allow(["s3:GetObject"], buckets.images, UPLOADS, RESULTS, WHYS)
        if deletes_uploads:
            # Of the object, never of a version: the bucket keeps none.
            self.allow(["s3:DeleteObject"], buckets.images, UPLOADS)
        self.allow(["s3:PutObject"], buckets.images, RESULTS, WHYS)
        self.allow(["s3:PutObject"], buckets.dataset, *_GATHERED)
        self.allow(["s3:GetObject"], buckets.weights, RUNS, POINTER)
        self.allow_listing(buckets.images, buckets.weights)  # the sweep; a missing pointer or run
        if mode is Mode.QUEUE:
            reading = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
            self.add_statements(allow(*reading, on=uploads.queue.queue_arn))
        self.add_statements(*buckets.allow_key("kms:Decrypt", "kms:GenerateDataKey"))


class TrainingAccess(_Access):
    """Read gathered and reviewed pairs, write builds and progress, add weights and move their pointer.

    It may not write reviewed or golden labels: those come from people.
    """

    def __init__(self, scope: Construct, id: str, *, buckets: Buckets) -> None:
        super().__init__(scope, id, description="Nunchi training: read the dataset, add weights, move their pointer")
        self.allow(["s3:GetObject"], buckets.dataset, *_GATHERED, REVIEWED, GOLDEN, BUILDS, TRAININGS)
        self.allow(["s3:PutObject"], buckets.dataset, BUILDS, TRAININGS)
        self.allow(["s3:GetObject", "s3:PutObject"], buckets.weights, RUNS, POINTER)
        self.allow(["s3:GetObjectVersion"], buckets.weights, POINTER)  # for a rollback
        # The confidences of results, to measure drift: no photos, and no pictures of parts of them.
        self.allow(["s3:GetObject"], buckets.images, RESULTS)
        self.allow_listing(buckets.images, buckets.dataset, buckets.weights)
        self.add_statements(*buckets.allow_key("kms:Decrypt", "kms:GenerateDataKey"))
