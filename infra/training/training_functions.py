"""The Lambda functions of a retraining, each with the rights that its step needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
from infra.pipeline.buckets import Buckets
from infra.statements import allow, arn_of
from infra.training.states import Pace
from lambdas.train_check import CheckSettings
from lambdas.train_notify import NotifySettings
from lambdas.train_poll import PollSettings
from lambdas.train_reap import ReapSettings
from lambdas.train_start import StartSettings

ROLE_FILTER: Final = f"{ROLE_TAG}={TRAINING_ROLE}"
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
        self._machines = arn_of(self, "ec2", "instance", "*")
        # Exported by hand: its name is then known here, so that a `*` on it can be acknowledged.
        exported = Stack.of(buckets.dataset).export_value(buckets.dataset.bucket_arn)
        self._trainings = f"{exported}/{TRAININGS}*"
        # By name: a reference to the state machine, which refers to the functions, would be circular.
        self.machine_arn = self._states("stateMachine")
        self.functions = {
            "check": self._check(config, pace),
            "start": self._start(config),
            "poll": self._poll(),
            "stop": self._stop(),
            "notify": self._notify(topic),
        }
        self.reaper = self._reap()

    def _states(self, kind: str) -> str:
        return arn_of(self, "states", kind, STATE_MACHINE, arn_format=ArnFormat.COLON_RESOURCE_NAME)

    def _step(
        self,
        id: str,
        name: str,
        what: str,
        settings: object | None,
        may: list[iam.PolicyStatement],
        *,
        wildcards: Mapping[str, str],
        minutes: int = 1,
        dead_letters: bool = False,
    ) -> Function:
        return Function(
            self,
            id,
            name=f"train_{name}",
            description=f"Nunchi retraining: {what}",
            environment={} if settings is None else environment_of(settings),
            timeout=Duration.minutes(minutes),
            may=may,
            wildcards=wildcards,
            dead_letters=dead_letters,
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
            allow("s3:ListBucket", on=[dataset.bucket_arn, weights.bucket_arn]),
            allow("s3:GetObject", on=weights.arn_for_objects(POINTER)),
            allow("states:ListExecutions", on=self.machine_arn),
            *self._buckets.allow_key("kms:Decrypt"),
        ]
        what = "are there enough new labels, is another one running"
        return self._step("Check", "check", what, settings, may, wildcards={}, minutes=5)  # it lists every label

    def _start(self, config: Config) -> Function:
        settings = StartSettings(launch_template=LAUNCH_TEMPLATE, spot=config.training.spot, role_tag=ROLE_FILTER)
        may = [allow("ec2:DescribeInstances", "ec2:DescribeSubnets", on="*")]
        what = "start the machine, on Spot or on demand"
        return self._step("Start", "start", what, settings, may, wildcards={"*": _NO_RESOURCES}, minutes=5)

    def _poll(self) -> Function:
        dataset = self._buckets.dataset
        settings = PollSettings(dataset_bucket=dataset.bucket_name, document=TRAIN_DOCUMENT)
        describe = ("ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation")
        tagged = {"StringEquals": {f"ssm:resourceTag/{ROLE_TAG}": TRAINING_ROLE}}
        may = [
            allow("s3:GetObject", on=self._trainings),
            allow("s3:ListBucket", on=dataset.bucket_arn),
            allow(*describe, on="*"),
            allow("ssm:SendCommand", on=arn_of(self, "ssm", "document", TRAIN_DOCUMENT)),
            allow("ssm:SendCommand", on=self._machines, when=tagged),
            *self._buckets.allow_key("kms:Decrypt"),
        ]
        wildcards = {"*": _NO_RESOURCES, self._machines: _ANY_MACHINE, self._trainings: _ITS_FILES}
        return self._step("Watch", "poll", "how is it, and what is to be done", settings, may, wildcards=wildcards)

    def _stop(self) -> Function:
        wildcards = {"*": _NO_RESOURCES, self._machines: _ANY_MACHINE}
        what = "stop the machine, and see it go"
        return self._step("Stop", "stop", what, None, self._may_terminate(), wildcards=wildcards)

    def _notify(self, topic: sns.ITopic) -> Function:
        dataset, weights = self._buckets.dataset, self._buckets.weights
        settings = NotifySettings(
            dataset_bucket=dataset.bucket_name, weights_bucket=weights.bucket_name, topic=topic.topic_arn
        )
        outcomes = f"{self._trainings}/{OUTCOME}"
        may = [
            allow("s3:GetObject", "s3:PutObject", on=outcomes),
            allow("s3:GetObject", on=weights.arn_for_objects(POINTER)),
            allow("sns:Publish", on=topic.topic_arn),
            *self._buckets.allow_key("kms:Decrypt", "kms:GenerateDataKey"),
        ]
        what = "write the outcome down, and tell people"
        return self._step("Tell", "notify", what, settings, may, wildcards={outcomes: _ITS_FILES})

    def _reap(self) -> Function:
        """Invoked when an execution failed, was aborted or timed out, and each hour."""
        executions = self._states("execution")
        running = f"{executions}:*"
        return self._step(
            "Sweep",
            "reap",
            "stop machines that belong to no retraining",
            ReapSettings(executions=executions, role_tag=ROLE_FILTER),
            [*self._may_terminate(), allow("states:DescribeExecution", on=running)],
            wildcards={
                "*": _NO_RESOURCES,
                self._machines: _ANY_MACHINE,
                running: "Every execution of this one state machine.",
            },
            dead_letters=True,
        )

    def _may_terminate(self) -> list[iam.PolicyStatement]:
        tagged = {"StringEquals": {f"ec2:ResourceTag/{ROLE_TAG}": TRAINING_ROLE}}
        return [
            allow("ec2:DescribeInstances", on="*"),
            allow("ec2:TerminateInstances", on=self._machines, when=tagged),
        ]
