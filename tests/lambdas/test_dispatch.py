"""Sending: what SQS is told when SSM takes a command, refuses it, or does not answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import ANY, Stubber
from moto import mock_aws

from config.documents import infer_document
from contracts.errors import SettingsError
from contracts.instants import from_text
from contracts.names import Reference
from lambdas import dispatch
from lambdas.dispatch import Dispatcher, DispatchSettings
from tests.lambdas.events import TEST_EVENT, announcing, batch, upload_of

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

AT = from_text("2026-11-22T05:11:40.123Z")
PHOTO = Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")
SETTINGS = DispatchSettings(instance_parameter="/nunchi/inference-instance", document="Nunchi-Infer")
ONE_PHOTO = {"Records": batch([announcing(upload_of(PHOTO, AT))])}
ALL_DONE: dict[str, Any] = {"batchItemFailures": []}
GIVE_AGAIN = {"batchItemFailures": [{"itemIdentifier": "m0"}]}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda's runtime provides."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_SSM", raising=False)


@pytest.fixture
def ssm(environment: None) -> Iterator[SSMClient]:  # noqa: ARG001
    """SSM as moto plays it: with our document and one instance."""
    with mock_aws():
        client = boto3.client("ssm")
        client.create_document(
            Name=SETTINGS.document,
            Content=json.dumps(infer_document()),
            DocumentType="Command",
            DocumentFormat="JSON",
        )
        yield client


class Scripted:
    """A real SSM client whose answers were written before, in order; each request is held against its script."""

    def __init__(self) -> None:
        self.client: SSMClient = boto3.client("ssm")
        self.stubber = Stubber(self.client)
        self.stubber.activate()

    def parameter(self, value: str) -> None:
        self.stubber.add_response(
            "get_parameter", {"Parameter": {"Value": value}}, {"Name": SETTINGS.instance_parameter}
        )

    def parameter_fails(self, code: str) -> None:
        self.stubber.add_client_error("get_parameter", code)

    def sent_to(self, instance_id: str) -> None:
        self.stubber.add_response("send_command", {"Command": {"CommandId": "c" * 36}}, self._request(instance_id))

    def sending_fails(self, code: str, instance_id: str = "i-1", status: int = 400) -> None:
        self.stubber.add_client_error(
            "send_command", code, http_status_code=status, expected_params=self._request(instance_id)
        )

    def _request(self, instance_id: str) -> dict[str, Any]:
        return {
            "InstanceIds": [instance_id],
            "DocumentName": "Nunchi-Infer",
            "Parameters": {"Tickets": ["demo/01jd8v2k5e9m3x7q4r6t0w1y2z@1795324300123"]},
            "TimeoutSeconds": 30,
            "Comment": ANY,
        }


@pytest.fixture
def script(environment: None) -> Iterator[Scripted]:  # noqa: ARG001
    scripted = Scripted()
    yield scripted
    scripted.stubber.assert_no_pending_responses()


def outcomes(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_photo_becomes_a_run_command_to_the_instance_of_the_parameter(ssm: SSMClient) -> None:
    """The whole command, as SSM has it afterwards."""
    instances = boto3.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"]
    instance_id = instances[0]["InstanceId"]
    ssm.put_parameter(Name=SETTINGS.instance_parameter, Value=instance_id, Type="String")
    assert Dispatcher(ssm=ssm, settings=SETTINGS)(ONE_PHOTO, None) == ALL_DONE
    [command] = ssm.list_commands()["Commands"]
    assert {name: command.get(name) for name in ("DocumentName", "InstanceIds", "Parameters", "Comment")} == {
        "DocumentName": "Nunchi-Infer",
        "InstanceIds": [instance_id],
        "Parameters": {"Tickets": ["demo/01jd8v2k5e9m3x7q4r6t0w1y2z@1795324300123"]},
        "Comment": "photos: 1",
    }


def test_without_an_inference_instance_photos_wait_for_the_sweep(
    ssm: SSMClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """No parameter means that no compute was deployed: dead letters would tell nobody anything new."""
    assert Dispatcher(ssm=ssm, settings=SETTINGS)(ONE_PHOTO, None) == ALL_DONE
    assert outcomes(capsys) == [
        {
            "level": "warning",
            "step": "dispatch",
            "outcome": "nobody_there",
            "photos": [str(PHOTO)],
            "code": "ParameterNotFound",
        }
    ]


def test_the_instance_is_looked_up_once_for_the_life_of_a_sandbox(script: Scripted) -> None:
    """One call less on the way of every photo but the first."""
    script.parameter("i-1")
    script.sent_to("i-1")
    script.sent_to("i-1")
    handler = Dispatcher(ssm=script.client, settings=SETTINGS)
    handler.look_up_ahead()
    assert [handler(ONE_PHOTO, None), handler(ONE_PHOTO, None)] == [ALL_DONE, ALL_DONE]


def test_a_replaced_instance_is_looked_up_again_and_sent_to(script: Scripted) -> None:
    """A deployment gave the shop a new instance while this sandbox remembered the old one."""
    script.parameter("i-1")
    script.sending_fails("InvalidInstanceId", "i-1")
    script.parameter("i-2")
    script.sent_to("i-2")
    assert Dispatcher(ssm=script.client, settings=SETTINGS)(ONE_PHOTO, None) == ALL_DONE


def test_a_terminated_instance_that_no_longer_shows_its_tag_is_looked_up_again(script: Scripted) -> None:
    """The role admits tagged instances only, and tags vanish with the instance: then SSM says access denied."""
    script.parameter("i-1")
    script.sending_fails("AccessDeniedException", "i-1")
    script.parameter("i-2")
    script.sent_to("i-2")
    handler = Dispatcher(ssm=script.client, settings=SETTINGS)
    handler.look_up_ahead()
    assert handler(ONE_PHOTO, None) == ALL_DONE


def test_a_terminated_instance_without_a_successor_leaves_photos_to_the_sweep(
    script: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """The compute stack was deleted, its parameter with it."""
    script.parameter("i-1")
    script.sending_fails("AccessDeniedException", "i-1")
    script.parameter_fails("ParameterNotFound")
    assert Dispatcher(ssm=script.client, settings=SETTINGS)(ONE_PHOTO, None) == ALL_DONE
    assert [(line["outcome"], line["code"]) for line in outcomes(capsys)] == [("nobody_there", "ParameterNotFound")]


def test_a_role_that_may_not_send_is_a_failure_after_one_more_look(
    script: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """The parameter still names the same instance: this is a misconfiguration, and belongs among the dead letters."""
    script.parameter("i-1")
    script.sending_fails("AccessDeniedException", "i-1")
    script.parameter("i-1")
    assert Dispatcher(ssm=script.client, settings=SETTINGS)(ONE_PHOTO, None) == GIVE_AGAIN
    assert [(line["outcome"], line["code"]) for line in outcomes(capsys)] == [("failed", "AccessDeniedException")]


def test_at_a_closed_shop_photos_wait_for_the_sweep(script: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """The instance is stopped: its worker finds the photos when it opens, so SQS need not try all night."""
    script.parameter("i-1")
    script.sending_fails("InvalidInstanceId")
    script.parameter("i-1")
    assert Dispatcher(ssm=script.client, settings=SETTINGS)(ONE_PHOTO, None) == ALL_DONE
    assert [(line["level"], line["outcome"], line["code"]) for line in outcomes(capsys)] == [
        ("warning", "nobody_there", "InvalidInstanceId")
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("RateExceeded", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("InvalidDocument", 400),
        ("ExpiredTokenException", 400),
    ],
)
def test_a_refused_command_is_given_again(
    script: Scripted, capsys: pytest.CaptureFixture[str], code: str, status: int
) -> None:
    """A moment's trouble passes; a misconfiguration ends among the dead letters, where an alarm can see it."""
    script.parameter("i-1")
    script.sending_fails(code, status=status)
    assert Dispatcher(ssm=script.client, settings=SETTINGS)(ONE_PHOTO, None) == GIVE_AGAIN
    assert outcomes(capsys) == [
        {"level": "error", "step": "dispatch", "outcome": "failed", "photos": [str(PHOTO)], "code": code}
    ]


