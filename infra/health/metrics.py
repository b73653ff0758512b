"""CloudWatch metrics for the alarms and the dashboard, by the names that contracts/aws/emf.py writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from contracts.aws.emf import DIMENSION, NAMESPACE, Metric, Service

FIVE_MINUTES: Final = Duration.minutes(5)
DAY: Final = Duration.days(1)


def of_worker(name: Metric | str, statistic: str, **options: Any) -> cloudwatch.Metric:
    """A metric of all workers together."""
    return of_service(NAMESPACE, name, statistic, {DIMENSION: Service.WORKER}, **options)


def of_probe(name: Metric | str, statistic: str, **options: Any) -> cloudwatch.Metric:
    """A metric of the health probe."""
    return of_service(NAMESPACE, name, statistic, {DIMENSION: Service.HEALTH_PROBE}, **options)


def of_training(arn: str, name: str, statistic: str, **options: Any) -> cloudwatch.Metric:
    """A metric of Step Functions about the retrainings."""
    return of_service("AWS/States", name, statistic, {"StateMachineArn": arn}, **options)


def of_service(
    namespace: str, name: Metric | str, statistic: str, dimensions: Mapping[str, Service | str], **options: Any
) -> cloudwatch.Metric:
    """A metric with a period of five minutes, unless the options give another."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=str(name),
        dimensions_map={dimension: str(value) for dimension, value in dimensions.items()},
        statistic=statistic,
        **{"period": FIVE_MINUTES} | options,
    )


def math(expression: str, label: str, **metrics: cloudwatch.IMetric) -> cloudwatch.MathExpression:
    """An expression over metrics, with a period of five minutes."""
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=dict(metrics), label=label, period=FIVE_MINUTES
    )
