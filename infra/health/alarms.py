"""CloudWatch alarms. Each description says what the alarm means and what to do first; docs/operating.md lists them.

While the shop is closed nothing is measured, and SQS does not measure a queue that is empty and idle. So missing data
is no breach, except where an alarm gives a reason.
"""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from config.mode import Mode
from config.names import INFER_DOCUMENT, TRAINING_LOG, WORKER_LOG
from config.sections import AlarmSettings
from contracts.aws.emf import Metric
from infra.functions import Function
from infra.health.metrics import DAY, FIVE_MINUTES, math, of_probe, of_service, of_training, of_worker
from infra.health.observed import Observed
from infra.nag import acknowledge

_FULL: Final = 85  # percent
_LATE_S: Final = 120  # what a photo may wait in the queue; a label is stale after 30 seconds
_ABOVE: Final = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW: Final = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_NO_BREACH: Final = cloudwatch.TreatMissingData.NOT_BREACHING
_KEEP_STATE: Final = cloudwatch.TreatMissingData.IGNORE


class Alarms(Construct):
    """The alarms, each with the topic as its action."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.ITopic,
        settings: AlarmSettings,
        mode: Mode,
        gpu: bool,
        observed: Observed,
    ) -> None:
        """`gpu`: whether a retraining's instance has one."""
        super().__init__(scope, id)
        self._action = actions.SnsAction(topic)
        self.all: list[cloudwatch.Alarm] = []
        self._about_workers(settings)
        self._about_uploads(settings, mode, observed.queue)
        for name, dead in observed.dead_letters.items():
            self._about_dead_letters(name, dead)
        for name, function in observed.functions.items():
            self._about_function(name, function)
        self._about_training(observed.training_arn, gpu=gpu)
        if mode is Mode.COMMAND:
            self._about_commands()

    def _about_workers(self, settings: AlarmSettings) -> None:
        self._alarm(
            "worker-not-ready",
            of_probe(Metric.WORKER_READY, "Minimum"),
            means="The shop is open, and a worker that should be ready is not: photos wait, kiosks keep their usual "
            "screen.",
            below=1,
            periods=2,
            notify_ok=True,
        )
        self._alarm(
            "metrics-missing",
            math(
                "IF(watched > 0 AND FILL(measured, 0) == 0, 1, 0)",
                "A worker is ready, and tells nothing",
                watched=of_probe(Metric.WORKER_READY, "Maximum"),
                measured=of_worker(Metric.READY, "SampleCount"),
            ),
            means="Workers are ready, and their metrics don't arrive: the alarms about photos, times and disks are "
            "blind.",
            do="nunchi doctor; on the instance: systemctl status amazon-cloudwatch-agent",
            periods=3,
            notify_ok=True,
        )
        self._alarm(
            "worker-failures",
            of_worker(Metric.FAILURES, "Sum"),
            means="Tries fail again and again: S3, the broker or the model. Nothing is lost, later looks try again.",
            do=f"aws logs tail {WORKER_LOG} --since 30m --filter-pattern ERROR",
            above=4,
            periods=3,
            out_of=2,
        )
        self._alarm(
            "photos-given-up",
            of_worker(Metric.GIVEN_UP, "Sum"),
            means="A photo broke the model three times and is left alone: its kiosk gets no answer. One is a strange "
            "file, many are a bad model.",
            do=f'aws logs tail {WORKER_LOG} --since 30m --filter-pattern "broke the model"',
        )
        self._alarm(
            "weights-refused",
            of_worker(Metric.MODEL_REFUSED, "Sum"),
            means="A worker did not follow the pointer to new weights: damaged, for other labels, too slow, or they "
            "break. The model before them serves on.",
            do=f"aws logs tail {WORKER_LOG} --since 30m --filter-pattern weights; then nunchi weights rollback",
        )
        self._alarm(
            "disk-full",
            of_worker(Metric.DISK_USED, "Maximum"),
            means=f"The disk of an instance is more than {_FULL} % full: at 100 % labels lose their insurance against "
            "a crash.",
            do="on the instance: sudo du -xh / --max-depth 3 | sort -h | tail; a new instance starts empty",
            above=_FULL,
            periods=3,
            notify_ok=True,
        )
        self._alarm(
            "certificate-old",
            of_probe(Metric.CERTIFICATE_AGE_DAYS, "Maximum", period=DAY),
            means=f"A device's certificate is older than {settings.certificate_days} days. It works on; whoever copied "
            "it in all that time can use it as well.",
            do="nunchi kiosk list; then nunchi kiosk add NAME --replace",
            above=settings.certificate_days,
            # Measured once a day: a late measurement says nothing new.
            missing=_KEEP_STATE,
            notify_ok=True,
        )

    def _about_uploads(self, settings: AlarmSettings, mode: Mode, queue: sqs.IQueue) -> None:
        self._alarm(
            "uploads-forgotten",
            of_worker(Metric.FORGOTTEN, "Maximum"),
            means="Uploads have had no result for more than five minutes, though a worker looks for such: it can't "
            "keep up, or fails on them.",
            periods=3,
            notify_ok=True,
        )
        self._alarm(
            "labels-slow",
            of_worker(Metric.TOTAL, "p95"),
            means=f"One label in twenty takes more than {settings.slow_ms} ms from the start of the upload: customers "
            "have begun to choose.",
            do="the dashboard nunchi, p95 by step. Upload: the shop's line, or a kiosk's clock is slow; dispatch: Run "
            "Command; wait: too many photos at a time; infer: a larger instance",
            above=settings.slow_ms,
            periods=3,
            notify_ok=True,
            # The percentile of three photos is one photo.
            evaluate_low_sample_count_percentile="ignore",
        )
        age: cloudwatch.IMetric = queue.metric_approximate_age_of_oldest_message(
            period=FIVE_MINUTES, statistic="Maximum"
        )
        cause = "the dispatch function does not take it."
        if mode is Mode.QUEUE:
            cause = "the group is too small, or its workers don't read."
            # At night photos wait on purpose: only the waiting during probed hours counts.
            age = math(
                "IF(watched >= 0, age)",
                "Seconds that the oldest photo has waited, while the shop is open",
                age=age,
                watched=of_probe(Metric.WORKER_READY, "Minimum"),
            )
        self._alarm(
            "queue-old",
            age,
            means=f"A photo has waited in the upload queue for more than {_LATE_S} s: {cause}",
            above=_LATE_S,
            periods=3,
            notify_ok=True,
        )

    def _about_dead_letters(self, name: str, dead: sqs.IQueue) -> None:
        self._alarm(
            f"dead-letters-{name}",
            dead.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum"),
            means=f"Something about {name} failed for good, and is kept for 14 days among the dead letters.",
            do=f"aws sqs receive-message --max-number-of-messages 10 --queue-url {dead.queue_url}",
        )

    def _about_function(self, name: str, part: Function) -> None:
        function = part.function
        self._alarm(
            f"{name}-fails",
            math(
                "errors + throttles",
                f"{name}: errors and throttles",
                errors=function.metric_errors(period=FIVE_MINUTES, statistic="Sum"),
                throttles=function.metric_throttles(period=FIVE_MINUTES, statistic="Sum"),
            ),
            means=f"The function {name} failed, or AWS would not run it. Events are tried again, and then are among "
            "the dead letters.",
            do=f"aws logs tail {part.log.log_group_name} --since 1h",
        )

    def _about_commands(self) -> None:
        rule = events.Rule(
            self,
            "CommandFailed",
            description="Nunchi: a Run Command with photos failed, or reached no instance; it is counted",
            event_pattern=events.EventPattern(
                source=["aws.ssm"],
                detail_type=["EC2 Command Status-change Notification"],
                detail={"document-name": [INFER_DOCUMENT], "status": ["Failed", "TimedOut"]},
            ),
        )
        no_target = "It has no target that could fail: EventBridge itself counts the matches."
        acknowledge(rule, "EventBusDLQ", reason=no_target, pack="Serverless")
        self._alarm(
            "commands-fail",
            of_service("AWS/Events", "TriggeredRules", "Sum", {"RuleName": rule.rule_name}),
            means="Run Commands with photos fail: the worker is down, full or not ready. Its sweep finds them, late.",
            do=f"aws ssm list-commands --filters key=DocumentName,value={INFER_DOCUMENT} --max-items 5",
            above=4,
            periods=2,
            notify_ok=True,
        )

    def _about_training(self, arn: str, *, gpu: bool) -> None:
        what = "a GPU" if gpu else "its instance"
        self._alarm(
            "training-failed",
            math(
                # FILL: one metric without a value would leave the sum without a value.
                "FILL(failed, 0) + FILL(timed, 0) + FILL(aborted, 0)",
                "Retrainings that failed, took too long or were aborted",
                failed=of_training(arn, "ExecutionsFailed", "Sum"),
                timed=of_training(arn, "ExecutionsTimedOut", "Sum"),
                aborted=of_training(arn, "ExecutionsAborted", "Sum"),
            ),
            means="A retraining did not come to its end. Its machine was stopped, and the weights in service stay.",
            do=f"its mail says why; aws logs tail {TRAINING_LOG} --since 1d; then nunchi train",
        )
        self._alarm(
            "training-long",
            of_training(arn, "ExecutionTime", "Maximum"),
            means=f"A retraining took more than six hours: so much of {what} was paid for.",
            do="the report of that run says what took its time",
            above=6 * 3600 * 1000,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        means: str,
        do: str = "nunchi doctor",
        periods: int = 1,
        above: float = 0,
        below: float | None = None,
        out_of: int | None = None,
        missing: cloudwatch.TreatMissingData = _NO_BREACH,
        notify_ok: bool = False,
        **options: Any,
    ) -> None:
        """Alarm when the metric is above, or below, in each of the periods, or in `out_of` of them."""
        alarm = cloudwatch.Alarm(
            self,
            name.title().replace("-", ""),
            alarm_name=f"nunchi-{name}",
            alarm_description=f"{means} First: {do}",
            metric=metric,
            threshold=above if below is None else below,
            comparison_operator=_ABOVE if below is None else _BELOW,
            evaluation_periods=periods,
            datapoints_to_alarm=out_of or periods,
            treat_missing_data=missing,
            **options,
        )
        alarm.add_alarm_action(self._action)
        if notify_ok:
            alarm.add_ok_action(self._action)
        self.all.append(alarm)
