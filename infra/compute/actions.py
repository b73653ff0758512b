"""What opening and closing do: the calls of the AWS API that start and stop an instance or a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Stack

from infra.statements import arn_of

GROUP_ID_UNKNOWN: Final = (
    "The `*` stands for the group's id, which is unknown before the group exists; its name is given."
)


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
    """What opening and closing do to a kind of compute."""

    start: Action
    stop: Action


def instance_actions(stack: Stack, instance_id: str) -> Actions:
    """Start and stop one instance. Stopping shuts the system down as a power button does: the worker finishes first."""
    arn = arn_of(stack, "ec2", "instance", instance_id)

    def action(call: str) -> Action:
        return Action(
            service="ec2",
            call=f"{call}Instances",
            allows=f"ec2:{call.title()}Instances",
            resource=arn,
            input={"InstanceIds": [instance_id]},
        )

    return Actions(start=action("start"), stop=action("stop"))


def group_actions(name: str, arn: str, *, least: int, most: int) -> Actions:
    """Set a group's limits to its sizes, or to zero: the group's hook drains each instance.

    AWS moves the number of instances to within the limits, so a late start ends none that the backlog asked for.
    """

    def action(least: int, most: int) -> Action:
        return Action(
            service="autoscaling",
            call="updateAutoScalingGroup",
            allows="autoscaling:UpdateAutoScalingGroup",
            resource=arn,
            input={"AutoScalingGroupName": name, "MinSize": least, "MaxSize": most},
        )

    return Actions(start=action(least, most), stop=action(0, 0))
