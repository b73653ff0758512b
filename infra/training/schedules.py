"""What starts a retraining, and what ends a machine that its retraining left behind."""

from __future__ import annotations

from datetime import datetime

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.functions import Function, invoke_on_schedules
from infra.roles import ScheduleRole
from infra.statements import allow


def schedule_retraining(
    scope: Construct, machine: sfn.StateMachine, *, period_days: int, start: datetime, dead_letters: sqs.Queue
) -> None:
    """Start the state machine every `period_days` days from `start` on."""
    role = ScheduleRole(
        scope,
        "ScheduleRole",
        description="Nunchi schedules: start a retraining",
        may=allow("states:StartExecution", on=machine.state_machine_arn),
        dead_letters=dead_letters,
    )
    scheduler.Schedule(
        scope,
        "Retraining",
        description="Nunchi: retrain",
        schedule=scheduler.ScheduleExpression.rate(Duration.days(period_days)),
        start=start,
        target=targets.StepFunctionsStartExecution(
            machine,
            input=scheduler.ScheduleTargetInput.from_object({}),
            role=role.without_policy_updates(),
            dead_letter_queue=dead_letters,
            retry_attempts=24,
            max_event_age=Duration.hours(4),
        ),
    )


def reap_orphans(scope: Construct, reaper: Function, *, machine_arn: str) -> None:
    """Invoke the reaper when an execution failed, timed out or was aborted, and each hour."""
    events.Rule(
        scope,
        "Ended",
        description="Nunchi: a retraining failed, was aborted or took too long; its machine must not stay",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [machine_arn], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
        ),
        targets=[
            event_targets.LambdaFunction(
                reaper.function,
                event=events.RuleTargetInput.from_object({"sweep": "ended"}),
                dead_letter_queue=reaper.dead,
                retry_attempts=10,
            )
        ],
    )
    hourly = scheduler.ScheduleExpression.rate(Duration.hours(1))
    what = "Nunchi: look for training machines that belong to no retraining"
    invoke_on_schedules(
        scope,
        "SweepScheduleRole",
        reaper,
        [("Hourly", what, hourly, {"sweep": "hourly"})],
        description="Nunchi schedules: ask for strays",
        max_age=Duration.minutes(30),
    )
