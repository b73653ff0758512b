"""Who watches, what is too much, and who is told: what must hold of the stack NunchiHealth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.mode import Mode
from contracts.aws.emf import STEP_METRICS
from contracts.instants import from_text
from contracts.messages import WorkerState, WorkerStatus
from contracts.settings import load
from lambdas.health_probe import HealthProbeSettings, Prober
from ops.cost.estimate import ALARMS
from tests.fakes import MODEL
from tests.infra.assembly import ROOT, Template, shared
from worker.photos.rules import Thresholds
from worker.photos.socket_server import WorkerHealth
from worker.telemetry.emf import EmfFile
from worker.telemetry.metrics import Metrics

MODES = ("health", "queue_health")
NO_CONDITION = "{}"
CLOSED = "2027-02-07T01:50Z/2027-02-07T17:05Z"
HERE = "arn:aws:{}:ap-northeast-2:<AWS::AccountId>:"


@pytest.fixture(scope="module")
def health(assembly: Path) -> Template:
    return Template(assembly / "NunchiHealth.template.json")


@pytest.fixture(scope="module")
def queue_health(queue_assembly: Path) -> Template:
    return Template(queue_assembly / "NunchiHealth.template.json")


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Of an operator who wrote settings of their own."""
    return Template(shared(tmp_path_factory, "operator") / "NunchiHealth.template.json")


def looks(health: Template) -> dict[str, tuple[str, str]]:
    """By expression: zone, and what is looked at."""
    return {
        one["ScheduleExpression"]: (one["ScheduleExpressionTimezone"], json.loads(one["Target"]["Input"])["look"])
        for one in health.all("AWS::Scheduler::Schedule")
    }


def alarms(health: Template) -> dict[str, dict[str, Any]]:
    return {one["AlarmName"]: one for one in health.all("AWS::CloudWatch::Alarm")}


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm or its expression reads."""
    if "Metrics" in alarm:
        return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    return [{name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions")}]


def test_workers_are_looked_at_every_five_minutes_of_the_open_hours_and_certificates_daily(health: Template) -> None:
    """By the shop's clock. The first look is at the opening itself: what is not ready by then is late."""
    assert looks(health) == {
        "cron(0,5,10,15,20,25,30,35,40,45,50,55 8-19 ? * * *)": ("Asia/Seoul", "worker"),
        "cron(30 9 ? * * *)": ("Asia/Seoul", "certificates"),
    }


def test_hours_over_midnight_are_watched_to_their_end(operators: Template) -> None:
    """11:00 to 14:30 and 17:00 to 02:00: the first half of every hour, and the second of all but the one at 14."""
    assert looks(operators) == {
        "cron(0,5,10,15,20,25 0-1,11-14,17-23 ? * * *)": ("Asia/Seoul", "worker"),
        "cron(30,35,40,45,50,55 0-1,11-13,17-23 ? * * *)": ("Asia/Seoul", "worker"),
        "cron(30 9 ? * * *)": ("Asia/Seoul", "certificates"),
    }


@pytest.mark.parametrize("mode", MODES)
def test_a_look_that_can_not_be_asked_for_is_tried_again_and_then_kept(
    request: pytest.FixtureRequest, mode: str
) -> None:
    """For five minutes: the next look is as good. Under a role that may do nothing else."""
    health: Template = request.getfixturevalue(mode)
    [(dead, queue)] = [(name, one) for name, one in health.resources.items() if one["Type"] == "AWS::SQS::Queue"]
    [(function, _)] = [(name, one) for name, one in health.resources.items() if one["Type"] == "AWS::Lambda::Function"]
    assert (queue["Properties"]["SqsManagedSseEnabled"], queue["Properties"]["MessageRetentionPeriod"]) == (
        True,
        14 * 24 * 3600,
    )
    for schedule in health.all("AWS::Scheduler::Schedule"):
        target = schedule["Target"]
        assert schedule["State"] == "ENABLED"
        assert health.text(target["Arn"]) == f"<{function}.Arn>"
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 3}
        assert health.text(target["DeadLetterConfig"]["Arn"]) == f"<{dead}.Arn>"
        assert rights_of(health, health.text(target["RoleArn"])) == {
            ("lambda:InvokeFunction", f"<{function}.Arn>", NO_CONDITION),
            ("sqs:SendMessage", f"<{dead}.Arn>", NO_CONDITION),
        }


