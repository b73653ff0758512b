"""What starts, stops and limits the compute, in both modes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.names import LAUNCH_TEMPLATE, TRAIN_DOCUMENT
from tests.infra.assembly import Template, shared

NIGHT = "cron(5 0-7,21-23 ? * * *)"


@pytest.fixture(scope="module")
def other_queue_compute(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Of an operator with other sizes and hours."""
    return Template(shared(tmp_path_factory, "queue and key") / "NunchiCompute.template.json")


def schedules(compute: Template) -> dict[str, tuple[str, str, Any]]:
    """By expression: zone, the call that it makes, with what."""
    return {
        one["ScheduleExpression"]: (
            one["ScheduleExpressionTimezone"],
            compute.text(one["Target"]["Arn"]).removeprefix("arn:<AWS::Partition>:scheduler:::aws-sdk:"),
            json.loads(compute.text(one["Target"]["Input"])),
        )
        for one in compute.all("AWS::Scheduler::Schedule")
    }


def test_the_instance_starts_before_opening_stops_after_closing_and_is_under_a_lease(compute: Template) -> None:
    """By the clock of the shop's own zone; the lease is a second schedule that finds what the first did not stop."""
    [name] = [name for name, one in compute.resources.items() if one["Type"] == "AWS::EC2::Instance"]
    this = {"InstanceIds": [f"<{name}>"]}
    assert schedules(compute) == {
        "cron(50 7 ? * * *)": ("Asia/Seoul", "ec2:startInstances", this),
        "cron(5 20 ? * * *)": ("Asia/Seoul", "ec2:stopInstances", this),
        NIGHT: ("Asia/Seoul", "ec2:stopInstances", this),
    }


def test_the_group_may_grow_in_the_day_and_is_empty_at_night(queue_compute: Template) -> None:
    [name] = [
        name for name, one in queue_compute.resources.items() if one["Type"] == "AWS::AutoScaling::AutoScalingGroup"
    ]
    day, night = (
        {"AutoScalingGroupName": f"<{name}>", "MinSize": least, "MaxSize": most} for least, most in ((2, 10), (0, 0))
    )
    call = "autoscaling:updateAutoScalingGroup"
    assert schedules(queue_compute) == {
        "cron(50 7 ? * * *)": ("Asia/Seoul", call, day),
        "cron(5 20 ? * * *)": ("Asia/Seoul", call, night),
        NIGHT: ("Asia/Seoul", call, night),
    }


def test_a_deployment_at_any_hour_leaves_the_groups_size(
    queue_compute: Template, other_queue_compute: Template
) -> None:
    """The template's limits are the same for all settings, and CloudFormation keeps off what is the same.

    A desired capacity would be set at each deployment. The first instance proves that a first deployment boots.
    """
    for compute in (queue_compute, other_queue_compute):
        [group] = [one for one in compute.resources.values() if one["Type"] == "AWS::AutoScaling::AutoScalingGroup"]
        sizes = {name: value for name, value in group["Properties"].items() if name.endswith(("Size", "Capacity"))}
        assert sizes == {"MinSize": "1", "MaxSize": "2"}
        assert group["UpdatePolicy"]["AutoScalingScheduledAction"] == {"IgnoreUnmodifiedGroupSizeProperties": True}
        assert group["CreationPolicy"]["ResourceSignal"] == {"Count": 1, "Timeout": "PT15M"}


def test_other_sizes_and_hours_reach_the_group_within_ten_minutes_of_an_open_day(
    queue_compute: Template, other_queue_compute: Template
) -> None:
    """Its own scheduled actions set the limits, and no capacity: what the backlog asked for stays."""
    sizes = {"MinSize": 2, "MaxSize": 10, "TimeZone": "Asia/Seoul"}
    assert repeated(queue_compute) == {"50 7-19 * * *": sizes, "0,10,20,30,40 8-19 * * *": sizes}
    sizes, days = {"MinSize": 3, "MaxSize": 3, "TimeZone": "Europe/Berlin"}, "1,2,3,4,5,6"
    assert repeated(other_queue_compute) == {f"50 7-19 * * {days}": sizes, f"0,10,20,30,40 8-19 * * {days}": sizes}


def repeated(compute: Template) -> dict[str, dict[str, Any]]:
    """The group's own scheduled actions: by Unix cron expression, what they set."""
    return {
        one["Recurrence"]: {name: one[name] for name in one.keys() - {"AutoScalingGroupName", "Recurrence"}}
        for one in compute.all("AWS::AutoScaling::ScheduledAction")
    }


