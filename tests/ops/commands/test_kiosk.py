"""`nunchi kiosk add|list|remove` against AWS, as moto has it. In a local cloud: tests/end_to_end/test_kiosks.py."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from moto.iot.models import iot_backends
from typer.testing import CliRunner, Result

from contracts.private_folder import is_private
from fleet.errors import FleetError
from ops.aws import AwsError
from ops.commands.kiosk import add, remove
from ops.commands.kiosk import kiosk as group
from ops.exits import Exit

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

REGION = "eu-west-1"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
# What the command reads of the pipeline's stack.
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {
        "KioskPolicyName": {"Value": "kiosks"},
        "KioskRoleAliasName": {"Value": "nunchi-kiosk"},
        "ImagesBucket": {"Value": "photos"},
        "OrdersTable": {"Value": "orders"},
    },
}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IoTClient]:
    """An account with nothing deployed, in the region of an operator's nunchi.toml."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\nalarms.certificate_days = 300\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        yield boto3.client("iot", region_name=REGION)


@pytest.fixture
def deployed(aws: IoTClient) -> IoTClient:
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    cloudformation.create_stack(StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE))
    aws.create_policy(policyName="kiosks", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    return aws


def kiosk(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(group, arguments, input=answer)


class like:
    """Equal to every text of a form: moto draws a new endpoint each time."""

    def __init__(self, form: str) -> None:
        self._form = form

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self._form, other) is not None

    __hash__: None = None


def names(iot: IoTClient) -> list[str]:
    return [thing["thingName"] for thing in iot.list_things()["things"]]


def test_a_new_kiosk_is_told_where_aws_is(deployed: IoTClient, tmp_path: Path) -> None:
    told = kiosk("add", "shop1", "--json")
    assert told.exit_code == 0, told.output
    made = json.loads(told.stdout)
    folder = tmp_path / "shop1"
    assert made == {
        "kiosk": "shop1",
        "thing_arn": deployed.describe_thing(thingName="shop1")["thingArn"],
        "certificate_id": deployed.list_certificates()["certificates"][0]["certificateId"],
        "files": {
            "settings": str(folder / "shop1.json"),
            "cert": str(folder / "shop1.cert.pem"),
            "key": str(folder / "shop1.key.pem"),
            "ca": str(folder / "ca.pem"),
        },
    }
    assert "PRIVATE KEY" in (folder / "shop1.key.pem").read_text()
    settings = json.loads((folder / "shop1.json").read_text())
    cloud = ("mqtt_host", "mqtt_port", "credentials_url", "region", "s3_endpoint", "bucket", "upload_url", "elder_from")
    cloud += ("dynamodb_endpoint", "orders_table")
    assert {name: settings[name] for name in cloud} == {
        "mqtt_host": like(rf"\w+-ats\.iot\.{REGION}\.amazonaws\.com"),
        "mqtt_port": 8883,
        "credentials_url": like(
            rf"https://\w+\.credentials\.iot\.{REGION}\.amazonaws\.com/role-aliases/nunchi-kiosk/credentials"
        ),
        "region": REGION,
        "s3_endpoint": f"https://s3.{REGION}.amazonaws.com",
        "bucket": "photos",
        "upload_url": f"https://photos.s3.{REGION}.amazonaws.com/uploads/shop1/",
        "elder_from": 0.4,
        "dynamodb_endpoint": f"https://dynamodb.{REGION}.amazonaws.com",
        "orders_table": "orders",
    }


@pytest.mark.usefixtures("deployed")
def test_git_sees_no_key(tmp_path: Path) -> None:
    """In a folder of other files that can't be, and the person is warned."""
    assert ".gitignore" not in kiosk("add", "shop1").output
    assert is_private(tmp_path / "shop1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "main.py").touch()
    told = kiosk("add", "shop2", "--out", "mine").output
    assert "mine held other files before, so it got no .gitignore" in told
    assert "keep shop2.key.pem out of every commit" in told
    assert not is_private(tmp_path / "mine")


def test_people_are_told_what_was_made_and_what_to_do_next(deployed: IoTClient) -> None:
    told = kiosk("add", "shop1", "--out", "a b").output
    assert re.findall(r"a b/\S+", told) == ["a b/shop1.json", "a b/shop1.cert.pem", "a b/shop1.key.pem", "a b/ca.pem"]
    assert "Bring 'a b' to the device" in told
    assert names(deployed) == ["shop1"]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("add", "demo"), Exit.EXISTS, "kiosk demo exists; nothing was created"),
        (("add", "new", "--replace"), Exit.UNKNOWN, "there is no kiosk new; nothing was changed"),
        (("add", "i-0123456789abcdef0"), 2, "is reserved for workers"),
        (("add", "New"), 2, "not a kiosk id"),
        (("remove", "new", "--yes"), Exit.UNKNOWN, "there is no kiosk new; nothing was changed"),
    ],
)
def test_a_mistake_with_a_name_has_an_exit_status_and_makes_nothing(
    deployed: IoTClient, tmp_path: Path, arguments: tuple[str, ...], status: int, says: str
) -> None:
    kiosk("add", "demo", "--out", "demo-files")
    told = kiosk(*arguments)
    assert (told.exit_code, names(deployed)) == (status, ["demo"])
    assert says in " ".join(told.stderr.replace("│", " ").split())
    assert {path.name for path in tmp_path.iterdir()} == {"nunchi.toml", "demo-files"}
    assert len(deployed.list_certificates()["certificates"]) == 1


