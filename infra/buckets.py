"""The buckets. Photos leave by themselves; what is trained on, and what was learned, stays."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contracts.messages import Training
from contracts.names import RESULTS, UPLOADS
from infra.acknowledged import acknowledge
from infra.retention import Retention

_ACCESS_LOG_DAYS = 90


class Buckets(Construct):
    """Images, dataset and weights, and a log of who touched them."""

    def __init__(self, scope: Construct, id: str, *, retention: Retention) -> None:
        super().__init__(scope, id)
        self._access_log = _private(self, "AccessLog", lifecycle_rules=[_expire("log", "", _ACCESS_LOG_DAYS)])
        acknowledge(self._access_log, "S1", reason="It is the access log itself; logging it would never end.")
        self.images = self._logged(
            "Images",
            lifecycle_rules=[
                _expire("uploads", UPLOADS, retention.upload_days),
                _expire("results", RESULTS, retention.result_days),
            ],
        )
        # Training pairs stay. What waits for a person's eyes is no training image yet, and must not wait for ever.
        self.dataset = self._logged(
            "Dataset", lifecycle_rules=[_expire("review", f"{Training.REVIEW}/", retention.review_days)]
        )
        # Versions are the way back from a bad model, so old ones have no date of expiry.
        self.weights = self._logged("Weights", versioned=True)

    def _logged(self, id: str, **options: Any) -> s3.Bucket:
        return _private(
            self, id, server_access_logs_bucket=self._access_log, server_access_logs_prefix=f"{id.lower()}/", **options
        )


def _private(
    scope: Construct, id: str, *, lifecycle_rules: list[s3.LifecycleRule] | None = None, **options: Any
) -> s3.Bucket:
    return s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=[
            # A kiosk that lost its network in the middle of an upload leaves parts that nothing else would remove.
            s3.LifecycleRule(id="unfinished", abort_incomplete_multipart_upload_after=Duration.days(1)),
            *(lifecycle_rules or []),
        ],
        **options,
    )


def _expire(id: str, prefix: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(id=id, prefix=prefix or None, expiration=Duration.days(days))
