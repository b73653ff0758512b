"""Where uploads are announced: the queue between S3 and whoever labels, and its dead letters.

A message holds the key of an upload and its time, never a photo: what ends among the dead letters shows nobody.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.nag import acknowledge_last_resort

# How long whoever took a message may take until SQS gives it to somebody else. AWS's own rule for a Lambda's queue is
# six times the function's timeout: room for the retries of a throttled one.
HANDLER_TIMEOUT: Final = Duration.seconds(20)
VISIBILITY: Final = Duration.seconds(6 * HANDLER_TIMEOUT.to_seconds())
_TRIES: Final = 5


class Uploads(Construct):
    """The upload queue. What fails for good is in `dead`."""

    def __init__(self, scope: Construct, id: str, *, key: kms.IKey | None) -> None:
        super().__init__(scope, id)
        encryption = (
            {"encryption": sqs.QueueEncryption.SQS_MANAGED}
            if key is None
            else {"encryption": sqs.QueueEncryption.KMS, "encryption_master_key": _by_name(self, key)}
        )
        self.dead = sqs.Queue(
            self,
            "Dead",
            **encryption,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.RETAIN,
        )
        acknowledge_last_resort(self.dead, of="the upload queue")
        self.queue = sqs.Queue(
            self,
            "Uploads",
            **encryption,
            enforce_ssl=True,
            visibility_timeout=VISIBILITY,
            # Less than its dead letters have: their time counts from when a message was first sent.
            retention_period=Duration.days(7),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=_TRIES),
            removal_policy=RemovalPolicy.RETAIN,
        )


def _by_name(scope: Construct, key: kms.IKey) -> kms.IKey:
    """The key as a stranger's, whose policy the CDK does not touch.

    It would let S3 use the key for announcements of one bucket, which is under that key: each would need the other
    first. infra/kms.py says the same of the whole account instead.
    """
    named = kms.Key.from_key_arn(scope, "Key", key.key_arn)
    Annotations.of(named).acknowledge_warning("@aws-cdk/aws-s3-notifications:sqsKMSPermissionsNotAdded")
    return named
