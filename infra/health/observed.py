"""What alarms and dashboard observe in the other stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_sqs as sqs

from infra.compute.stack import ComputeStack
from infra.functions import Function
from infra.health.health_probe import HealthProbe
from infra.pipeline.stack import PipelineStack
from infra.training.stack import TrainingStack


@dataclass(frozen=True, kw_only=True)
class Observed:
    """The upload queue, dead-letter queues, functions and the state machine. The keys are parts of alarm names."""

    queue: sqs.IQueue
    dead_letters: Mapping[str, sqs.IQueue]
    functions: Mapping[str, Function]
    training_arn: str

    @classmethod
    def of(
        cls, *, pipeline: PipelineStack, training: TrainingStack, compute: ComputeStack, probe: HealthProbe
    ) -> Observed:
        """Without the steps of a retraining: one that fails fails the retraining, which has an alarm of its own."""
        dispatch = {} if pipeline.dispatch is None else {"dispatch": pipeline.dispatch}
        functions = {**dispatch, "enrol": pipeline.enrol, "watch": probe, "training-sweep": training.reaper}
        dead_letters = {
            "uploads": pipeline.uploads.dead,
            "schedules": compute.schedules.dead,
            "training": training.dead,
            **{name: function.dead for name, function in functions.items() if function.dead is not None},
        }
        return cls(
            queue=pipeline.uploads.queue,
            dead_letters=dead_letters,
            functions=functions,
            training_arn=training.machine_arn,
        )
