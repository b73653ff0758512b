"""The Lambda functions of a retraining, each with the rights that its step needs."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from config.names import LAUNCH_TEMPLATE, ROLE_TAG, STATE_MACHINE, TRAIN_DOCUMENT, TRAINING_ROLE
from config.nunchi_toml import Config
from contracts.names import POINTER, TRAININGS
from contracts.settings import environment_of
from contracts.training import OUTCOME
from infra.functions import Function
from infra.nag import acknowledge_wildcards
from infra.pipeline.buckets import Buckets
from infra.training.states import Pace
from lambdas.train_check import CheckSettings
from lambdas.train_notify import NotifySettings
from lambdas.train_poll import PollSettings
from lambdas.train_reap import ReapSettings
from lambdas.train_start import StartSettings

ROLE_FILTER: Final = f"{ROLE_TAG}={TRAINING_ROLE}"
_TAGGED: Final = {"StringEquals": {f"ec2:ResourceTag/{ROLE_TAG}": TRAINING_ROLE}}
_NO_RESOURCES: Final = "Describing machines, subnets and the reach of Run Command knows no resources."
_ANY_MACHINE: Final = "A machine is started for each training; a condition admits only those tagged for training."
_ITS_FILES: Final = "A training is named when it begins; below its prefix are its own reports only."


class TrainingFunctions(Construct):
    """`functions`: those of the state machine, by the names of STEPS; `reaper` ends machines without a retraining."""

    def __init__(
        self, scope: Construct, id: str, *, config: Config, buckets: Buckets, topic: sns.ITopic, pace: Pace
    ) -> None:
        super().__init__(scope, id)
        self._buckets = buckets
        self._stack = Stack.of(self)
        # Exported by hand: its name is then known here, so that a `*` on it can be acknowledged.
        exported = Stack.of(buckets.dataset).export_value(buckets.dataset.bucket_arn)
        self._trainings = f"{exported}/{TRAININGS}*"
        # By name: a reference to the state machine, which refers to the functions, would be circular.
        self.machine_arn = self._states("stateMachine")
        self._executions = self._states("execution")
        self.functions = {
            "check": self._check(config, pace),
            "start": self._start(config),
            "poll": self._poll(),
            "stop": self._stop(),
            "notify": self._notify(topic),
        }
        self.reaper = self._reap()

    def _states(self, kind: str) -> str:
        return self._stack.format_arn(
            service="states", resource=kind, resource_name=STATE_MACHINE, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )

    def _step(
        self,
        id: str,
        name: str,
        what: str,
        settings: object | None,
        may: list[iam.PolicyStatement],
        *,
        minutes: int = 1,
        **options: Any,
    ) -> Function:
        return Function(
            self,
            id,
            name=f"train_{name}",
            description=f"Nunchi retraining: {what}",
            environment={} if settings is None else environment_of(settings),
            timeout=Duration.minutes(minutes),
            may=may,
            **options,
        )

    def _check(self, config: Config, pace: Pace) -> Function:
        dataset, weights = self._buckets.dataset, self._buckets.weights
        settings = CheckSettings(
            dataset_bucket=dataset.bucket_name,
            weights_bucket=weights.bucket_name,
            least_new_labels=config.training.least_new_labels,
            poll_s=pace.poll_s,
        )
        may = [
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[dataset.bucket_arn, weights.bucket_arn]),
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[weights.arn_for_objects(POINTER)]),
            iam.PolicyStatement(actions=["states:ListExecutions"], resources=[self.machine_arn]),
            *self._key_to("kms:Decrypt"),
        ]
        # It lists every label that there is.
        return self._step(
            "Check", "check", "are there enough new labels, is another one running", settings, may, minutes=5
        )

    def _start(self, config: Config) -> Function:
        settings = StartSettings(launch_template=LAUNCH_TEMPLATE, spot=config.training.spot, role_tag=ROLE_FILTER)
        may = [iam.PolicyStatement(actions=["ec2:DescribeInstances", "ec2:DescribeSubnets"], resources=["*"])]
        step = self._step("Start", "start", "start the machine, on Spot or on demand", settings, may, minutes=5)
        acknowledge_wildcards(step.role, "*", reason=_NO_RESOURCES)
        return step

    def _poll(self) -> Function:
        dataset = self._buckets.dataset
        settings = PollSettings(dataset_bucket=dataset.bucket_name, document=TRAIN_DOCUMENT)
        own_files, machines = self._trainings, self._machines()
        document = self._stack.format_arn(service="ssm", resource="document", resource_name=TRAIN_DOCUMENT)
        may = [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[own_files]),
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[dataset.bucket_arn]),
            iam.PolicyStatement(
                actions=["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation"],
                resources=["*"],
            ),
            iam.PolicyStatement(actions=["ssm:SendCommand"], resources=[document]),
            iam.PolicyStatement(
                actions=["ssm:SendCommand"],
                resources=[machines],
                conditions={"StringEquals": {f"ssm:resourceTag/{ROLE_TAG}": TRAINING_ROLE}},
            ),
            *self._key_to("kms:Decrypt"),
        ]
        step = self._step("Watch", "poll", "how is it, and what is to be done", settings, may)
        acknowledge_wildcards(step.role, "*", reason=_NO_RESOURCES)
        acknowledge_wildcards(step.role, machines, reason=_ANY_MACHINE)
        acknowledge_wildcards(step.role, own_files, reason=_ITS_FILES)
        return step

    def _stop(self) -> Function:
        step = self._step("Stop", "stop", "stop the machine, and see it go", None, self._may_terminate())
        acknowledge_wildcards(step.role, "*", reason=_NO_RESOURCES)
        acknowledge_wildcards(step.role, self._machines(), reason=_ANY_MACHINE)
        return step

    def _notify(self, topic: sns.ITopic) -> Function:
        dataset = self._buckets.dataset
        settings = NotifySettings(
            dataset_bucket=dataset.bucket_name,
            weights_bucket=self._buckets.weights.bucket_name,
            topic=topic.topic_arn,
        )
        outcomes = f"{self._trainings}/{OUTCOME}"
        may = [
            iam.PolicyStatement(actions=["s3:GetObject", "s3:PutObject"], resources=[outcomes]),
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[self._buckets.weights.arn_for_objects(POINTER)]),
            iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]),
            *self._key_to("kms:Decrypt", "kms:GenerateDataKey"),
        ]
        step = self._step("Tell", "notify", "write the outcome down, and tell people", settings, may)
        acknowledge_wildcards(step.role, outcomes, reason=_ITS_FILES)
        return step

    def _reap(self) -> Function:
        """Invoked when an execution failed, was aborted or timed out, and each hour."""
        running = f"{self._executions}:*"
        step = self._step(
            "Sweep",
            "reap",
            "stop machines that belong to no retraining",
            ReapSettings(executions=self._executions, role_tag=ROLE_FILTER),
            [
                *self._may_terminate(),
                iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[running]),
            ],
            dead_letters=True,
        )
        acknowledge_wildcards(step.role, "*", reason=_NO_RESOURCES)
        acknowledge_wildcards(step.role, self._machines(), reason=_ANY_MACHINE)
        acknowledge_wildcards(step.role, running, reason="Every execution of this one state machine.")
        return step

    def _may_terminate(self) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(actions=["ec2:DescribeInstances"], resources=["*"]),
            iam.PolicyStatement(actions=["ec2:TerminateInstances"], resources=[self._machines()], conditions=_TAGGED),
        ]

    def _machines(self) -> str:
        return self._stack.format_arn(service="ec2", resource="instance", resource_name="*")

    def _key_to(self, *actions: str) -> list[iam.PolicyStatement]:
        """The statement for the operator's own key; none without such a key."""
        key = self._buckets.key
        return [] if key is None else [iam.PolicyStatement(actions=list(actions), resources=[key.key_arn])]
