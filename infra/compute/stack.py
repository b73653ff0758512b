"""NunchiCompute: what only AWS has. The inference instance or group, its hours, its network; and training machines."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from config.mode import Mode
from config.names import METRICS_LOG, TRAINING_LOG, WORKER_LOG
from config.nunchi_toml import Config
from infra.compute.boot import Boot, worker_environment
from infra.compute.group import InferenceGroup
from infra.compute.instance import InferenceInstance
from infra.compute.network import Network
from infra.compute.run_command import add_run_command
from infra.compute.schedules import Schedules
from infra.logs import log_group
from infra.pipeline.devices import KioskRoleAlias
from infra.pipeline.stack import PipelineStack
from infra.training.stack import TrainingStack
from infra.training.training_instance import TrainingInstance


class ComputeStack(Stack):
    """Inference that accepts no inbound connection, during opening hours; how photos reach it; where trainings run."""

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
        about = "Nunchi: the workers' instances, their hours, how photos reach them"
        super().__init__(scope, id, description=about, **kwargs)
        KioskRoleAlias(self, "KioskRoleAlias", role=pipeline.kiosk_role)
        network = Network(self, "Network", zones=config.zones)
        # The role belongs to NunchiPipeline. What it needs here, to boot, is in policies of this stack.
        role = pipeline.worker_role.without_policy_updates()
        boot = Boot(
            self,
            "Boot",
            role=role,
            enrol=pipeline.enrol.function,
            log_groups=[log_group(self, "WorkerLog", WORKER_LOG), log_group(self, "MetricsLog", METRICS_LOG)],
            settings=worker_environment(config, pipeline),
        )
        inference = {"network": network, "instance_type": config.inference.instance_type, "role": role, "boot": boot}
        self.group_name: str | None = None
        if config.mode is Mode.QUEUE:
            group = InferenceGroup(
                self, "Inference", **inference, sizes=config.queue, hours=config.hours, queue=pipeline.uploads.queue
            )
            self.group_name, actions = group.name, group.actions
        else:
            instance = InferenceInstance(self, "Inference", **inference)
            add_run_command(self, instance.instance_id)
            actions = instance.actions
        self.schedules = Schedules(self, "Schedules", hours=config.hours, actions=actions)
        TrainingInstance(
            self,
            "Training",
            network=network,
            instance_type=config.training_type,
            role=pipeline.training_role.without_policy_updates(),
            start_role=training.start_role.without_policy_updates(),
            log=log_group(self, "TrainingLog", TRAINING_LOG),
            buckets=pipeline.buckets,
            gate=config.inference.confidence_gate,
            recipe=config.recipe,
            trainer=config.needs_trainer,
        )