def rights_of(health: Template, role_arn: str) -> set[tuple[str, str, str]]:
    role = role_arn.strip("<>").removesuffix(".Arn")
    assert "ManagedPolicyArns" not in health.resources[role]["Properties"]
    [policy] = [one for one in health.all("AWS::IAM::Policy") if health.text(one["Roles"]) == f"<{role}>"]
    return health.allowed(policy["PolicyDocument"])


@pytest.mark.parametrize(
    ("mode", "who"),
    [
        ("health", ("ssm:GetParameter", HERE.format("ssm") + "parameter/nunchi/inference-instance", NO_CONDITION)),
        ("queue_health", ("autoscaling:DescribeAutoScalingGroups", "*", NO_CONDITION)),
    ],
)
def test_the_watch_may_read_what_it_looks_at_and_change_nothing(
    request: pytest.FixtureRequest, mode: str, who: tuple[str, str, str]
) -> None:
    """All that its role allows, beside its log and its own dead letters."""
    health: Template = request.getfixturevalue(mode)
    function = health.one("AWS::Lambda::Function")
    iot = HERE.format("iot")
    policies = {
        (action, resource.partition(":policy/")[0] + ":policy/…" if ":policy/" in resource else resource, condition)
        for action, resource, condition in rights_of(health, health.text(function["Role"]))
        if not action.startswith(("logs:", "sqs:"))
    }
    assert policies == {
        who,
        ("iot:GetRetainedMessage", f"{iot}topic/nunchi/worker/*/status", NO_CONDITION),
        ("iot:ListTargetsForPolicy", f"{iot}policy/…", NO_CONDITION),
        ("iot:ListCertificates", "*", NO_CONDITION),
    }


@pytest.mark.parametrize("mode", MODES)
def test_the_functions_environment_is_what_it_loads(request: pytest.FixtureRequest, mode: str) -> None:
    """It is told whom to watch: the instance of a parameter, or a group."""
    health: Template = request.getfixturevalue(mode)
    variables = health.one("AWS::Lambda::Function")["Environment"]["Variables"]
    settings = load(HealthProbeSettings, {name: health.text(value) for name, value in variables.items()})
    assert settings.closed is None
    if mode == "health":
        assert (settings.instance_parameter, settings.group) == ("/nunchi/inference-instance", None)
    else:
        assert settings.instance_parameter is None
        assert settings.group
        assert "Group" in settings.group
    assert ("Kiosk" in settings.kiosk_policy, "Worker" in settings.worker_policy) == (True, True)


def test_the_function_knows_when_the_shop_is_closed_in_spans_that_need_no_zone(operators: Template) -> None:
    """2027-02-07 in Seoul: from the start, before 11:00, until the stop, after 02:00 of the next day."""
    assert operators.one("AWS::Lambda::Function")["Environment"]["Variables"]["NUNCHI_CLOSED"] == CLOSED


