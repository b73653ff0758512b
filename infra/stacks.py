"""The architecture on a page: four stacks, each built, connected, granted.

NunchiPipeline  what holds state, and the way of a photo up to the worker; also runs on one machine
NunchiTraining  retraining: its schedule, its state machine and its steps (infra/training/training.py)
NunchiCompute   what only AWS has: the instance or the group of instances that label, their hours, their network; and
                what a training machine is
NunchiHealth    who watches, and who is told
"""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import CfnOutput, CrossStackReferences, ReferenceStrength, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct

from config.holidays import closed_spans
from config.inference_names import DOCUMENT, INSTANCE_PARAMETER, infer_document
from config.mode import Mode
from config.nunchi_toml import Config
from config.training_names import LOG as TRAINING_LOG
from contracts.names import UPLOADS
from contracts.settings import environment_for
from infra.access import TrainingAccess, WorkerAccess
from infra.compute.boot import Boot
from infra.compute.group import InferenceGroup
from infra.compute.instance import InferenceInstance
from infra.compute.network import Network
from infra.compute.schedules import Schedules, of_group, of_instance
from infra.functions import Function
from infra.health.alarm_topic import AlarmTopic
from infra.health.alarms import Alarms
from infra.health.budget import Budget
from infra.health.dashboard import Dashboard
from infra.health.health_probe import HealthProbe
from infra.kms import own_key
from infra.nag import acknowledge
from infra.pipeline.buckets import Buckets
from infra.pipeline.devices import KIOSK_ROLE_ALIAS, Devices, KioskRole, KioskRoleAlias
from infra.pipeline.dispatch import DispatchFunction
from infra.pipeline.enrol import EnrolFunction
from infra.pipeline.uploads import Uploads
from infra.roles import InstanceRole
from infra.training.training import TrainingStack
from infra.training.training_instance import TrainingInstance
from lambdas.dispatch import DispatchSettings
from lambdas.enrol import EnrolSettings
from lambdas.health_probe import HealthProbeSettings
from worker.settings import WorkerSettings

WORKER_LOG: Final = "/nunchi/worker"
METRICS_LOG: Final = "/nunchi/metrics"
# Settings of the worker that shell/boot.sh finds out on its instance.
FOUND_AT_BOOT: Final = ("instance_id", "mqtt_host", "mqtt_ca", "mqtt_cert", "mqtt_key")


class PipelineStack(Stack):
    """Upload → announce → dispatch. `local/` and `nunchi` read its outputs by name."""

    def __init__(self, scope: Construct, id: str, *, config: Config, **kwargs: Any) -> None:
        super().__init__(scope, id, description="Nunchi: photos arrive, are announced, and are dispatched", **kwargs)
        key = own_key(self, "Key") if config.security.kms else None
        self.buckets = Buckets(self, "Buckets", retention=config.retention, key=key)
        self.uploads = Uploads(self, "Uploads", key=key)
        self.devices = Devices(self, "Devices")
        self.enrol = EnrolFunction(self, "Enrol", settings=EnrolSettings(worker_policy=self.devices.worker.ref))

        # Whatever a kiosk uploads is announced, whatever its suffix: a wrong file gets an answer, too.
        self.buckets.images.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            notifications.SqsDestination(self.uploads.queue),
            s3.NotificationKeyFilter(prefix=UPLOADS),
        )
        # Mode queue has no more than this: its workers read the queue themselves.
        self.dispatch = (
            DispatchFunction(
                self,
                "Dispatch",
                uploads=self.uploads,
                settings=DispatchSettings(instance_parameter=INSTANCE_PARAMETER, document=DOCUMENT),
            )
            if config.mode is Mode.COMMAND
            else None
        )

        _of_one_mode(self.uploads.queue)
        if self.dispatch is not None:
            _of_one_mode(self.dispatch.function, self.dispatch.log)

        worker = WorkerAccess(self, "WorkerAccess", buckets=self.buckets, uploads=self.uploads, mode=config.mode)
        training = TrainingAccess(self, "TrainingAccess", buckets=self.buckets)
        self.worker_role = InstanceRole(self, "WorkerRole", description="Nunchi: the worker's instance", access=worker)
        self.kiosk_role = KioskRole(self, "KioskRole", buckets=self.buckets)
        self.training_role = InstanceRole(self, "TrainingRole", description="Nunchi: a training run", access=training)

        acknowledge(
            self,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
            reason="The CDK's own function that connects bucket and queue at deployment uses it, to write its log.",
        )
        outputs = {
            "ImagesBucket": self.buckets.images.bucket_name,
            "DatasetBucket": self.buckets.dataset.bucket_name,
            "WeightsBucket": self.buckets.weights.bucket_name,
            "UploadQueueUrl": self.uploads.queue.queue_url,
            "DeadQueueUrl": self.uploads.dead.queue_url,
            "EnrolFunctionName": self.enrol.function.function_name,
            "KioskPolicyName": self.devices.kiosk.ref,
            "WorkerPolicyName": self.devices.worker.ref,
            "WorkerAccessArn": worker.managed_policy_arn,
            "TrainingAccessArn": training.managed_policy_arn,
            "WorkerRoleArn": self.worker_role.role_arn,
            "TrainingRoleArn": self.training_role.role_arn,
            "KioskRoleArn": self.kiosk_role.role_arn,
            "KioskRoleAliasName": KIOSK_ROLE_ALIAS,
        }
        if self.dispatch is not None:
            outputs["DispatchFunctionName"] = self.dispatch.function.function_name
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)


