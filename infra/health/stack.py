"""NunchiHealth: the health probe, alarms, their topic, the dashboard."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from config.instance_types import has_gpu
from config.mode import Mode
from config.names import INSTANCE_PARAMETER
from config.nunchi_toml import Config
from config.stack_outputs import ALARM_TOPIC_ARN
from infra.compute.stack import ComputeStack
from infra.health.alarms import Alarms
from infra.health.dashboard import Dashboard
from infra.health.health_probe import HealthProbe
from infra.health.observed import Observed
from infra.pipeline.stack import PipelineStack
from infra.topics import AlarmTopic
from infra.training.stack import TrainingStack
from lambdas.health_probe import HealthProbeSettings


class HealthStack(Stack):
    """Measure, compare with thresholds, and notify people."""

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
        super().__init__(
            scope, id, description="Nunchi: the health probe, alarms, their topic, the dashboard", **kwargs
        )
        settings = HealthProbeSettings(
            kiosk_policy=pipeline.devices.kiosk.ref,
            worker_policy=pipeline.devices.worker.ref,
            instance_parameter=INSTANCE_PARAMETER if config.mode is Mode.COMMAND else None,
            group=compute.group_name,
            closed=config.hours.closed_spans,
        )
        probe = HealthProbe(self, "Watch", hours=config.hours, settings=settings)
        observed = Observed.of(pipeline=pipeline, training=training, compute=compute, probe=probe)
        self.topic = AlarmTopic(self, "Topic", email=config.alarms.email)
        alarms = Alarms(
            self,
            "Alarms",
            topic=self.topic,
            settings=config.alarms,
            mode=config.mode,
            gpu=has_gpu(config.training_type),
            observed=observed,
        )
        Dashboard(self, "Dashboard", slow_ms=config.alarms.slow_ms, alarms=alarms.all, observed=observed)
        CfnOutput(self, ALARM_TOPIC_ARN, value=self.topic.topic_arn)
