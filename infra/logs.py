"""Log groups."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct


def month_log(scope: Construct, id: str, name: str | None = None) -> logs.LogGroup:
    """A log that CloudWatch keeps for a month, and that goes with its stack."""
    return logs.LogGroup(
        scope,
        id,
        log_group_name=name,
        retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=RemovalPolicy.DESTROY,
    )
