"""Opening and closing: what starts and stops the inference compute, by the shop's own clock.

Three schedules of three independent kinds: start before opening, stop after closing, and a lease that stops each hour
whatever still runs outside of the hours. Each under a role that can do its one thing to the one target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Aws, Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from config.sections import HoursSettings
from infra.compute.group import GROUP_ARN
from infra.functions import dead_letters_of
from infra.nag import acknowledge_wildcards

GROUP: Final = "nunchi"
# Capacity can be short in the morning, and the API throttled: keep trying for as long as it helps the day's customers.
_START_FOR: Final = Duration.hours(4)
# Not into the next opening: what a stop could not do in this time, the lease does, each hour.
_STOP_FOR: Final = Duration.minutes(50)
_TRIES: Final = 185  # the most there is; the age above ends it sooner


@dataclass(frozen=True, kw_only=True)
class Action:
    """A call of the AWS API, and the one resource that it is about."""

    service: str
    call: str  # as the SDK for JavaScript spells it
    allows: str
    resource: str
    input: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What opening and closing mean for a kind of compute."""

    start: Action
    stop: Action


def of_instance(stack: Stack, instance_id: str) -> Actions:
    """Start and stop one instance. Stopping shuts the system down as a power button does: the worker finishes first."""
    arn = stack.format_arn(service="ec2", resource="instance", resource_name=instance_id)

    def action(call: str) -> Action:
        return Action(
            service="ec2",
            call=f"{call}Instances",
            allows=f"ec2:{call.title()}Instances",
            resource=arn,
            input={"InstanceIds": [instance_id]},
        )

    return Actions(start=action("start"), stop=action("stop"))


def of_group(name: str, arn: str, *, least: int, most: int) -> Actions:
    """Let a group grow, and send all of it home, each instance drained by the group's hook."""

    def action(least: int, most: int) -> Action:
        return Action(
            service="autoscaling",
            call="updateAutoScalingGroup",
            allows="autoscaling:UpdateAutoScalingGroup",
            resource=arn,
            input={"AutoScalingGroupName": name, "MinSize": least, "MaxSize": most, "DesiredCapacity": least},
        )

    return Actions(start=action(least, most), stop=action(0, 0))


class Schedules(Construct):
    """The schedules of a week. A shop that never closes has none."""

    def __init__(self, scope: Construct, id: str, *, hours: HoursSettings, actions: Actions) -> None:
        super().__init__(scope, id)
        self._zone = TimeZone.of(hours.zone)
        self._group = scheduler.ScheduleGroup(self, "Group", schedule_group_name=GROUP)
        self.dead = dead_letters_of(self, "Dead", of="schedules")
        week = hours.week
        self._add("Start", actions.start, week.starts, _START_FOR, "start before opening")
        self._add("Stop", actions.stop, week.stops, _STOP_FOR, "stop after closing")
        self._add("Lease", actions.stop, week.leases, _STOP_FOR, "stop what still runs outside of the hours")

    def _add(self, name: str, action: Action, crons: list[str], keep_trying: Duration, what: str) -> None:
        if not crons:
            return
        role = iam.Role(
            self,
            f"{name}Role",
            description=f"Nunchi schedule {name}: {action.allows} on one resource",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        may = iam.PolicyStatement(actions=[action.allows], resources=[action.resource])
        acknowledge_wildcards(role, action.resource, reason=GROUP_ARN)
        for number, cron in enumerate(crons, start=1):
            scheduler.Schedule(
                self,
                f"{name}{number}",
                description=f"Nunchi: {what}",
                schedule_group=self._group,
                schedule=scheduler.ScheduleExpression.expression(cron, self._zone),
                target=targets.Universal(
                    service=action.service,
                    action=action.call,
                    input=scheduler.ScheduleTargetInput.from_object(dict(action.input)),
                    policy_statements=[may],
                    role=role,
                    dead_letter_queue=self.dead,
                    retry_attempts=_TRIES,
                    max_event_age=keep_trying,
                ),
            )
