"""NunchiTraining: retraining, from its schedule to the notification of its outcome.

It holds no EC2 resource, so that it runs on the local cloud too. The training machine and the right to start one are
in NunchiCompute (infra/training/training_instance.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from config import stack_outputs as output
from config.nunchi_toml import Config
from config.retrain_calendar import next_retraining
from infra.functions import dead_letter_queue
from infra.pipeline.buckets import Buckets
from infra.topics import TrainingTopic
from infra.training.schedules import reap_orphans, schedule_retraining
from infra.training.state_machine import RetrainingStateMachine
from infra.training.states import Pace
from infra.training.training_functions import TrainingFunctions


class TrainingStack(Stack):
    """Enough labels? → a machine → a training → its outcome; the machine ends on every path."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        buckets: Buckets,
        at: datetime,
        pace: Pace,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, description="Nunchi: retraining, its schedule and its state machine", **kwargs)
        topic = TrainingTopic(self, "Topic", email=config.alarms.email)
        steps = TrainingFunctions(self, "Step", config=config, buckets=buckets, topic=topic, pace=pace)
        self.start_role = steps.functions["start"].role
        self.reaper = steps.reaper
        self.machine_arn = steps.machine_arn
        self.dead = dead_letter_queue(self, "Dead", of="the schedule of retrainings")
        machine = RetrainingStateMachine(self, "StateMachine", functions=steps.functions, pace=pace)
        schedule_retraining(
            self,
            machine,
            period_days=config.training.period_days,
            start=next_retraining(config.hours, config.training.period_days, at),
            dead_letters=self.dead,
        )
        reap_orphans(self, steps.reaper, machine_arn=steps.machine_arn)
        CfnOutput(self, output.STATE_MACHINE_ARN, value=machine.state_machine_arn)
        CfnOutput(self, output.TRAINING_TOPIC_ARN, value=topic.topic_arn)