class ComputeStack(Stack):
    """Inference that nothing can call, when the shop is open; the way to hand it photos; what trains, when it does."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        pipeline: PipelineStack,
        training: TrainingStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            scope, id, description="Nunchi: the workers' instances, their hours, how photos reach them", **kwargs
        )
        of_many = config.mode is Mode.QUEUE
        self.group_name: str | None = None
        KioskRoleAlias(self, "KioskRoleAlias", role=pipeline.kiosk_role)
        # Two zones cost no more than one, and a GPU may be had in either.
        network = Network(self, "Network", zones=2)
        # The role belongs to the pipeline. What it may do here, to boot, is in policies of this stack.
        role = pipeline.worker_role.without_policy_updates()
        boot = Boot(
            self,
            "Boot",
            role=role,
            enrol=pipeline.enrol.function,
            log_groups=[self._log("WorkerLog", WORKER_LOG), self._log("MetricsLog", METRICS_LOG)],
            settings=_worker_settings(config, pipeline),
        )
        if of_many:
            group = InferenceGroup(
                self,
                "Inference",
                network=network,
                instance_type=config.inference.instance_type,
                role=role,
                boot=boot,
                sizes=config.queue,
                queue=pipeline.uploads.queue,
            ).group
            _of_one_mode(group)
            self.group_name = group.auto_scaling_group_name
            actions = of_group(
                group.auto_scaling_group_name,
                group.auto_scaling_group_arn,
                least=config.queue.least,
                most=config.queue.most,
            )
        else:
            instance_id = InferenceInstance(
                self,
                "Inference",
                network=network,
                instance_type=config.inference.instance_type,
                role=role,
                boot=boot,
            ).instance_id
            self._reach(instance_id)
            actions = of_instance(self, instance_id)
        self.schedules = Schedules(self, "Schedules", hours=config.hours, actions=actions)
        TrainingInstance(
            self,
            "Training",
            network=network,
            instance_type=config.training.instance_type,
            role=pipeline.training_role.without_policy_updates(),
            start_role=training.start_role.without_policy_updates(),
            log=self._log("TrainingLog", TRAINING_LOG),
            buckets=pipeline.buckets,
            gate=config.inference.confidence_gate,
        )

    def _reach(self, instance_id: str) -> None:
        """What dispatch needs: a document to send, and whom to."""
        ssm.CfnDocument(
            self,
            "Infer",
            name=DOCUMENT,
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            content=infer_document(),
            # A document with a name of its own can't be replaced; and a command on its way keeps the version it had.
            update_method="NewVersion",
        )
        ssm.StringParameter(
            self,
            "InstanceId",
            parameter_name=INSTANCE_PARAMETER,
            string_value=instance_id,
            description="Where Nunchi's dispatch sends photos",
        )

    def _log(self, id: str, name: str) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            id,
            log_group_name=name,
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )


class HealthStack(Stack):
    """Who watches, what is too much, and who is told."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        pipeline: PipelineStack,
        training: TrainingStack,
        compute: ComputeStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, description="Nunchi: who watches, and who is told", **kwargs)
        watch = HealthProbe(
            self,
            "Watch",
            hours=config.hours,
            settings=HealthProbeSettings(
                kiosk_policy=pipeline.devices.kiosk.ref,
                worker_policy=pipeline.devices.worker.ref,
                instance_parameter=INSTANCE_PARAMETER if config.mode is Mode.COMMAND else None,
                group=compute.group_name,
                closed=closed_spans(config.hours),
            ),
        )
        # The steps of a retraining are not among them: one that fails fails the retraining, which has its own alarm.
        functions: dict[str, Function | None] = {"dispatch": pipeline.dispatch, "enrol": pipeline.enrol, "watch": watch}
        functions["training-sweep"] = training.sweep
        known = {name: function for name, function in functions.items() if function is not None}
        dead_letters = {
            "uploads": pipeline.uploads.dead,
            "schedules": compute.schedules.dead,
            "training": training.dead,
        } | {name: function.dead for name, function in known.items() if function.dead is not None}
        topic = AlarmTopic(self, "Topic", email=config.alarms.email)
        alarms = Alarms(
            self,
            "Alarms",
            topic=topic,
            settings=config.alarms,
            mode=config.mode,
            queue=pipeline.uploads.queue,
            dead_letters=dead_letters,
            functions=known,
            training_arn=training.machine_arn,
        )
        Dashboard(
            self,
            "Dashboard",
            slow_ms=config.alarms.slow_ms,
            queue=pipeline.uploads.queue,
            dead_letters=dead_letters,
            alarms=alarms.all,
            training_arn=training.machine_arn,
        )
        Budget(self, "Budget", usd=config.alarms.budget_usd, topic=topic)
        CfnOutput(self, "AlarmTopicArn", value=topic.topic_arn)


def _of_one_mode(*parts: IConstruct) -> None:
    """Other stacks need these in one mode only: not as an export, which could not go while the other mode uses it."""
    for part in parts:
        CrossStackReferences.of(part).produce(ReferenceStrength.WEAK)


def _worker_settings(config: Config, pipeline: PipelineStack) -> dict[str, str]:
    """What differs from the worker's own defaults; shell/boot.sh adds what only the instance knows."""
    of_many = config.mode is Mode.QUEUE
    settings = environment_for(
        WorkerSettings,
        {
            "images_bucket": pipeline.buckets.images.bucket_name,
            "dataset_bucket": pipeline.buckets.dataset.bucket_name,
            "weights_bucket": pipeline.buckets.weights.bucket_name,
            "gate": config.inference.confidence_gate,
            "review_share": config.inference.review_share,
            "upload_queue_url": pipeline.uploads.queue.queue_url if of_many else None,
        },
        found_later=FOUND_AT_BOOT,
    )
    if of_many:
        return settings
    return settings | {  # of shell/closed.sh
        "NUNCHI_ZONE": config.hours.zone,
        "NUNCHI_CLOSED_DATES": ",".join(day.isoformat() for day in config.hours.closed_dates),
    }
