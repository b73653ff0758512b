"""The upload queue: S3 announces uploads on it to dispatch or to the workers. And its dead-letter queue.

A message holds the key of an upload and its time, never a photo: dead letters show no person.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.functions import dead_letter_queue

# After this time SQS delivers an unacknowledged message again. AWS's own rule for a Lambda's queue is six times the
# function's timeout: room for the retries of a throttled function.
HANDLER_TIMEOUT: Final = Duration.seconds(20)
VISIBILITY: Final = Duration.seconds(6 * HANDLER_TIMEOUT.to_seconds())
_MAX_RECEIVE_COUNT: Final = 5


class Uploads(Construct):
    """The upload queue; `dead` holds messages that failed every retry."""

    def __init__(self, scope: Construct, id: str, *, key: kms.IKey | None) -> None:
        super().__init__(scope, id)
        encryption = (
            {"encryption": sqs.QueueEncryption.SQS_MANAGED}
            if key is None
            else {"encryption": sqs.QueueEncryption.KMS, "encryption_master_key": _by_name(self, key)}
        )
        self.dead = dead_letter_queue(
            self, "Dead", of="the upload queue", removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, **encryption
        )
        self.queue = sqs.Queue(
            self,
            "Uploads",
            **encryption,
            enforce_ssl=True,
            visibility_timeout=VISIBILITY,
            # Less than that of the dead letters: theirs counts from the first sending of a message.
            retention_period=Duration.days(7),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=_MAX_RECEIVE_COUNT),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )


def _by_name(scope: Construct, key: kms.IKey) -> kms.IKey:
    """The key as an imported one, whose policy the CDK leaves alone.

    The CDK would allow S3 to use the key for one bucket, which is encrypted under that key: a circular dependency.
    infra/kms.py allows it for the whole account instead.
    """
    named = kms.Key.from_key_arn(scope, "Key", key.key_arn)
    Annotations.of(named).acknowledge_warning("@aws-cdk/aws-s3-notifications:sqsKMSPermissionsNotAdded")
    return named
