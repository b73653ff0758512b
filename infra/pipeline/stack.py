"""NunchiPipeline: everything that holds state, and a photo's way up to the worker. It also runs on one machine."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from constructs import Construct

from config.mode import Mode
from config.names import INFER_DOCUMENT, INSTANCE_PARAMETER
from config.nunchi_toml import Config
from contracts.names import UPLOADS
from infra.access import TrainingAccess, WorkerAccess
from infra.kms import key_for
from infra.pipeline.buckets import Buckets
from infra.pipeline.devices import Devices, KioskRole
from infra.pipeline.dispatch import DispatchFunction
from infra.pipeline.enrol import EnrolFunction
from infra.pipeline.orders import Orders
from infra.pipeline.outputs import write_outputs
from infra.pipeline.uploads import Uploads
from infra.references import weaken_references
from infra.roles import InstanceRole
from lambdas.dispatch import DispatchSettings
from lambdas.enrol import EnrolSettings


class PipelineStack(Stack):
    """Upload → announce → dispatch, and what each program may do with the buckets."""

    def __init__(
        self, scope: Construct, id: str, *, config: Config, deletes_uploads: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(scope, id, description="Nunchi: photos arrive, are announced, and are dispatched", **kwargs)
        # S3 announces uploads on a queue under the operator's own key. It outlives the stack: without it the contents
        # of the buckets are lost.
        about = "Nunchi: photos, results, training data, weights, queues, counts of orders"
        own = config.security.kms
        key = (
            key_for(self, "Key", "s3", description=about, removal=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
            if own
            else None
        )
        self.buckets = Buckets(self, "Buckets", retention=config.retention, key=key)
        self.uploads = Uploads(self, "Uploads", key=key)
        self.orders = Orders(self, "Orders", key=key)
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

        worker = WorkerAccess(
            self,
            "WorkerAccess",
            buckets=self.buckets,
            uploads=self.uploads,
            mode=config.mode,
            deletes_uploads=deletes_uploads,
        )
        training = TrainingAccess(self, "TrainingAccess", buckets=self.buckets)
        self.worker_role = InstanceRole(self, "WorkerRole", description="Nunchi: the worker's instance", access=worker)
        self.kiosk_role = KioskRole(self, "KioskRole", buckets=self.buckets, orders=self.orders)
        self.training_role = InstanceRole(self, "TrainingRole", description="Nunchi: a training run", access=training)
        write_outputs(self, worker_access=worker, training_access=training)
