"""`nunchi doctor`: what each finding says, and what it tells to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from contracts.messages import WorkerState
from ops.doctor import checks
from ops.doctor.examination import Check, Result, State, attention, ill
from tests.ops.doctor.deployments import (
    NOON,
    OLD,
    TOPIC,
    URL,
    Answer,
    dated,
    deployment,
    depth,
    instances,
    refused,
    stack,
    status,
)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (checks.clock, "right"),
        (checks.credentials, "account 111122223333, user/mina"),
        (checks.region, "ap-northeast-2"),
        (checks.stacks, "NunchiPipeline, NunchiTraining, NunchiCompute, NunchiHealth deployed"),
        (checks.compute, "i-1 running, as it should be"),
        (checks.agent, "i-1 online"),
        (checks.worker, "i-1 ready"),
        (checks.model, "fake 1 (000000000000)"),
        (checks.queue, "0 waiting, 0 in flight"),
        (checks.dead_letters, "none, in 2 queues"),
        (checks.certificate_ages, "1 in use, the oldest 41 days old"),
        (checks.alarms, "1, none fires"),
        (checks.schedules, "2 enabled; the next start is Tue 24 Nov 07:50 Asia/Seoul"),
        (checks.mail, "shop@example.com is subscribed"),
    ],
)
def test_what_is_well_is_said_in_a_line(check: Check, text: str) -> None:
    found = check(deployment())
    assert (found.state, found.text, found.remedy) == (State.WELL, text, "")


RECEIVE = "aws sqs receive-message --max-number-of-messages 10 --queue-url "


@pytest.mark.parametrize(
    ("check", "changed", "expected"),
    [
        (
            checks.clock,
            {"get_caller_identity": {"ResponseMetadata": dated(NOON - timedelta(seconds=95))}},
            ill("this machine is 95 s ahead of AWS", "sudo timedatectl set-ntp true"),
        ),
        (
            # A clock that is off by five minutes: AWS refuses the signature, and its refusal has a date.
            checks.clock,
            {
                "get_caller_identity": ClientError(
                    {
                        "Error": {"Code": "SignatureDoesNotMatch", "Message": ""},
                        "ResponseMetadata": dated(NOON + timedelta(minutes=6)),
                    },
                    "GetCallerIdentity",
                )
            },
            ill("this machine is 360 s behind AWS", "sudo timedatectl set-ntp true"),
        ),
        (
            checks.stacks,
            {"describe_stacks": refused("DescribeStacks", "ValidationError", "Stack NunchiPipeline does not exist")},
            ill(
                "NunchiPipeline not deployed, NunchiTraining not deployed, NunchiCompute not deployed, "
                "NunchiHealth not deployed",
                "cdk deploy --all",
            ),
        ),
        (
            checks.stacks,
            {"describe_stacks": lambda StackName: stack(StackName, "UPDATE_ROLLBACK_COMPLETE")},
            attention(
                "the last update was rolled back: NunchiPipeline UPDATE_ROLLBACK_COMPLETE, "
                "NunchiTraining UPDATE_ROLLBACK_COMPLETE, "
                "NunchiCompute UPDATE_ROLLBACK_COMPLETE, NunchiHealth UPDATE_ROLLBACK_COMPLETE",
                "cdk deploy --all",
            ),
        ),
        (
            checks.compute,
            {"describe_instances": instances(i_1="stopped")},
            ill("i-1 stopped; 1 should run now", "aws ec2 start-instances --instance-ids i-1"),
        ),
        (
            checks.compute,
            {"describe_instances": instances()},
            ill("no instance; 1 should run now", "cdk deploy NunchiCompute"),
        ),
        (
            # The stack's parameter was not written, and dispatch sends to an instance that is gone.
            checks.compute,
            {"get_parameter": {"Parameter": {"Value": "i-0"}}},
            ill("i-1 running, but photos are sent to i-0", "cdk deploy NunchiCompute"),
        ),
        (
            checks.agent,
            {"describe_instance_information": {"InstanceInformationList": []}},
            ill(
                "Systems Manager does not reach i-1; after a start it takes two minutes",
                "aws ec2 reboot-instances --instance-ids i-1",
            ),
        ),
        (
            checks.worker,
            {"get_retained_message": status(WorkerState.OFFLINE)},
            ill("i-1 offline", "aws logs tail /nunchi/worker --since 30m"),
        ),
        (
            checks.worker,
            {"get_retained_message": refused("GetRetainedMessage", "ResourceNotFoundException")},
            ill("i-1 never published a status", "aws logs tail /nunchi/worker --since 30m"),
        ),
        (
            checks.queue,
            {
                "get_queue_attributes": depth(7, 3),
                "get_metric_statistics": {
                    "Datapoints": [
                        {"Timestamp": NOON, "Maximum": 240.0},
                        {"Timestamp": NOON - timedelta(minutes=1), "Maximum": 5.0},
                    ]
                },
            },
            ill(
                "7 waiting, 3 in flight, the oldest for 240 s",
                "aws lambda get-function-concurrency --function-name dispatch",
            ),
        ),
        (
            checks.dead_letters,
            {
                "get_queue_attributes": lambda QueueUrl, AttributeNames: depth(  # noqa: ARG005
                    2 if "Watch" in QueueUrl else 0
                )
            },
            ill("2 in NunchiHealth-WatchDead", f"{RECEIVE}{URL}NunchiHealth-WatchDead"),
        ),
        (
            checks.certificate_ages,
            {"list_certificates": {"certificates": [OLD]}},
            attention("1 in use, the oldest 400 days old; renew after 365", "nunchi kiosk list"),
        ),
        (
            checks.certificate_ages,
            {"list_certificates": {"certificates": []}},
            attention("none: no kiosk can connect", "nunchi kiosk add NAME"),
        ),
        (
            checks.alarms,
            {
                "describe_alarms": {
                    "MetricAlarms": [
                        {
                            "AlarmName": "nunchi-disk-full",
                            "StateValue": "ALARM",
                            "AlarmDescription": "It is full. First: du -xh /",
                        },
                        {
                            "AlarmName": "nunchi-worker-not-ready",
                            "StateValue": "ALARM",
                            "AlarmDescription": "It is not. First: nunchi doctor",
                        },
                        {"AlarmName": "nunchi-labels-slow", "StateValue": "OK"},
                    ]
                }
            },
            ill("nunchi-disk-full, nunchi-worker-not-ready", "du -xh /"),
        ),
        (
            checks.alarms,
            {"describe_alarms": {"MetricAlarms": []}},
            attention("none: failures are not reported", "cdk deploy NunchiHealth"),
        ),
        (
            checks.schedules,
            {"list_schedules": {"Schedules": [{"Name": "NunchiCompute-Start", "State": "DISABLED"}]}},
            ill("disabled: NunchiCompute-Start", "cdk deploy --all, or the console"),
        ),
        (
            checks.schedules,
            {"list_schedules": {"Schedules": [{"Name": "NunchiHealth-Watch", "State": "ENABLED"}]}},
            ill("no schedule starts an instance", "cdk deploy NunchiCompute"),
        ),
        (
            checks.mail,
            {
                "list_subscriptions_by_topic": {
                    "Subscriptions": [{"SubscriptionArn": "PendingConfirmation", "Endpoint": "shop@example.com"}]
                }
            },
            ill(
                "shop@example.com has not confirmed: open the link in AWS's mail, or send a new one",
                f"aws sns subscribe --topic-arn {TOPIC} --protocol email --notification-endpoint shop@example.com",
            ),
        ),
        (
            checks.mail,
            {"list_subscriptions_by_topic": {"Subscriptions": []}},
            ill("shop@example.com is not subscribed", "cdk deploy NunchiHealth"),
        ),
    ],
)
def test_what_is_not_well_comes_with_a_remedy(check: Check, changed: dict[str, Answer], expected: Result) -> None:
    assert check(deployment(changed)) == expected
