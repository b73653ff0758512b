"""Retraining, as the state machine runs it: on the local cloud, with its own steps, and machines that end.

Each fault leads to the same four: the machine is gone, the execution ended as it should, people were told, and the
next retraining can begin. What the training itself does is stood in for; tests/retrain is about that.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from config.names import LAUNCH_TEMPLATE, TRAINING_STACK
from contracts.training import OUTCOME, PROGRESS, TrainingOutcome, Verdict, training_id, training_key
from local import worker_socket
from local.aws.deploy import outputs_now
from local.aws.training import TrainingMachine
from local.environment import ROOT
from local.record import Record
from local.state import StateDir
from tests.end_to_end.conftest import run_nunchi
from tests.end_to_end.training_stand_in import CHECKPOINT
from tests.shell.http_stand_ins import Metadata, serving
from tests.waiting import until

STAND_IN = str(ROOT / "tests" / "end_to_end" / "training_stand_in.py")
ANYHOW = {"least_new_labels": 0, "poll_s": 1}
ENDED_S = 120
ANYBODY_MAY_SEND = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}],
}


@dataclass
class Retraining:
    """A cloud that can retrain, and what people were told there."""

    record: Record
    machine: TrainingMachine
    state_machine: str
    told: str  # the URL of a queue that hears the topic
    executions: list[str] = field(default_factory=list)

    def behave(self, behaviour: str, *, python: str = sys.executable, **settings: str) -> None:
        """What the next trainings do."""
        program = [python, STAND_IN, *behaviour.split()]
        lines = [
            line for line in self.machine.settings.read_text().splitlines() if not line.startswith("NUNCHI_RETRAIN=")
        ]
        lines += [f"{name}={value}" for name, value in settings.items()]
        self.machine.settings.write_text(
            "\n".join([*lines, f"NUNCHI_RETRAIN={shlex.quote(shlex.join(program))}"]) + "\n"
        )

    def start(self, **asked: int) -> str:
        """An execution; its ARN."""
        states = self.record.client("stepfunctions")
        arn: str = states.start_execution(stateMachineArn=self.state_machine, input=json.dumps(ANYHOW | asked))[
            "executionArn"
        ]
        self.executions.append(arn)
        return arn

    def describe(self, arn: str) -> dict[str, Any]:
        told: dict[str, Any] = self.record.client("stepfunctions").describe_execution(executionArn=arn)
        return told

    def ended(self, arn: str) -> str:
        """Its status, once it has one."""
        until(lambda: self.describe(arn)["status"] != "RUNNING", within_s=ENDED_S, what="the end of the execution")
        return str(self.describe(arn)["status"])

    def machines(self) -> dict[str, str]:
        """Training machines that there ever were, and their states."""
        answer = self.record.client("ec2").describe_instances(
            Filters=[{"Name": "tag:nunchi:role", "Values": ["training"]}]
        )
        return {
            one["InstanceId"]: one["State"]["Name"]
            for reservation in answer["Reservations"]
            for one in reservation["Instances"]
        }

    def mails(self, *, at_least: int = 1) -> list[str]:
        """The subjects of what people were told since they were asked last, once there are as many."""
        found: list[str] = []

        def heard() -> bool:
            found.extend(self._heard())
            return len(found) >= at_least

        until(heard, within_s=60, what="a mail")
        return found

    def _heard(self) -> list[str]:
        sqs = self.record.client("sqs")
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=self.told, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.told, ReceiptHandle=message["ReceiptHandle"])
        self.texts = [one["Message"] for one in found]
        return [one["Subject"].split(" ", 2)[-1] for one in found]

    def outcome(self, arn: str) -> TrainingOutcome:
        answer = self.record.client("s3").get_object(
            Bucket=self.record.buckets["dataset"], Key=training_key(self._training(arn), OUTCOME)
        )
        with closing(answer["Body"]) as body:
            return TrainingOutcome.from_json(body.read())

    def progress(self, arn: str) -> bool:
        """Whether it gave a sign of life."""
        return self._stored(arn, PROGRESS)

    def checkpoint(self, arn: str) -> bool:
        """Whether it kept what it had when it was told to end."""
        return self._stored(arn, CHECKPOINT)

    def _stored(self, arn: str, name: str) -> bool:
        listed = self.record.client("s3").list_objects_v2(
            Bucket=self.record.buckets["dataset"], Prefix=training_key(self._training(arn), name)
        )
        return bool(listed["KeyCount"])

    def _training(self, arn: str) -> str:
        """As `nunchi train` names it, who must agree with the state machine."""
        told = self.describe(arn)
        return training_id(told["startDate"], told["name"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retraining]:
    state = tmp_path_factory.mktemp("cloud")
    file = tmp_path_factory.mktemp("operator") / "nunchi.toml"
    file.write_text("[inference]\nconfidence_gate = 0.9\nreview_share = 0.2\n")
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("NUNCHI_CONFIG", str(file))
            started = run_nunchi(state, "up", "--detach", "--training")
        assert started.returncode == 0, started.stderr
        record = StateDir(state).read()
        told = outputs_now(record.client("cloudformation"), TRAINING_STACK)
        sqs = record.client("sqs")
        url = sqs.create_queue(QueueName="people")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(ANYBODY_MAY_SEND)})
        record.client("sns").subscribe(TopicArn=told["TrainingTopicArn"], Protocol="sqs", Endpoint=arn)
        yield Retraining(record, TrainingMachine(StateDir(state).training), told["StateMachineArn"], url)
    finally:
        ended = run_nunchi(state, "down")
        assert ended.returncode == 0, ended.stderr


@pytest.fixture
def retraining(running: Retraining) -> Iterator[Retraining]:
    """Each test begins after nothing, and ends with every machine gone, and room for the next."""
    before = set(running.machines())
    settings = running.machine.settings.read_text()
    running.mails(at_least=0)
    yield running
    running.machine.settings.write_text(settings)
    until(lambda: _gone(running), within_s=ENDED_S, what="the end of every machine")
    states = running.record.client("stepfunctions")
    assert states.list_executions(stateMachineArn=running.state_machine, statusFilter="RUNNING")["executions"] == []
    assert before <= set(running.machines())


def _gone(running: Retraining) -> bool:
    return set(running.machines().values()) <= {"terminated", "shutting-down"}


def the_one(before: dict[str, str], after: dict[str, str]) -> str:
    [instance] = after.keys() - before.keys()
    return instance


def test_workers_and_trainings_decide_by_the_operators_file(running: Retraining) -> None:
    """As on AWS: `nunchi up` reads the nunchi.toml that a deployment would."""
    status, health = worker_socket.get(running.record.worker.socket, "/health")
    assert (status, json.loads(health)["thresholds"]) == (
        200,
        {"gate": 0.9, "unsure_below": 0.5, "review_share": 0.2},
    )
    assert "NUNCHI_GATE=0.9" in running.machine.settings.read_text().splitlines()


def test_a_retraining_that_was_decided_leaves_no_machine_and_tells_people(retraining: Retraining) -> None:
    before = retraining.machines()
    retraining.behave("promoted")
    arn = retraining.start()
    assert retraining.ended(arn) == "SUCCEEDED"
    assert retraining.machines()[the_one(before, retraining.machines())] == "terminated"
    outcome = retraining.outcome(arn)
    assert (outcome.verdict, outcome.rule) == ("promoted", "better")
    assert outcome.reason == "It stood in, asked for 0 new people."
    assert retraining.mails() == [f"{outcome.training}: promoted"]
    assert (
        f"Report: s3://{retraining.record.buckets['weights']}/runs/{outcome.training}/report.html"
        in retraining.texts[0]
    )
    assert "nunchi weights rollback undoes it" in retraining.texts[0]


def test_too_few_labels_start_no_machine(retraining: Retraining) -> None:
    before = retraining.machines()
    arn = retraining.start(least_new_labels=500)
    assert retraining.ended(arn) == "SUCCEEDED"
    assert retraining.machines() == before
    outcome = retraining.outcome(arn)
    assert (outcome.verdict, outcome.rule) == ("skipped", "too_few_labels")
    assert retraining.mails() == [f"{outcome.training}: skipped"]


@pytest.mark.parametrize(
    ("verdict", "rule"),
    [
        (Verdict.SKIPPED, "class_missing"),
        (Verdict.KEPT, "not_better"),
        (Verdict.KEPT, "group_behind"),
        (Verdict.KEPT, "pointer_moved"),
        (Verdict.FAILED, "disk_full"),
    ],
)
def test_whatever_a_training_comes_to_its_machine_goes_and_nothing_else_serves(
    retraining: Retraining, verdict: Verdict, rule: str
) -> None:
    """How it comes to that, tests/retrain says; here the machine goes, people are told, and the pointer stays."""
    before = retraining.machines()
    retraining.behave(f"decided {verdict} {rule}")
    arn = retraining.start()
    assert retraining.ended(arn) == ("FAILED" if verdict is Verdict.FAILED else "SUCCEEDED")
    assert retraining.machines()[the_one(before, retraining.machines())] == "terminated"
    outcome = retraining.outcome(arn)
    assert (outcome.verdict, outcome.rule) == (verdict, rule)
    assert retraining.mails() == [f"{outcome.training}: {verdict}"]
    assert f"Rule: {rule}\nReason: It stood in" in retraining.texts[0]
    weights = retraining.record.client("s3").list_objects_v2(Bucket=retraining.record.buckets["weights"])
    assert weights["KeyCount"] == 0


def test_a_machine_that_can_not_be_started_is_told_and_nothing_is_left(retraining: Retraining) -> None:
    """Its launch template is not there; it comes back, and the next one begins."""
    ec2, before = retraining.record.client("ec2"), retraining.machines()
    [template] = ec2.describe_launch_template_versions(LaunchTemplateName=LAUNCH_TEMPLATE)["LaunchTemplateVersions"]
    ec2.delete_launch_template(LaunchTemplateName=LAUNCH_TEMPLATE)
    try:
        arn = retraining.start()
        assert retraining.ended(arn) == "FAILED"
    finally:
        ec2.create_launch_template(
            LaunchTemplateName=LAUNCH_TEMPLATE, LaunchTemplateData=template["LaunchTemplateData"]
        )
    assert retraining.machines() == before
    outcome = retraining.outcome(arn)
    assert (outcome.verdict, outcome.rule) == ("failed", "step_broken")
    assert "InvalidLaunchTemplateName.NotFoundException" in outcome.reason
    assert retraining.mails() == [f"{outcome.training}: failed"]


def test_a_machine_that_run_command_never_reaches_is_stopped(retraining: Retraining) -> None:
    retraining.behave("promoted")
    before = retraining.machines()
    arn = retraining.start(online_s=2, poll_s=5)  # the first look is after the muting

    def muted() -> bool:
        new = retraining.machines().keys() - before.keys()
        if new:
            retraining.record.client("ec2").create_tags(
                Resources=list(new), Tags=[{"Key": "nunchi:agent", "Value": "off"}]
            )
        return bool(new)

    until(muted, within_s=60, what="a machine")
    assert retraining.ended(arn) == "FAILED"
    assert retraining.outcome(arn).rule == "never_online"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: failed"]


def test_a_training_that_crashes_is_told_with_its_last_words(retraining: Retraining) -> None:
    retraining.behave("crashed")
    arn = retraining.start()
    assert retraining.ended(arn) == "FAILED"
    outcome = retraining.outcome(arn)
    assert (outcome.verdict, outcome.rule) == ("failed", "crashed")
    assert outcome.reason.startswith("The training ended with status 1 (Failed)")
    assert outcome.reason.endswith("no space left on device")
    assert retraining.mails() == [f"{outcome.training}: failed"]


def test_a_training_that_says_itself_why_it_failed_is_believed(retraining: Retraining) -> None:
    retraining.behave("said_so")
    arn = retraining.start()
    assert retraining.ended(arn) == "FAILED"
    assert retraining.outcome(arn).rule == "build_broke"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: failed"]


def test_a_program_that_is_not_there_fails_its_command(retraining: Retraining) -> None:
    retraining.behave("promoted", python="/nowhere/python")
    arn = retraining.start()
    assert retraining.ended(arn) == "FAILED"
    assert retraining.outcome(arn).rule == "crashed"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: failed"]


def test_a_training_without_a_sign_of_life_is_ended(retraining: Retraining) -> None:
    retraining.behave("silent")
    arn = retraining.start(heartbeat_s=2)
    assert retraining.ended(arn) == "FAILED"
    assert retraining.outcome(arn).rule == "heartbeat_lost"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: failed"]


def test_a_training_that_takes_too_long_is_ended_though_it_is_alive(retraining: Retraining) -> None:
    retraining.behave("endless")
    arn = retraining.start(limit_s=3)
    assert retraining.ended(arn) == "FAILED"
    assert retraining.outcome(arn).rule == "too_long"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: failed"]


def test_a_spot_notice_costs_a_machine_and_not_the_training(retraining: Retraining) -> None:
    """The second machine goes on from the checkpoint of the first, under the same id."""
    before = retraining.machines()
    metadata = Metadata({})
    with serving(metadata):
        retraining.behave("resumed", NUNCHI_IMDS=metadata.url)
        arn = retraining.start()
        until(lambda: retraining.progress(arn), within_s=60, what="a sign of life")
        metadata.entries["spot/instance-action"] = '{"action": "terminate"}'
        until(lambda: retraining.checkpoint(arn), within_s=60, what="a checkpoint")
        metadata.entries.clear()  # the notice was for the first
        assert retraining.ended(arn) == "SUCCEEDED"
    assert len(retraining.machines().keys() - before.keys()) == 2
    assert retraining.outcome(arn).rule == "not_better"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: kept"]


def test_a_machine_that_is_taken_without_notice_is_followed_by_another_but_not_for_ever(retraining: Retraining) -> None:
    """Three attempts, the last of them on demand: when that is taken too, it is over."""
    ec2, before = retraining.record.client("ec2"), set(retraining.machines())
    retraining.behave("silent")
    arn = retraining.start()

    def taken() -> bool:
        alive = [one for one, state in retraining.machines().items() if state == "running"]
        if alive:
            ec2.terminate_instances(InstanceIds=alive)
        return bool(retraining.describe(arn)["status"] != "RUNNING")

    until(taken, within_s=ENDED_S, what="the end of all attempts")
    assert retraining.describe(arn)["status"] == "FAILED"
    lives = [
        one.get("InstanceLifecycle", "on demand")
        for reservation in ec2.describe_instances(Filters=[{"Name": "tag:nunchi:role", "Values": ["training"]}])[
            "Reservations"
        ]
        for one in reservation["Instances"]
        if one["InstanceId"] not in before
    ]
    assert sorted(lives) == ["on demand", "spot", "spot"]
    assert retraining.outcome(arn).rule == "machine_lost"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: failed"]


def test_a_stopping_that_fails_is_tried_until_the_machine_goes(retraining: Retraining) -> None:
    """AWS refuses it at first: here the machine is protected for a while."""
    ec2, before = retraining.record.client("ec2"), retraining.machines()
    states = retraining.record.client("stepfunctions")
    retraining.behave("silent")
    arn = retraining.start(heartbeat_s=3)
    until(lambda: len(retraining.machines()) > len(before), within_s=60, what="a machine")
    machine = the_one(before, retraining.machines())
    ec2.modify_instance_attribute(InstanceId=machine, DisableApiTermination={"Value": True})

    def refused() -> bool:
        return "OperationNotPermitted" in str(states.get_execution_history(executionArn=arn, maxResults=1000))

    until(refused, within_s=ENDED_S, what="a stopping that is refused")
    assert retraining.machines()[machine] == "running"
    ec2.modify_instance_attribute(InstanceId=machine, DisableApiTermination={"Value": False})
    assert retraining.ended(arn) == "FAILED"
    assert retraining.machines()[machine] == "terminated"
    assert retraining.outcome(arn).rule == "heartbeat_lost"
    assert retraining.mails() == [f"{retraining.outcome(arn).training}: failed"]


def test_of_two_retrainings_at_once_the_elder_goes_on(retraining: Retraining) -> None:
    before = retraining.machines()
    retraining.behave("silent")
    elder = retraining.start()
    until(lambda: len(retraining.machines()) > len(before), within_s=60, what="a machine")
    younger = retraining.start()
    assert retraining.ended(younger) == "SUCCEEDED"
    assert (retraining.outcome(younger).verdict, retraining.outcome(younger).rule) == ("skipped", "another_runs")
    assert retraining.describe(elder)["status"] == "RUNNING"
    assert len(retraining.machines()) == len(before) + 1
    retraining.record.client("stepfunctions").stop_execution(executionArn=elder)


def test_an_execution_that_a_person_aborts_leaves_no_machine(retraining: Retraining) -> None:
    """None of its own steps runs any more: EventBridge asks the sweep."""
    before = retraining.machines()
    retraining.behave("silent")
    arn = retraining.start()
    until(lambda: len(retraining.machines()) > len(before), within_s=60, what="a machine")
    retraining.record.client("stepfunctions").stop_execution(executionArn=arn)
    assert retraining.ended(arn) == "ABORTED"
    until(lambda: _gone(retraining), within_s=60, what="the end of the machine")
