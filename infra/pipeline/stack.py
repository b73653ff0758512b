"""NunchiPipeline: everything that holds state, and a photo's way up to the worker. It also runs on one machine."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from constructs import Construct

from config import stack_outputs as output
from config.mode import Mode
from config.names import INFER_DOCUMENT, INSTANCE_PARAMETER, KIOSK_ROLE_ALIAS
from config.nunchi_toml import Config
from contracts.names import UPLOADS
from infra.access import TrainingAccess, WorkerAccess
from infra.kms import key_for
from infra.nag import acknowledge
from infra.pipeline.buckets import Buckets
from infra.pipeline.devices import Devices, KioskRole
from infra.pipeline.dispatch import DispatchFunction
from infra.pipeline.enrol import EnrolFunction
from infra.pipeline.uploads import Uploads
from infra.references import weaken_references
from infra.roles import InstanceRole
from lambdas.dispatch import DispatchSettings
from lambdas.enrol import EnrolSettings


class PipelineStack(Stack):
    """Upload → announce → dispatch, and what each program may do with the buckets."""

    def __init__(self, scope: Construct, id: str, *, config: Config, **kwargs: Any) -> None:
        super().__init__(scope, id, description="Nunchi: photos arrive, are announced, and are dispatched", **kwargs)
        # S3 announces uploads on a queue under the operator's own key. It outlives the stack: without it the contents
        # of the buckets are lost.
        about = "Nunchi: photos, results, training data, weights, queues"
        own = config.security.kms
        key = key_for(self, "Key", "s3", description=about, removal=RemovalPolicy.RETAIN) if own else None
        self.buckets = Buckets(self, "Buckets", retention=config.retention, key=key)
        self.uploads = Uploads(self, "Uploads", key=key)
        self.devices = Devices(self, "Devices")
        self.enrol = EnrolFunction(self, "Enrol", settings=EnrolSettings(worker_policy=self.devices.worker.ref))

        # Every upload is announced, whatever its suffix: an invalid file gets an answer, too.
        self.buckets.images.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            notifications.SqsDestination(self.uploads.queue),
            s3.NotificationKeyFilter(prefix=UPLOADS),
        )
        weaken_references(self.uploads.queue)
        # In mode queue the workers read the queue themselves.
        self.dispatch: DispatchFunction | None = None
        if config.mode is Mode.COMMAND:
            settings = DispatchSettings(instance_parameter=INSTANCE_PARAMETER, document=INFER_DOCUMENT)
            self.dispatch = DispatchFunction(self, "Dispatch", uploads=self.uploads, settings=settings)
            weaken_references(self.dispatch.function, self.dispatch.log)

        worker = WorkerAccess(self, "WorkerAccess", buckets=self.buckets, uploads=self.uploads, mode=config.mode)
        training = TrainingAccess(self, "TrainingAccess", buckets=self.buckets)
        self.worker_role = InstanceRole(self, "WorkerRole", description="Nunchi: the worker's instance", access=worker)
        self.kiosk_role = KioskRole(self, "KioskRole", buckets=self.buckets)
        self.training_role = InstanceRole(self, "TrainingRole", description="Nunchi: a training run", access=training)
        self._write_outputs(worker, training)
        acknowledge(
            self,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
            reason="The CDK's own function that connects bucket and queue at deployment uses it, to write its log.",
        )

    def _write_outputs(self, worker_access: iam.IManagedPolicy, training_access: iam.IManagedPolicy) -> None:
        """Name what `local/` and `ops/` look for."""
        values = {
            output.IMAGES_BUCKET: self.buckets.images.bucket_name,
            output.DATASET_BUCKET: self.buckets.dataset.bucket_name,
            output.WEIGHTS_BUCKET: self.buckets.weights.bucket_name,
            output.UPLOAD_QUEUE_URL: self.uploads.queue.queue_url,
            output.DEAD_QUEUE_URL: self.uploads.dead.queue_url,
            output.ENROL_FUNCTION_NAME: self.enrol.function.function_name,
            output.KIOSK_POLICY_NAME: self.devices.kiosk.ref,
            output.WORKER_POLICY_NAME: self.devices.worker.ref,
            output.WORKER_ACCESS_ARN: worker_access.managed_policy_arn,
            output.TRAINING_ACCESS_ARN: training_access.managed_policy_arn,
            output.WORKER_ROLE_ARN: self.worker_role.role_arn,
            output.TRAINING_ROLE_ARN: self.training_role.role_arn,
            output.KIOSK_ROLE_ARN: self.kiosk_role.role_arn,
            output.KIOSK_ROLE_ALIAS_NAME: KIOSK_ROLE_ALIAS,
        }
        if self.dispatch is not None:
            values[output.DISPATCH_FUNCTION_NAME] = self.dispatch.function.function_name
        for name, value in values.items():
            CfnOutput(self, name, value=value)
