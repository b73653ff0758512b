"""Machines of a retraining: started once, stopped on every path, swept when nobody else did it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from contracts.errors import InvalidMessage, SettingsError
from contracts.settings import environment_of, load
from lambdas.train_reap import OrphanFound, Reap, ReapSettings, orphans
from lambdas.train_start import AccountRefused, CapacityUnavailable, Start, StartSettings, requests
from lambdas.train_stop import InstanceStillRunning, Stop, after

SETTINGS = StartSettings(launch_template="NunchiTraining", spot=True, role_tag="nunchi:role=training")
STATE: dict[str, Any] = {"training": "20261122t030405z-yolov5n", "execution": "me", "attempt": 1, "attempts": 3}
NEWER = "ami-1e749f67"
EXECUTIONS = "arn:aws:states:us-east-1:123456789012:execution:nunchi-training"


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        ec2 = boto3.client("ec2")
        ec2.create_launch_template(
            LaunchTemplateName="NunchiTraining",
            LaunchTemplateData={
                "ImageId": "ami-12c6146b",
                "TagSpecifications": [
                    {"ResourceType": "instance", "Tags": [{"Key": "nunchi:role", "Value": "training"}]}
                ],
            },
        )
        yield ec2


class Full:
    """EC2 that has no room for the first so many requests; it remembers what it was asked for."""

    def __init__(
        self,
        ec2: Any,
        *,
        times: int,
        code: str = "InsufficientInstanceCapacity",
        then: str | None = None,  # on demand
        text: str = "none",
    ) -> None:
        self._ec2, self._times, self._text = ec2, times, text
        self._codes = {"spot": code, "on-demand": then or code}
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ec2, name)

    def run_instances(self, **asked: Any) -> Any:
        market = "spot" if "InstanceMarketOptions" in asked else "on-demand"
        self.asked.append((market, asked["ClientToken"]))
        if len(self.asked) <= self._times:
            raise ClientError({"Error": {"Code": self._codes[market], "Message": self._text}}, "RunInstances")
        return self._ec2.run_instances(**asked)


def states_of(ec2: Any) -> dict[str, str]:
    pages = ec2.describe_instances()["Reservations"]
    return {one["InstanceId"]: one["State"]["Name"] for page in pages for one in page["Instances"]}


def test_a_machine_is_spot_and_says_what_it_is_for(ec2: Any) -> None:
    state = Start(ec2=ec2, settings=SETTINGS)(STATE, None)
    assert {**state, "instance": "i"} == {
        **STATE,
        "instance": "i",
        "market": "spot",
        "started_at": None,
        "command": None,
    }
    [one] = ec2.describe_instances(InstanceIds=[state["instance"]])["Reservations"][0]["Instances"]
    assert {tag["Key"]: tag["Value"] for tag in one["Tags"] if tag["Key"].startswith("nunchi:")} == {
        "nunchi:role": "training",
        "nunchi:training": STATE["training"],
        "nunchi:attempt": "1",
        "nunchi:execution": "me",
    }


def test_a_machine_is_of_the_templates_newest_version_and_tagged_for_training_by_the_request_too(ec2: Any) -> None:
    """CloudFormation leaves the default at the first; and only by its tag a machine can be commanded and ended."""
    ec2.create_launch_template_version(LaunchTemplateName="NunchiTraining", LaunchTemplateData={"ImageId": NEWER})
    state = Start(ec2=ec2, settings=SETTINGS)(STATE, None)
    [one] = ec2.describe_instances(InstanceIds=[state["instance"]])["Reservations"][0]["Instances"]
    assert one["ImageId"] == NEWER
    assert {"Key": "nunchi:role", "Value": "training"} in one["Tags"]


def test_asked_again_it_is_the_same_machine(ec2: Any) -> None:
    """The answer to the first request may have been lost."""
    start = Start(ec2=ec2, settings=SETTINGS)
    assert start(STATE, None) == start(STATE, None)
    assert len(states_of(ec2)) == 1
    assert start({**STATE, "attempt": 2}, None)["instance"] not in start(STATE, None)["instance"]


def test_without_spot_capacity_it_is_on_demand(ec2: Any) -> None:
    full = Full(ec2, times=1)
    assert Start(ec2=full, settings=SETTINGS)(STATE, None)["market"] == "on-demand"
    assert full.asked == [
        ("spot", "20261122t030405z-yolov5n-1-spot-0"),
        ("on-demand", "20261122t030405z-yolov5n-1-on-demand-0"),
    ]


def test_without_any_capacity_the_state_machine_hears_of_it(ec2: Any) -> None:
    with pytest.raises(
        CapacityUnavailable, match=r"spot in the default subnet: InsufficientInstanceCapacity; on-demand in"
    ):
        Start(ec2=Full(ec2, times=9), settings=SETTINGS)(STATE, None)


def test_an_account_that_may_have_no_spot_machine_gets_one_on_demand(ec2: Any) -> None:
    full = Full(ec2, times=1, code="AuthFailure.ServiceLinkedRoleCreationNotPermitted")
    assert Start(ec2=full, settings=SETTINGS)(STATE, None)["market"] == "on-demand"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("VcpuLimitExceeded", "request more in Service Quotas, EC2; nunchi preflight has the command"),
        ("PendingVerification", "AWS still verifies this new account for the region"),
    ],
)
def test_what_no_waiting_mends_is_not_tried_for_two_hours_and_people_hear_what_to_do(
    ec2: Any, code: str, remedy: str
) -> None:
    with pytest.raises(AccountRefused, match=rf"{code}\. Remedy: .*{remedy}"):
        Start(ec2=Full(ec2, times=9, code=code), settings=SETTINGS)(STATE, None)


def test_the_free_plans_refusal_is_told_from_other_invalid_parameters(ec2: Any) -> None:
    """Both have the code InvalidParameterCombination; only the message differs."""
    text = "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run …"
    with pytest.raises(AccountRefused, match=r"free plan.* upgrade the plan"):
        Start(ec2=Full(ec2, times=9, code="InvalidParameterCombination", text=text), settings=SETTINGS)(STATE, None)
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        Start(ec2=Full(ec2, times=9, code="InvalidParameterCombination"), settings=SETTINGS)(STATE, None)


def test_a_quota_of_spot_alone_is_waited_for_on_demand_and_told(ec2: Any) -> None:
    mixed = Full(ec2, times=9, code="MaxSpotInstanceCountExceeded", then="InsufficientInstanceCapacity")
    with pytest.raises(CapacityUnavailable, match=r"InsufficientInstanceCapacity\. Remedy: a quota"):
        Start(ec2=mixed, settings=SETTINGS)(STATE, None)


def test_what_is_no_want_of_room_is_not_tried_elsewhere(ec2: Any) -> None:
    full = Full(ec2, times=9, code="UnauthorizedOperation")
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        Start(ec2=full, settings=SETTINGS)(STATE, None)
    assert len(full.asked) == 1


def test_each_subnet_is_tried_and_the_last_attempt_is_no_gamble() -> None:
    asked = list(requests("t", 1, 3, spot=True, subnets=["a", "b"]))
    assert [(one.market, one.subnet) for one in asked] == [
        ("spot", "a"),
        ("spot", "b"),
        ("on-demand", "a"),
        ("on-demand", "b"),
    ]
    assert len({one.token for one in asked}) == 4
    assert {one.market for one in requests("t", 3, 3, spot=True, subnets=[])} == {"on-demand"}
    assert {one.market for one in requests("t", 1, 3, spot=False, subnets=[])} == {"on-demand"}
    assert all(len(one.token) <= 64 for one in requests("t" * 64, 5, 5, spot=True, subnets=["a"] * 6))


def test_subnets_are_those_that_are_tagged_for_training(ec2: Any) -> None:
    [subnet, *_] = ec2.describe_subnets()["Subnets"]
    ec2.create_tags(Resources=[subnet["SubnetId"]], Tags=[{"Key": "nunchi:role", "Value": "training"}])
    state = Start(ec2=ec2, settings=SETTINGS)(STATE, None)
    [one] = ec2.describe_instances(InstanceIds=[state["instance"]])["Reservations"][0]["Instances"]
    assert one["SubnetId"] == subnet["SubnetId"]


def test_the_settings_survive_the_environment() -> None:
    assert load(StartSettings, environment_of(SETTINGS)) == SETTINGS
    with pytest.raises(SettingsError, match="maybe is neither true nor false"):
        load(StartSettings, {**environment_of(SETTINGS), "NUNCHI_SPOT": "maybe"})


def test_stopping_ends_the_machine_whether_its_name_is_known_or_not(ec2: Any) -> None:
    """A step that broke may have started one and not said so. Twice is as good as once."""
    started = Start(ec2=ec2, settings=SETTINGS)(STATE, None)
    other = Start(ec2=ec2, settings=SETTINGS)({**STATE, "training": "20261122t030406z-yolov5n"}, None)
    for state in (STATE, {**started, "next": "done"}):
        stopped = Stop(ec2=ec2)(state, None)
        assert stopped["next"] == "notify"
        assert states_of(ec2) == {started["instance"]: "terminated", other["instance"]: "running"}


def test_a_machine_that_is_not_seen_to_go_is_asked_again(ec2: Any) -> None:
    Start(ec2=ec2, settings=SETTINGS)(STATE, None)

    class Stubborn:
        def __getattr__(self, name: str) -> Any:
            return getattr(ec2, name)

        def terminate_instances(self, **_: Any) -> None:
            """Says yes, and does nothing."""

    with pytest.raises(InstanceStillRunning, match="was terminated, and still runs"):
        Stop(ec2=Stubborn())(STATE, None)
    assert Stop(ec2=ec2)(STATE, None)["next"] == "notify"


def test_without_a_machine_there_is_nothing_to_stop(ec2: Any) -> None:
    assert Stop(ec2=ec2)({**STATE, "instance": "i-0123456789abcdef0", "next": "done"}, None)["next"] == "notify"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"next": "done"}, {"next": "notify"}),
        ({"next": "interrupted"}, {"next": "start", "attempt": 2}),
        (
            {"next": "interrupted", "attempt": 3, "reason": "Gone."},
            {
                "next": "notify",
                "verdict": "failed",
                "rule": "interrupted_too_often",
                "reason": "Gone. That was the last of 3 attempts.",
            },
        ),
        ({"next": "failed", "rule": "crashed"}, {"next": "notify", "verdict": "failed", "rule": "crashed"}),
        (
            {"next": "wait", "error": {"Error": "ClientError", "Cause": "no"}},
            {
                "next": "notify",
                "verdict": "failed",
                "rule": "step_broken",
                "reason": "A step of the retraining failed: ClientError: no",
            },
        ),
        (
            {
                "error": {
                    "Error": "CapacityUnavailable",
                    "Cause": '{"errorMessage": "none to give", "stackTrace": ["x"]}',
                }
            },
            {"next": "notify", "reason": "A step of the retraining failed: CapacityUnavailable: none to give"},
        ),
    ],
)
def test_what_follows_a_stopping(state: dict[str, Any], expected: dict[str, Any]) -> None:
    whole = {**STATE, "instance": "i", "market": "spot", "command": "c", **state}
    told = after(whole)
    assert {name: told[name] for name in expected} == expected
    assert not told.keys() & {"instance", "market", "command"}


class States:
    """Step Functions, which knows one execution that runs."""

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:
        if executionArn == f"{EXECUTIONS}:me":
            return {"status": "RUNNING"}
        if executionArn == f"{EXECUTIONS}:over":
            return {"status": "ABORTED"}
        raise ClientError({"Error": {"Code": "ExecutionDoesNotExist", "Message": ""}}, "DescribeExecution")


def sweep(ec2: Any) -> Reap:
    settings = ReapSettings(executions=EXECUTIONS, role_tag="nunchi:role=training")
    clients = {"ec2": ec2, "stepfunctions": States()}
    return Reap(client=clients.__getitem__, settings=settings)


def test_the_sweep_ends_machines_whose_execution_is_over_and_no_other(
    ec2: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    start = Start(ec2=ec2, settings=SETTINGS)
    ours, over, unknown = (
        start({**STATE, "execution": name, "training": f"t-{name}"}, None)["instance"]
        for name in ("me", "over", "unknown")
    )
    [worker] = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"]
    assert sweep(ec2)({"sweep": "ended"}, None) == {"stopped": sorted([over, unknown])}
    assert states_of(ec2) == {
        ours: "running",
        over: "terminated",
        unknown: "terminated",
        worker["InstanceId"]: "running",
    }
    assert '"strays"' in capsys.readouterr().out


def test_a_stray_of_the_hourly_look_fails_the_function_once(ec2: Any) -> None:
    """Its alarm tells people; the machine is gone by then."""
    Start(ec2=ec2, settings=SETTINGS)({**STATE, "execution": "over"}, None)
    with pytest.raises(OrphanFound, match="ran without a retraining, and was terminated"):
        sweep(ec2)({"sweep": "hourly"}, None)
    assert sweep(ec2)({"sweep": "hourly"}, None) == {"stopped": []}


def test_a_machine_that_belongs_to_nobody_is_a_stray() -> None:
    assert orphans([("i-2", None), ("i-1", "over"), ("i-3", "me")], lambda name: name == "me") == ["i-1", "i-2"]


def test_the_sweep_refuses_what_it_does_not_know(ec2: Any) -> None:
    with pytest.raises(InvalidMessage, match="sweep None is unknown, nothing was stopped"):
        sweep(ec2)({}, None)
