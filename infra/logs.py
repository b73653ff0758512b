"""Log groups of CloudWatch, with an expiry."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(
    scope: Construct,
    id: str,
    name: str | None = None,
    retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
) -> logs.LogGroup:
    """A log that goes with its stack."""
    return logs.LogGroup(scope, id, log_group_name=name, retention=retention, removal_policy=RemovalPolicy.DESTROY)