@pytest.mark.usefixtures("environment")
def test_a_service_that_does_not_answer_is_asked_again_later(capsys: pytest.CaptureFixture[str]) -> None:
    """It may have taken the command after all: the worker answers a photo once, however often it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = boto3.client(
            "ssm",
            endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            config=Config(read_timeout=0.1, retries={"total_max_attempts": 1}),
        )
        assert Dispatcher(ssm=client, settings=SETTINGS)(ONE_PHOTO, None) == GIVE_AGAIN
    assert [(line["outcome"], line["code"]) for line in outcomes(capsys)] == [("failed", "ReadTimeoutError")]


def test_a_throttled_look_up_is_given_again(script: Scripted) -> None:
    """Not knowing the instance is not the same as there being none."""
    script.parameter_fails("ThrottlingException")
    assert Dispatcher(ssm=script.client, settings=SETTINGS)(ONE_PHOTO, None) == GIVE_AGAIN


def test_a_failed_look_up_ahead_is_left_to_the_first_event(script: Scripted) -> None:
    """A hiccup of SSM must not keep a sandbox from starting."""
    script.parameter_fails("InternalServerError")
    script.parameter("i-1")
    script.sent_to("i-1")
    handler = Dispatcher(ssm=script.client, settings=SETTINGS)
    handler.look_up_ahead()
    assert handler(ONE_PHOTO, None) == ALL_DONE


def test_a_malformed_message_fails_alone(script: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """No retry mends it, but among the dead letters a person sees it; the rest of its batch is done."""
    script.parameter("i-1")
    script.sent_to("i-1")
    bodies = ["{}", announcing(upload_of(PHOTO, AT)), TEST_EVENT, announcing(("uploads/holiday.jpg", AT))]
    answer = Dispatcher(ssm=script.client, settings=SETTINGS)({"Records": batch(bodies)}, None)
    assert answer == GIVE_AGAIN
    lines = outcomes(capsys)
    assert [(line["level"], line["outcome"]) for line in lines] == [
        ("error", "malformed"),
        ("warning", "foreign"),
        ("info", "sent"),
    ]
    assert "holiday" not in json.dumps(lines)


def test_lambda_gets_a_handler_that_is_ready_and_everybody_else_an_import_without_effects(
    ssm: SSMClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking the module for `handler` wires it; the import alone read nothing and made no client."""
    ssm.put_parameter(Name=SETTINGS.instance_parameter, Value="i-1", Type="String")
    monkeypatch.setenv("NUNCHI_INSTANCE_PARAMETER", SETTINGS.instance_parameter)
    monkeypatch.setenv("NUNCHI_DOCUMENT", SETTINGS.document)
    assert "handler" not in vars(dispatch)
    assert dispatch.handler(ONE_PHOTO, None) == ALL_DONE


def test_every_missing_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda reports it as a failed init, before any photo is taken from the queue."""
    monkeypatch.delenv("NUNCHI_INSTANCE_PARAMETER", raising=False)
    monkeypatch.delenv("NUNCHI_DOCUMENT", raising=False)
    with pytest.raises(SettingsError, match=r"(?s)NUNCHI_INSTANCE_PARAMETER.*NUNCHI_DOCUMENT"):
        _ = dispatch.handler