@pytest.mark.parametrize("mode", ["compute", "queue_compute"])
def test_every_schedule_tries_again_and_what_fails_for_good_is_kept(request: pytest.FixtureRequest, mode: str) -> None:
    """In a queue that is encrypted and takes nothing but TLS."""
    compute: Template = request.getfixturevalue(mode)
    [dead] = [name for name, one in compute.resources.items() if one["Type"] == "AWS::SQS::Queue"]
    kept = compute.resources[dead]["Properties"]
    assert (kept["SqsManagedSseEnabled"], kept["MessageRetentionPeriod"]) == (True, 14 * 24 * 3600)
    for one in compute.all("AWS::Scheduler::Schedule"):
        assert compute.text(one["Target"]["DeadLetterConfig"]["Arn"]) == f"<{dead}.Arn>"
        assert one["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185
        assert one["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 3000
    stops = [one for one in compute.all("AWS::Scheduler::Schedule") if "50 7" not in one["ScheduleExpression"]]
    assert all(one["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] < 3600 for one in stops), (
        "into the next opening"
    )
    policy = compute.one("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [one["Condition"] for one in policy if one["Effect"] == "Deny"]


@pytest.mark.parametrize(
    ("mode", "start", "stop"),
    [
        ("compute", "ec2:StartInstances", "ec2:StopInstances"),
        ("queue_compute", "autoscaling:UpdateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"),
    ],
)
def test_every_schedule_has_a_role_that_can_do_its_one_thing(
    request: pytest.FixtureRequest, mode: str, start: str, stop: str
) -> None:
    """To the one resource; beyond that, only report to the dead letters. Only this account's schedules may take it."""
    compute: Template = request.getfixturevalue(mode)
    found = []
    for one in compute.all("AWS::Scheduler::Schedule"):
        name = compute.text(one["Target"]["RoleArn"]).strip("<>").removesuffix(".Arn")
        [trust] = compute.resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        [policy] = [one for one in compute.all("AWS::IAM::Policy") if compute.text(one["Roles"]) == f"<{name}>"]
        allowed = {
            (action, resource)
            for action, resource, _ in compute.allowed(policy["PolicyDocument"])
            if action != "sqs:SendMessage"
        }
        [(action, resource)] = allowed
        assert not resource.endswith("*")
        found.append(action)
    assert sorted(found) == sorted([start, stop, stop])


def test_the_group_follows_the_photos_that_wait_for_each_instance(queue_compute: Template) -> None:
    policy = queue_compute.one("AWS::AutoScaling::ScalingPolicy")
    tracking = policy["TargetTrackingConfiguration"]
    assert (policy["PolicyType"], tracking["TargetValue"]) == ("TargetTrackingScaling", 10)
    metrics = {one["Id"]: one for one in tracking["CustomizedMetricSpecification"]["Metrics"]}
    assert metrics["backlog"]["Expression"] == "waiting / instances"
    assert metrics["waiting"]["MetricStat"]["Metric"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert metrics["instances"]["MetricStat"]["Metric"]["MetricName"] == "GroupInServiceInstances"


def test_the_groups_instances_are_as_hardened_as_the_one(compute: Template, queue_compute: Template) -> None:
    """Disk, metadata, type: one setting switches, nothing else differs."""
    one = compute.one("AWS::EC2::Instance")
    [many] = [
        one["LaunchTemplateData"]
        for one in queue_compute.all("AWS::EC2::LaunchTemplate")
        if one.get("LaunchTemplateName") != LAUNCH_TEMPLATE
    ]
    assert {name: many[name] for name in ("InstanceType", "BlockDeviceMappings", "MetadataOptions")} == {
        name: one[name] for name in ("InstanceType", "BlockDeviceMappings", "MetadataOptions")
    }
    assert "KeyName" not in many
    assert "SecurityGroupIngress" not in queue_compute.one("AWS::EC2::SecurityGroup")


def test_an_instance_of_the_group_joins_when_ready_and_leaves_when_done(queue_compute: Template) -> None:
    """One that is never ready is replaced; one that never says goodbye goes after two minutes."""
    assert {
        one["LifecycleHookName"]: (one["LifecycleTransition"], one["DefaultResult"], one["HeartbeatTimeout"])
        for one in queue_compute.all("AWS::AutoScaling::LifecycleHook")
    } == {
        "launching": ("autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON", 900),
        "terminating": ("autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE", 120),
    }
    assert queue_compute.one("AWS::AutoScaling::WarmPool")["MinSize"] == 2


def test_new_code_reaches_the_group_one_by_one(queue_compute: Template) -> None:
    """None goes before another is ready, and the warm pool is renewed too: a rolling update would leave it as it is."""
    [group] = [one for one in queue_compute.resources.values() if one["Type"] == "AWS::AutoScaling::AutoScalingGroup"]
    assert group["UpdatePolicy"] == {
        "AutoScalingInstanceRefresh": {
            "Strategy": "Rolling",
            "Preferences": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "SkipMatching": True},
        },
        "AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True},
    }


def test_the_group_starts_nothing_before_there_is_a_way_out(queue_compute: Template) -> None:
    """An instance's first command is to install packages: the routes to the Internet, and its rights, come first."""
    [group] = [one for one in queue_compute.resources.values() if one["Type"] == "AWS::AutoScaling::AutoScalingGroup"]
    routes = {name for name, one in queue_compute.resources.items() if one["Type"] == "AWS::EC2::Route"}
    assert len(routes) == 2
    assert routes <= set(group["DependsOn"])


def test_in_mode_queue_there_is_no_command_to_send(queue_compute: Template) -> None:
    """But for that to train."""
    assert [one["Name"] for one in queue_compute.all("AWS::SSM::Document")] == [TRAIN_DOCUMENT]
    assert queue_compute.all("AWS::SSM::Parameter") == []
