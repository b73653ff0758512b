"""Retraining: a schedule starts a state machine, which starts a machine, watches it, and stops it.

NunchiTraining holds no EC2 resource, so that it runs on the local cloud too. What a training machine is, and the right
to start one, are NunchiCompute's (infra/training/training_instance.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from config.documents import TRAINING_LEASE_S
from config.names import STATE_MACHINE
from config.nunchi_toml import Config
from config.retrain_calendar import next_retraining
from infra.functions import dead_letters_of
from infra.nag import acknowledge, acknowledge_wildcards
from infra.pipeline.buckets import Buckets
from infra.training.training_functions import TrainingFunctions
from infra.training.training_state_machine import Pace, retraining

# Longer than a machine's lease: a state machine that gave up first would leave the stopping to the sweep.
_LIMIT: Final = Duration.seconds(TRAINING_LEASE_S + 3 * 3600)


class TrainingStack(Stack):
    """Enough labels? → a machine → a training → its outcome; the machine goes on every path, and people are told."""

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
        topic = self._told_people(config.alarms.email)
        steps = TrainingFunctions(self, "Step", config=config, buckets=buckets, topic=topic, pace=pace)
        self.start_role = steps.functions["start"].role
        self.sweep = steps.sweep
        self.machine_arn = steps.machine_arn
        self.dead = dead_letters_of(self, "Dead", of="the schedule of retrainings")
        machine = self._state_machine(steps, pace)
        self._schedule(config, at, machine)
        self._sweeping(steps)
        CfnOutput(self, "StateMachineArn", value=machine.state_machine_arn)
        CfnOutput(self, "TrainingTopicArn", value=topic.topic_arn)

    def _told_people(self, email: str) -> sns.Topic:
        """A topic of its own: that of the alarms is NunchiHealth's, which looks at this stack and not the reverse."""
        own = kms.Alias.from_alias_name(self, "TopicKey", "alias/aws/sns")  # it serves all but services of AWS's
        topic = sns.Topic(self, "Topic", display_name="Nunchi training", master_key=own, enforce_ssl=True)
        if email:
            topic.add_subscription(subscriptions.EmailSubscription(email))
            acknowledge(
                topic,
                "SNSRedrivePolicy",
                reason="A lost mail loses nothing: the outcome is in the dataset bucket, and a failure is an alarm.",
                pack="Serverless",
            )
        return topic

    def _state_machine(self, steps: TrainingFunctions, pace: Pace) -> sfn.StateMachine:
        log = logs.LogGroup(
            self,
            "Log",
            # States writes to logs of this prefix without a policy that grows with each of them.
            log_group_name=f"/aws/vendedlogs/states/{STATE_MACHINE}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            "StatesRole",
            description="Nunchi retraining: invoke its steps, write its log",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                resources=[step.function.function_arn for step in steps.functions.values()],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogDelivery",
                    "logs:GetLogDelivery",
                    "logs:UpdateLogDelivery",
                    "logs:DeleteLogDelivery",
                    "logs:ListLogDeliveries",
                    "logs:PutResourcePolicy",
                    "logs:DescribeResourcePolicies",
                    "logs:DescribeLogGroups",
                ],
                resources=["*"],
            )
        )
        acknowledge_wildcards(role, "*", reason="Having a service of AWS's deliver its log knows no resources.")
        functions = {name: step.function for name, step in steps.functions.items()}
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=STATE_MACHINE,
            definition_body=sfn.DefinitionBody.from_chainable(retraining(self, functions, pace)),
            role=role.without_policy_updates(),
            timeout=_LIMIT,
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ALL, include_execution_data=True),
        )
        untraced = "A retraining takes an hour and has a log of each step: a trace adds nothing."
        acknowledge(machine, "SF2", reason=untraced)
        acknowledge(machine, "StepFunctionStateMachineXray", reason=untraced, pack="Serverless")
        machine.node.add_dependency(role)  # States checks at the creation whether it may write its log
        return machine

    def _schedule(self, config: Config, at: datetime, machine: sfn.StateMachine) -> None:
        role = self._scheduling(
            "ScheduleRole",
            "start a retraining",
            iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.state_machine_arn]),
            self.dead.queue_arn,
        )
        scheduler.Schedule(
            self,
            "Retraining",
            description="Nunchi: retrain",
            schedule=scheduler.ScheduleExpression.rate(Duration.days(config.training.period_days)),
            start=next_retraining(config.hours, config.training.period_days, at),
            target=targets.StepFunctionsStartExecution(
                machine,
                input=scheduler.ScheduleTargetInput.from_object({}),
                role=role.without_policy_updates(),
                dead_letter_queue=self.dead,
                retry_attempts=24,
                max_event_age=Duration.hours(4),
            ),
        )

    def _scheduling(self, id: str, what: str, may: iam.PolicyStatement, dead_arn: str) -> iam.Role:
        role = iam.Role(
            self,
            id,
            description=f"Nunchi schedules: {what}",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        role.add_to_policy(may)
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_arn]))
        return role

    def _sweeping(self, steps: TrainingFunctions) -> None:
        """Strays are looked for when an execution failed, was aborted or timed out, and each hour."""
        step = steps.sweep
        assert step.dead is not None  # noqa: S101 - asked for above
        events.Rule(
            self,
            "Ended",
            description="Nunchi: a retraining failed, was aborted or took too long; its machine must not stay",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [steps.machine_arn], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
            ),
            targets=[
                event_targets.LambdaFunction(
                    step.function,
                    event=events.RuleTargetInput.from_object({"sweep": "ended"}),
                    dead_letter_queue=step.dead,
                    retry_attempts=10,
                )
            ],
        )
        role = self._scheduling(
            "SweepScheduleRole",
            "ask for strays",
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[step.function.function_arn]),
            step.dead.queue_arn,
        )
        scheduler.Schedule(
            self,
            "Hourly",
            description="Nunchi: look for training machines that belong to no retraining",
            schedule=scheduler.ScheduleExpression.rate(Duration.hours(1)),
            target=targets.LambdaInvoke(
                step.function,
                input=scheduler.ScheduleTargetInput.from_object({"sweep": "hourly"}),
                role=role.without_policy_updates(),
                dead_letter_queue=step.dead,
                retry_attempts=3,
                max_event_age=Duration.minutes(30),
            ),
        )