def test_replacing_writes_a_new_key_and_then_revokes_the_old_one(deployed: IoTClient, tmp_path: Path) -> None:
    first = json.loads(kiosk("add", "shop1", "--out", "first", "--json").stdout)
    second = json.loads(kiosk("add", "shop1", "--out", "second", "--replace", "--json").stdout)
    assert [one["certificateId"] for one in deployed.list_certificates()["certificates"]] == [second["certificate_id"]]
    assert first["certificate_id"] != second["certificate_id"]
    assert len({(tmp_path / folder / "shop1.key.pem").read_text() for folder in ("first", "second")}) == 2


def test_a_key_that_would_be_written_over_stays_and_so_does_its_certificate(deployed: IoTClient) -> None:
    """It may be the only copy, and in use."""
    made = json.loads(kiosk("add", "shop1", "--json").stdout)
    refused = kiosk("add", "shop1", "--replace")
    assert isinstance(refused.exception, FleetError)
    assert "would be overwritten; nothing was created" in str(refused.exception)
    assert [one["certificateId"] for one in deployed.list_certificates()["certificates"]] == [made["certificate_id"]]


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_that_cannot_be_written_makes_no_kiosk(deployed: IoTClient, tmp_path: Path, replace: bool) -> None:
    """And of one that there is takes no key away."""
    if replace:
        kiosk("add", "shop1")
    before = names(deployed), deployed.list_certificates()["certificates"]
    (tmp_path / "file").touch()
    refused = kiosk("add", "shop1", "--out", "file/in-the-way", *(["--replace"] if replace else []))
    assert isinstance(refused.exception, FleetError)
    assert "file/in-the-way can't be written" in str(refused.exception)
    assert (names(deployed), deployed.list_certificates()["certificates"]) == before


@pytest.mark.usefixtures("deployed")
def test_the_list_marks_certificates_that_are_older_than_the_operator_wants() -> None:
    """Of more than 300 days, as nunchi.toml says here. Programs get every figure, people a table and the way out."""
    ids = [json.loads(kiosk("add", name, "--json").stdout)["certificate_id"] for name in ("new", "old")]
    iot_backends["123456789012"][REGION].certificates[ids[1]].creation_date -= timedelta(days=301)
    rows = [json.loads(line) for line in kiosk("list", "--json").stdout.splitlines()]
    assert rows == [
        {"kiosk": name, "certificate_id": id_, "active": True, "created": like(TIME), "age_days": age, "old": age > 300}
        for name, id_, age in zip(("new", "old"), ids, (0, 301), strict=True)
    ]
    told = kiosk("list").output
    assert [line.split()[0] for line in told.splitlines()] == ["kiosk", "new", "old", "1"]
    assert told.endswith("1 older than 300 days; for a new key: nunchi kiosk add old --replace\n")
    later = [json.loads(line)["old"] for line in kiosk("list", "--json", "--older-than", "301").stdout.splitlines()]
    assert later == [False, False]


def test_an_empty_fleet_says_how_to_begin(deployed: IoTClient) -> None:
    assert kiosk("list").output == "There are no kiosks yet; add one: nunchi kiosk add NAME\n"
    assert (kiosk("list", "--json").output, names(deployed)) == ("", [])


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", ["shop1"]), ("", ["shop1"])], ids=repr)
def test_a_kiosk_is_removed_after_a_yes_only(deployed: IoTClient, answer: str, left: list[str]) -> None:
    """The last has nobody there to ask: a program says --yes."""
    kiosk("add", "shop1")
    told = kiosk("remove", "shop1", answer=answer)
    assert (told.exit_code, names(deployed)) == (1 if left else 0, left)


def test_a_program_removes_without_being_asked(deployed: IoTClient) -> None:
    kiosk("add", "shop1")
    told = kiosk("remove", "shop1", "--yes", "--json")
    assert (json.loads(told.stdout), names(deployed)) == ({"kiosk": "shop1", "removed": True}, [])


@pytest.mark.usefixtures("aws")
def test_an_account_without_the_pipeline_is_told_what_comes_first() -> None:
    refused = kiosk("add", "shop1")
    assert str(refused.exception).startswith(f"NunchiPipeline is not deployed in {REGION}; first: cdk deploy")


def test_what_aws_refuses_is_one_message_with_the_region(deployed: IoTClient) -> None:
    """And the way to the other cloud, which may have been meant."""
    deployed.delete_policy(policyName="kiosks")
    refused = kiosk("add", "shop1")
    assert isinstance(refused.exception, AwsError)
    assert re.fullmatch(rf"AWS, region {REGION}: .*AttachPolicy.* \(--local is for .*\)", str(refused.exception))
    assert names(deployed) == []


@pytest.mark.parametrize(
    ("command", "statuses"), [(add, {0, 1, 2, Exit.EXISTS, Exit.UNKNOWN}), (remove, {0, 1, Exit.UNKNOWN})]
)
def test_the_exit_statuses_are_documented(command: object, statuses: set[int]) -> None:
    documented = inspect.cleandoc(command.__doc__ or "").split("Exit status:")[1].split("Example:")[0]
    assert {int(number) for number in re.findall(r"\b\d\b", documented)} - {0} == statuses - {0}


@pytest.mark.parametrize("command", ["add", "list", "remove"])
def test_every_kiosk_command_shows_an_example_and_can_go_to_a_local_cloud(command: str) -> None:
    told = " ".join(kiosk(command, "--help").output.split())
    assert f"Example: nunchi kiosk {command} " in told
    assert all(option in told for option in ("--local", "--state", "--json"))
