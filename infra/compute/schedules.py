"""Schedules that start and stop the inference compute by the shop's opening hours.

Three kinds: start before opening, stop after closing, and a lease that each hour stops what still runs outside of the
hours. Each has a role for one call on one resource.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from config.sections import HoursSettings
from infra.compute.actions import GROUP_ID_UNKNOWN, Action, Actions
from infra.functions import dead_letter_queue
from infra.nag import acknowledge_wildcards
from infra.roles import FROM_THIS_ACCOUNT
from infra.statements import allow

GROUP: Final = "nunchi"
# Capacity can be short in the morning, and the API throttled: retry for as long as a start is still useful.
_START_FOR: Final = Duration.hours(4)
# Never into the next opening: what a stop did not reach in this time, the lease stops each hour.
_STOP_FOR: Final = Duration.minutes(50)
_TRIES: Final = 185  # the maximum; the age above ends it sooner


class Schedules(Construct):
    """The schedules of a week; none for a shop that never closes."""

    def __init__(self, scope: Construct, id: str, *, hours: HoursSettings, actions: Actions) -> None:
        super().__init__(scope, id)
        self._zone = TimeZone.of(hours.zone)
        self._group = scheduler.ScheduleGroup(self, "Group", schedule_group_name=GROUP)
        self.dead = dead_letter_queue(self, "Dead", of="schedules")
        week = hours.week
        starts = [*week.starts, *week.starts_after_gaps(hours.zone_info)]
        self._add("Start", actions.start, starts, _START_FOR, "start before opening")
        self._add("Stop", actions.stop, week.stops, _STOP_FOR, "stop after closing")
        self._add("Lease", actions.stop, week.leases, _STOP_FOR, "stop what still runs outside of the hours")

    def _add(self, name: str, action: Action, crons: list[str], max_age: Duration, what: str) -> None:
        if not crons:
            return
        role = iam.Role(
            self,
            f"{name}Role",
            description=f"Nunchi schedule {name}: {action.allows} on one resource",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=FROM_THIS_ACCOUNT),
        )
        may = allow(action.allows, on=action.resource)
        acknowledge_wildcards(role, action.resource, reason=GROUP_ID_UNKNOWN)
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
                    max_event_age=max_age,
                ),
            )