def told_by_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> set[tuple[str, str]]:
    """(service, metric) of every metric that the programs themselves write, found by running them."""
    metrics = Metrics()
    metrics.total.observe(0.1)
    for name in STEP_METRICS:
        metrics.step.labels(name.removeprefix("Step").lower()).observe(0.01)
    log = folder / "metrics.log"
    EmfFile(
        log,
        metrics=metrics,
        health=WorkerHealth("i-1", Thresholds(gate=0.95, unsure_below=0.5, review_share=0.05)),
        disk=folder,
    ).write()
    watch = Prober(
        client=lambda _: Quiet(), settings=HealthProbeSettings(kiosk_policy="k", worker_policy="w", group="g")
    )
    for look in ("worker", "certificates"):
        watch({"look": look}, None)
    lines = [*log.read_text().splitlines(), *capsys.readouterr().out.splitlines()]
    return {
        (fields["Service"], metric["Name"])
        for fields in map(json.loads, lines)
        for metric in fields["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


class Quiet:
    """An AWS with one ready worker, and no certificate."""

    def describe_auto_scaling_groups(self, **_: Any) -> dict[str, Any]:
        return {"AutoScalingGroups": [{"Instances": [{"InstanceId": "i-1", "LifecycleState": "InService"}]}]}

    def get_retained_message(self, **_: Any) -> dict[str, Any]:
        status = WorkerStatus("i-1", WorkerState.READY, MODEL, from_text("2026-11-22T05:11:40.123Z"))
        return {"payload": status.to_json().encode()}

    def list_targets_for_policy(self, **_: Any) -> dict[str, Any]:
        return {"targets": []}

    def list_certificates(self, **_: Any) -> dict[str, Any]:
        return {"certificates": []}


@pytest.mark.parametrize("mode", MODES)
def test_every_alarm_is_about_a_metric_that_something_really_writes(
    request: pytest.FixtureRequest, mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An alarm about a misspelt metric sleeps for ever."""
    health: Template = request.getfixturevalue(mode)
    ours = {
        (metric["Dimensions"][0]["Value"], metric["MetricName"], metric["Dimensions"][0]["Name"])
        for alarm in alarms(health).values()
        for metric in metrics_of(alarm)
        if metric["Namespace"] == "Nunchi"
    }
    written = told_by_programs(tmp_path, capsys)
    assert {(service, name, "Service") for service, name in written} >= ours
    assert len(ours) == 9
    aws = {
        (metric["Namespace"], metric["MetricName"], metric["Dimensions"][0]["Name"])
        for alarm in alarms(health).values()
        for metric in metrics_of(alarm)
        if metric["Namespace"] != "Nunchi"
    }
    assert aws == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
        ("AWS/Lambda", "Errors", "FunctionName"),
        ("AWS/Lambda", "Throttles", "FunctionName"),
        *(
            ("AWS/States", name, "StateMachineArn")
            for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionTime")
        ),
        *({("AWS/Events", "TriggeredRules", "RuleName")} if mode == "health" else ()),
    }


@pytest.mark.parametrize("mode", MODES)
def test_the_dashboard_draws_what_something_really_writes(
    request: pytest.FixtureRequest, mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every metric of the programs is on it, but the worker's own `Ready`, which the watch judges."""
    health: Template = request.getfixturevalue(mode)
    body = json.loads(health.text(health.one("AWS::CloudWatch::Dashboard")["DashboardBody"]))
    drawn = {
        (row[3], row[1])
        for widget in body["widgets"]
        for row in widget["properties"].get("metrics", [])
        if row[0] == "Nunchi"
    }
    assert drawn == told_by_programs(tmp_path, capsys) - {
        ("worker", "Ready"),
        ("watch", "CertificateAgeDays"),
    }


@pytest.mark.parametrize("mode", MODES)
def test_every_alarm_goes_to_the_topic_and_says_what_it_means_and_what_to_do_first(
    request: pytest.FixtureRequest, mode: str
) -> None:
    health: Template = request.getfixturevalue(mode)
    topic = f"<{health.fields['Outputs']['AlarmTopicArn']['Value']['Ref']}>"
    for name, alarm in alarms(health).items():
        actions = [health.text(one).replace("AlarmTopicArn", topic.strip("<>")) for one in alarm["AlarmActions"]]
        assert actions == [topic], name
        means, _, first = health.text(alarm["AlarmDescription"]).partition(" First: ")
        assert means.endswith("."), name
        assert first, name
        assert len(health.text(alarm["AlarmDescription"])) <= 1024, name
        assert "ActionsEnabled" not in alarm, name


def test_what_mends_itself_is_told_to_be_well_again(health: Template) -> None:
    """Dead letters, errors and photos given up don't: somebody has to look, whatever the number does next."""
    assert {name for name, alarm in alarms(health).items() if "OKActions" in alarm} == {
        "nunchi-worker-not-ready",
        "nunchi-metrics-missing",
        "nunchi-disk-full",
        "nunchi-certificate-old",
        "nunchi-uploads-forgotten",
        "nunchi-labels-slow",
        "nunchi-queue-old",
        "nunchi-commands-fail",
    }


@pytest.mark.parametrize("mode", MODES)
def test_a_closed_shop_wakes_nobody(request: pytest.FixtureRequest, mode: str) -> None:
    """Nothing is measured then. Certificates are looked at once a day: between two looks the last one holds."""
    health: Template = request.getfixturevalue(mode)
    treated = {name: alarm["TreatMissingData"] for name, alarm in alarms(health).items()}
    assert treated.pop("nunchi-certificate-old") == "ignore"
    assert set(treated.values()) == {"notBreaching"}


def test_a_queue_that_waits_for_the_morning_is_not_old(queue_health: Template) -> None:
    """In mode queue photos of the night stay in it: its age counts while workers are watched."""
    queries = {one["Id"]: one for one in alarms(queue_health)["nunchi-queue-old"]["Metrics"]}
    [expression] = [one["Expression"] for one in queries.values() if "Expression" in one]
    assert expression == "IF(watched >= 0, age)"
    assert queries["watched"]["MetricStat"]["Metric"]["MetricName"] == "WorkerReady"


def test_the_limits_are_the_operators(operators: Template) -> None:
    told = alarms(operators)
    slow = told["nunchi-labels-slow"]
    assert (slow["MetricName"], slow["ExtendedStatistic"], slow["Threshold"]) == ("Total", "p95", 1500)
    assert slow["EvaluateLowSampleCountPercentile"] == "ignore"
    old = told["nunchi-certificate-old"]
    assert (old["MetricName"], old["Statistic"], old["Threshold"], old["Period"]) == (
        "CertificateAgeDays",
        "Maximum",
        90,
        86400,
    )


def test_an_open_shop_without_a_worker_is_told_within_ten_minutes(health: Template) -> None:
    alarm = alarms(health)["nunchi-worker-not-ready"]
    assert {
        name: alarm[name]
        for name in ("ComparisonOperator", "Threshold", "Statistic", "Period", "EvaluationPeriods", "DatapointsToAlarm")
    } == {
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "Statistic": "Minimum",
        "Period": 300,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
    }


@pytest.mark.parametrize("folder", ["assembly", "queue_assembly"])
def test_every_queue_of_dead_letters_has_an_alarm(request: pytest.FixtureRequest, folder: str) -> None:
    """One for each queue of the four stacks but that of the uploads; a single letter is enough."""
    assembly: Path = request.getfixturevalue(folder)
    templates = [Template(path) for path in sorted(assembly.glob("Nunchi*.template.json"))]
    queues = sum(len(one.all("AWS::SQS::Queue")) for one in templates)
    health = Template(assembly / "NunchiHealth.template.json")
    about = [one for name, one in alarms(health).items() if name.startswith("nunchi-dead-letters-")]
    assert len({json.dumps(one["Dimensions"]) for one in about}) == len(about) == queues - 1
    assert {(one["Threshold"], one["ComparisonOperator"], one["EvaluationPeriods"]) for one in about} == {
        (0, "GreaterThanThreshold", 1)
    }


def test_mode_queue_has_no_commands_that_could_fail(queue_health: Template) -> None:
    """Nor a dispatch function."""
    assert {"nunchi-commands-fail", "nunchi-dispatch-fails"}.isdisjoint(alarms(queue_health))
    assert queue_health.all("AWS::Events::Rule") == []


def test_a_command_that_failed_or_found_nobody_is_counted(health: Template) -> None:
    assert health.one("AWS::Events::Rule")["EventPattern"] == {
        "source": ["aws.ssm"],
        "detail-type": ["EC2 Command Status-change Notification"],
        "detail": {"document-name": ["Nunchi-Infer"], "status": ["Failed", "TimedOut"]},
    }


def test_only_alarms_and_budgets_of_this_account_may_write_to_the_topic_and_over_tls_alone(health: Template) -> None:
    """A topic that has a policy no longer lets its own account publish: without these words alarms would be silent."""
    document = health.one("AWS::SNS::TopicPolicy")["PolicyDocument"]
    ours = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    services = {"Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]}
    assert [(one["Effect"], one["Principal"], one["Action"], one["Condition"]) for one in document["Statement"]] == [
        ("Deny", "*", "sns:Publish", {"Bool": {"aws:SecureTransport": "false"}}),
        ("Allow", services, "sns:Publish", ours),
    ]
    key = health.one("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    [_, use] = key["KeyPolicy"]["Statement"]
    assert (use["Principal"], use["Action"], use["Condition"]) == (
        services,
        ["kms:Decrypt", "kms:GenerateDataKey"],
        ours,
    )
    [(name, _)] = [(name, one) for name, one in health.resources.items() if one["Type"] == "AWS::KMS::Key"]
    assert health.text(health.one("AWS::SNS::Topic")["KmsMasterKeyId"]) == f"<{name}.Arn>"


def test_whoever_left_an_address_is_told_by_mail(operators: Template, health: Template) -> None:
    """Without one there is no subscription that could never be confirmed."""
    [subscription] = operators.all("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "shop@example.com")
    assert health.all("AWS::SNS::Subscription") == []


def test_a_month_that_costs_too_much_is_told_before_it_ends(
    operators: Template, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of the whole account: a filter by a tag that nobody activated for billing counts nothing."""
    budgets = Template(shared(tmp_path_factory, "operator") / "NunchiBudget.template.json")
    budget = budgets.one("AWS::Budgets::Budget")
    assert budget["Budget"] == {
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": 42.5, "Unit": "USD"},
    }
    warnings = [(one["Notification"], one["Subscribers"]) for one in budget["NotificationsWithSubscribers"]]
    assert [(one["NotificationType"], one["Threshold"], one["ThresholdType"]) for one, _ in warnings] == [
        ("ACTUAL", 80, "PERCENTAGE"),
        ("FORECASTED", 100, "PERCENTAGE"),
    ]
    [subscribers] = {json.dumps(subscribers) for _, subscribers in warnings}
    [subscriber] = json.loads(subscribers)
    exported = [one["Export"]["Name"] for one in operators.fields["Outputs"].values() if "Export" in one]
    assert subscriber["SubscriptionType"] == "SNS"
    assert subscriber["Address"]["Fn::ImportValue"] in exported


@pytest.mark.parametrize("mode", MODES)
def test_a_retraining_that_fails_times_out_or_is_aborted_is_told_at_once(
    request: pytest.FixtureRequest, mode: str
) -> None:
    """One is enough; and so is one that takes more than six hours of a GPU."""
    told = alarms(request.getfixturevalue(mode))
    failed, long = told["nunchi-training-failed"], told["nunchi-training-long"]
    [expression] = [one["Expression"] for one in failed["Metrics"] if "Expression" in one]
    assert (expression, failed["Threshold"], failed["EvaluationPeriods"]) == (
        "FILL(failed, 0) + FILL(timed, 0) + FILL(aborted, 0)",
        0,
        1,
    )
    assert (long["MetricName"], long["Statistic"], long["Threshold"]) == ("ExecutionTime", "Maximum", 6 * 3600 * 1000)


def test_of_heads_no_alarm_speaks_of_a_gpu(health: Template, heads_assembly: Path) -> None:
    heads = alarms(Template(heads_assembly / "NunchiHealth.template.json"))
    long = "A retraining took more than six hours: so much of {} was paid for. First: the report of that run says what "
    said = [told["nunchi-training-long"]["AlarmDescription"] for told in (alarms(health), heads)]
    assert said == [long.format(what) + "took its time" for what in ("a GPU", "its instance")]
    assert [name for name, one in heads.items() if "GPU" in one["AlarmDescription"]] == []


@pytest.mark.parametrize("mode", MODES)
def test_operators_are_told_of_every_alarm(request: pytest.FixtureRequest, mode: str) -> None:
    """What it means and what to do, by the name that the mail has."""
    text = (ROOT / "docs" / "operating.md").read_text()
    health: Template = request.getfixturevalue(mode)
    assert [name for name in alarms(health) if f"`{name}`" not in text] == []


@pytest.mark.parametrize(("mode", "setting"), list(zip(MODES, Mode, strict=True)))
def test_the_estimate_of_costs_counts_as_many_metrics_in_alarms(
    request: pytest.FixtureRequest, mode: str, setting: Mode
) -> None:
    """CloudWatch asks a price for each."""
    health: Template = request.getfixturevalue(mode)
    metrics = [
        sum("MetricStat" in one for one in alarm["Metrics"]) if "Metrics" in alarm else 1
        for alarm in health.all("AWS::CloudWatch::Alarm")
    ]
    assert sum(metrics) == ALARMS[setting]
