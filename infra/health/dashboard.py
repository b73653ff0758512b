"""The CloudWatch dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts.aws.emf import STEP_METRICS, Metric
from infra.health.metrics import DAY, FIVE_MINUTES, math, of_probe, of_training, of_worker
from infra.health.observed import Observed

NAME: Final = "nunchi"
_WIDTH: Final = 24
_READ_ME: Final = """\
**Is something wrong?** `nunchi doctor` looks at everything below, and says what to do.
A photo's way: upload → dispatch → wait → fetch → decode → infer → label → store → publish. \
While the shop is closed nothing is measured: gaps are nights. \
docs/operating.md says what each alarm means.
"""


class Dashboard(cloudwatch.Dashboard):
    """The last twelve hours: alarms, photos, times by step, what waits, instances, retrainings."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        slow_ms: int,
        alarms: Sequence[cloudwatch.IAlarm],
        observed: Observed,
    ) -> None:
        super().__init__(
            scope,
            id,
            dashboard_name=NAME,
            start="-PT12H",
            period_override=cloudwatch.PeriodOverride.INHERIT,
            widgets=[
                [cloudwatch.TextWidget(markdown=_READ_ME, width=_WIDTH, height=2)],
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=_WIDTH, height=4)],
                [_ready(), _photos(), _shares()],
                [
                    _steps("p50", "Half of the photos are quicker"),
                    _steps("p95", "One in twenty is slower"),
                    _total(slow_ms),
                ],
                [_waiting(observed.queue), _dead(observed.dead_letters), _trouble()],
                [_disk(), _memory(), _workers()],
                [_training(observed.training_arn)],
            ],
        )


def _graph(title: str, left: Sequence[cloudwatch.IMetric], **options: Any) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=list(left), width=_WIDTH // 3, height=6, **{"left_y_axis": _from_zero()} | options
    )


def _from_zero(label: str | None = None, most: float | None = None) -> cloudwatch.YAxisProps:
    return cloudwatch.YAxisProps(min=0, max=most, label=label, show_units=False)


def _ready() -> cloudwatch.GraphWidget:
    return _graph(
        "Ready",
        [
            of_probe(Metric.WORKER_READY, "Minimum", label="all that should be ready are"),
            of_worker(Metric.BROKER_CONNECTED, "Minimum", label="connected to the broker"),
        ],
        left_y_axis=_from_zero(most=1.2),
    )


_OUTCOMES: Final = {"unsure": Metric.UNSURE, "nobody": Metric.NO_PERSON, "rejected": Metric.REJECTED}


def _photos() -> cloudwatch.GraphWidget:
    others = {name: of_worker(metric, "Sum", label=name) for name, metric in _OUTCOMES.items()}
    labelled = math("photos - unsure - nobody - rejected", "labelled", photos=of_worker(Metric.PHOTOS, "Sum"), **others)
    return _graph("Photos in five minutes", [labelled, *others.values()], stacked=True)


def _shares() -> cloudwatch.GraphWidget:
    """The first sign of a model that becomes unsure, or of a camera that was turned away."""
    photos = of_worker(Metric.PHOTOS, "Sum")
    return _graph(
        "Of a hundred photos",
        [
            math(f"IF(photos > 0, 100 * {name} / photos)", name, photos=photos, **{name: of_worker(metric, "Sum")})
            for name, metric in _OUTCOMES.items()
        ],
        left_y_axis=_from_zero("%", 100),
    )


def _steps(statistic: str, means: str) -> cloudwatch.GraphWidget:
    """Percentiles don't add up exactly; the height still shows which step to look at."""
    return _graph(
        f"{means}: {statistic} by step",
        [of_worker(name, statistic, label=name.removeprefix("Step").lower()) for name in STEP_METRICS],
        stacked=True,
        left_y_axis=_from_zero("ms"),
    )


def _total(slow_ms: int) -> cloudwatch.GraphWidget:
    return _graph(
        "From upload to label",
        [of_worker(Metric.TOTAL, statistic, label=statistic) for statistic in ("p50", "p95", "p99")],
        left_y_axis=_from_zero("ms"),
        left_annotations=[cloudwatch.HorizontalAnnotation(value=slow_ms, label="too slow", color=cloudwatch.Color.RED)],
    )


def _waiting(queue: sqs.IQueue) -> cloudwatch.GraphWidget:
    return _graph(
        "What waits",
        [
            queue.metric_approximate_number_of_messages_visible(
                period=FIVE_MINUTES, statistic="Maximum", label="photos in the queue"
            ),
            of_worker(Metric.WAITING, "Maximum", label="photos at a worker"),
            of_worker(Metric.FORGOTTEN, "Maximum", label="uploads without a result"),
        ],
        right=[
            queue.metric_approximate_age_of_oldest_message(
                period=FIVE_MINUTES, statistic="Maximum", label="the oldest in the queue, seconds (right)"
            )
        ],
        right_y_axis=_from_zero("s"),
    )


def _dead(dead_letters: Mapping[str, sqs.IQueue]) -> cloudwatch.GraphWidget:
    return _graph(
        "Dead letters",
        [
            dead.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum", label=name)
            for name, dead in dead_letters.items()
        ],
    )


def _trouble() -> cloudwatch.GraphWidget:
    return _graph(
        "Trouble in five minutes",
        [
            of_worker(Metric.FAILURES, "Sum", label="tries that failed"),
            of_worker(Metric.GIVEN_UP, "Sum", label="photos given up"),
            of_worker(Metric.MODEL_REFUSED, "Sum", label="weights refused"),
        ],
    )


def _disk() -> cloudwatch.GraphWidget:
    return _graph(
        "Disk",
        [of_worker(Metric.DISK_USED, "Maximum", label="the fullest")],
        left_y_axis=_from_zero("%", 100),
    )


def _memory() -> cloudwatch.GraphWidget:
    return _graph(
        "Memory of a worker",
        [of_worker(Metric.MEMORY_USED, "Maximum", label="the largest")],
        left_y_axis=_from_zero("MiB"),
    )


def _training(arn: str) -> cloudwatch.GraphWidget:
    """By day: there are a few retrainings a year."""
    ended = {"well": "ExecutionsSucceeded", "failed": "ExecutionsFailed", "too long": "ExecutionsTimedOut"}
    return _graph(
        "Retrainings of a day",
        [of_training(arn, name, "Sum", label=label, period=DAY) for label, name in ended.items()],
        right=[of_training(arn, "ExecutionTime", "Maximum", label="the longest, ms (right)", period=DAY)],
        right_y_axis=_from_zero("ms"),
    )


def _workers() -> cloudwatch.GraphWidget:
    return _graph("Workers", [of_probe(Metric.WORKERS_READY, "Maximum", label="ready")])
