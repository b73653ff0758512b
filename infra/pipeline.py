"""The stack that also runs on one machine: where photos arrive, are announced, and are dispatched."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from constructs import Construct

from contracts.names import UPLOADS
from infra.access import WorkerAccess
from infra.acknowledged import acknowledge
from infra.buckets import Buckets
from infra.devices import Devices
from infra.dispatch import Dispatch
from infra.retention import Retention
from lambdas.dispatch import DispatchSettings


class Pipeline(Stack):
    """Upload → announce → dispatch. `local/` and `nunchi` read its outputs by name."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        retention: Retention,
        dispatch: DispatchSettings,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, **kwargs)
        self.buckets = Buckets(self, "Buckets", retention=retention)
        self.dispatch = Dispatch(self, "Dispatch", settings=dispatch)
        self.devices = Devices(self, "Devices")
        self.worker_access = WorkerAccess(self, "WorkerAccess", buckets=self.buckets)

        # Whatever a kiosk uploads is announced, whatever its suffix: a wrong file gets an answer, too.
        self.buckets.images.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            notifications.SqsDestination(self.dispatch.uploads),
            s3.NotificationKeyFilter(prefix=UPLOADS),
        )

        acknowledge(
            self,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
            reason="The CDK's own function that connects bucket and queue at deployment uses it, to write its log.",
        )

        for name, value in {
            "ImagesBucket": self.buckets.images.bucket_name,
            "DatasetBucket": self.buckets.dataset.bucket_name,
            "WeightsBucket": self.buckets.weights.bucket_name,
            "UploadQueueUrl": self.dispatch.uploads.queue_url,
            "DeadQueueUrl": self.dispatch.dead.queue_url,
            "DispatchFunctionName": self.dispatch.function.function_name,
            "KioskPolicyName": self.devices.kiosk.ref,
            "WorkerPolicyName": self.devices.worker.ref,
            "WorkerAccessArn": self.worker_access.managed_policy_arn,
        }.items():
            CfnOutput(self, name, value=value)
