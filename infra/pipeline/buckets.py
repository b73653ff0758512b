"""The buckets. Photos expire; training data and weights stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from config.sections import RetentionSettings
from contracts.messages import DatasetTree
from contracts.names import RESULTS, TRAININGS, UPLOADS, WHYS
from infra.nag import acknowledge
from infra.statements import allow

_ACCESS_LOG_DAYS = 90
_TRAINING_DAYS = 180  # progress and checkpoints; the decision of a training is in its run's report


class Buckets(Construct):
    """Images, dataset and weights, and their access log."""

    def __init__(self, scope: Construct, id: str, *, retention: RetentionSettings, key: kms.IKey | None) -> None:
        super().__init__(scope, id)
        self.key = key
        self._access_log = _private(self, "AccessLog", lifecycle_rules=[_expire("log", "", _ACCESS_LOG_DAYS)])
        acknowledge(self._access_log, "S1", reason="It is the access log itself; logging it would never end.")
        self.images = self._logged(
            "Images",
            lifecycle_rules=[
                _expire("uploads", UPLOADS, retention.upload_days),
                _expire("results", RESULTS, retention.result_days),
                _expire("why", WHYS, retention.upload_days),  # parts of photos
            ],
        )
        # Training pairs stay. A photo that waits for review is no training data yet, and expires.
        self.dataset = self._logged(
            "Dataset",
            lifecycle_rules=[
                _expire("review", f"{DatasetTree.REVIEW}/", retention.review_days),
                _expire("trainings", TRAININGS, _TRAINING_DAYS),
            ],
        )
        # Old versions are needed for a rollback, so they do not expire.
        self.weights = self._logged("Weights", versioned=True)

    @property
    def names(self) -> dict[str, str]:
        """The buckets' names, by the fields of settings that hold them."""
        buckets = {"images": self.images, "dataset": self.dataset, "weights": self.weights}
        return {f"{name}_bucket": bucket.bucket_name for name, bucket in buckets.items()}

    def allow_key(self, *actions: str, when: Mapping[str, Any] | None = None) -> list[iam.PolicyStatement]:
        """The statement for the operator's own key; none without such a key."""
        return [] if self.key is None else [allow(*actions, on=self.key.key_arn, when=when)]

    def _logged(self, id: str, **options: Any) -> s3.Bucket:
        if self.key is not None:
            options |= {
                "encryption": s3.BucketEncryption.KMS,
                "encryption_key": self.key,
                "bucket_key_enabled": True,  # one request to KMS for many photos, not one for each
            }
        return _private(
            self, id, server_access_logs_bucket=self._access_log, server_access_logs_prefix=f"{id.lower()}/", **options
        )


def _private(
    scope: Construct, id: str, *, lifecycle_rules: list[s3.LifecycleRule] | None = None, **options: Any
) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        id,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        lifecycle_rules=[
            # A kiosk that loses its network during an upload leaves parts that nothing else would remove.
            s3.LifecycleRule(id="unfinished", abort_incomplete_multipart_upload_after=Duration.days(1)),
            *(lifecycle_rules or []),
        ],
        # The access log stays under S3's own key: S3 can't deliver it to a bucket under another key.
        **{"encryption": s3.BucketEncryption.S3_MANAGED, **options},
    )
    bucket.add_to_resource_policy(_this_account_only(bucket))
    return bucket


def _this_account_only(bucket: s3.Bucket) -> iam.PolicyStatement:
    """Deny every other account, whatever another policy allows by mistake.

    AWS's own services deliver access logs, and belong to no account.
    """
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:*"],
        resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
        conditions={
            "StringNotEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        },
    )


def _expire(id: str, prefix: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(id=id, prefix=prefix or None, expiration=Duration.days(days))
