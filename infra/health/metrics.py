"""CloudWatch metrics for the alarms and the dashboard, by the names that contracts/aws/emf.py writes."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from contracts.aws.emf import DIMENSION, NAMESPACE, Metric, Service

FIVE_MINUTES: Final = Duration.minutes(5)
DAY: Final = Duration.days(1)


def of_worker(name: Metric | str, statistic: str, **options: Any) -> cloudwatch.Metric:
    """A metric of all workers together; its period is five minutes unless given."""
    return _ours(Service.WORKER, name, statistic, **options)


def of_probe(name: Metric | str, statistic: str, **options: Any) -> cloudwatch.Metric:
    """A metric of the health probe."""
    return _ours(Service.HEALTH_PROBE, name, statistic, **options)


def of_training(arn: str, name: str, statistic: str, **options: Any) -> cloudwatch.Metric:
    """A metric of Step Functions about the retrainings."""
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name=name,
        dimensions_map={"StateMachineArn": arn},
        statistic=statistic,
        **{"period": FIVE_MINUTES} | options,
    )


def _ours(service: Service, name: Metric | str, statistic: str, **options: Any) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=str(name),
        dimensions_map={DIMENSION: str(service)},
        statistic=statistic,
        **{"period": FIVE_MINUTES} | options,
    )


def math(expression: str, label: str, **metrics: cloudwatch.IMetric) -> cloudwatch.MathExpression:
    """An expression over metrics, with a period of five minutes."""
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=dict(metrics), label=label, period=FIVE_MINUTES
    )


def training_failures(arn: str) -> cloudwatch.MathExpression:
    """Retrainings that failed, timed out or were aborted."""
    return math(
        # FILL: one metric without a value would leave the sum without a value.
        "FILL(failed, 0) + FILL(timed, 0) + FILL(aborted, 0)",
        "Retrainings that failed, took too long or were aborted",
        failed=of_training(arn, "ExecutionsFailed", "Sum"),
        timed=of_training(arn, "ExecutionsTimedOut", "Sum"),
        aborted=of_training(arn, "ExecutionsAborted", "Sum"),
    )
