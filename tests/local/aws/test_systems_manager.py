"""Run Command on the local cloud: moto's API, with an agent that really runs the lines."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from local.aws.clients import client
from local.aws.ssm_agent import Agent
from local.aws.systems_manager import SystemsManager, running_in
from local.ports import LOOPBACK, free_ports
from tests.waiting import until

INSTANCE = "i-0123456789abcdef0"


@pytest.fixture
def ssm(tmp_path: Path) -> Iterator[Any]:
    (port,) = free_ports(1)
    ssm = client("ssm", endpoint=f"http://{LOOPBACK}:{port}", region="ap-northeast-2")
    ec2 = client("ec2", endpoint=f"http://{LOOPBACK}:{port}", region="ap-northeast-2")
    environ = {"PATH": os.environ["PATH"]}
    agent = Agent(
        lambda name: ssm.get_document(Name=name)["Content"], environ=environ, work_dir=tmp_path, cloud=tmp_path
    )
    application = SystemsManager(DomainDispatcherApplication(create_backend_app), agent, running_in(ec2))
    server = make_server(LOOPBACK, port, application, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield ssm
    finally:
        for document in ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]:
            ssm.delete_document(Name=document["Name"])
        server.shutdown()
        serving.join()
        server.server_close()
        ssm.close()
        ec2.close()


@pytest.fixture
def ec2(ssm: Any) -> Iterator[Any]:
    """Behind the same door."""
    found = client("ec2", endpoint=ssm.meta.endpoint_url, region="ap-northeast-2")
    yield found
    found.close()


def document(*lines: str, timeout_s: int = 300) -> dict[str, Any]:
    return {
        "schemaVersion": "2.2",
        "parameters": {"Word": {"type": "String", "allowedPattern": "^[a-z]*$", "interpolationType": "ENV_VAR"}},
        "mainSteps": [
            {
                "name": "say",
                "action": "aws:runShellScript",
                "inputs": {"timeoutSeconds": str(timeout_s), "runCommand": list(lines)},
            }
        ],
    }


def register(ssm: Any, content: dict[str, Any]) -> None:
    ssm.create_document(Content=json.dumps(content), Name="Say", DocumentType="Command", DocumentFormat="JSON")


def send(ssm: Any, word: str = "hello") -> str:
    sent = ssm.send_command(InstanceIds=[INSTANCE], DocumentName="Say", Parameters={"Word": [word]}, TimeoutSeconds=30)
    assert sent["Command"]["Status"] == "Pending"
    command_id: str = sent["Command"]["CommandId"]
    return command_id


def outcome(ssm: Any, command_id: str) -> tuple[str, int, str, str]:
    told: dict[str, Any] = {}

    def ended() -> bool:
        told.update(ssm.get_command_invocation(CommandId=command_id, InstanceId=INSTANCE))
        return bool(told["Status"] != "InProgress")

    until(ended, within_s=60, what="the command's outcome")
    return told["Status"], told["ResponseCode"], told["StandardOutputContent"], told["StandardErrorContent"]


def test_a_command_runs_the_documents_lines_with_its_parameter(ssm: Any) -> None:
    """Output and status are the script's."""
    register(ssm, document('echo "$SSM_Word"', "echo oh >&2"))
    assert outcome(ssm, send(ssm, "hello")) == ("Success", 0, "hello\n", "oh\n")


def test_a_script_that_fails_fails_its_command(ssm: Any) -> None:
    """moto alone would call it a success."""
    register(ssm, document("exit 7"))
    assert outcome(ssm, send(ssm)) == ("Failed", 7, "", "")


def test_a_script_that_hangs_is_ended_with_what_it_started(ssm: Any, tmp_path: Path) -> None:
    """The step's own timeoutSeconds."""
    register(ssm, document("sleep 600 & echo $! > child; wait", timeout_s=3))
    status, _, _, why = outcome(ssm, send(ssm))
    assert (status, why) == ("TimedOut", "step say took longer than 3 s")
    child = int((tmp_path / "child").read_text())
    until(lambda: not _runs(child), within_s=60, what="the end of the script's child")


def test_a_refused_parameter_runs_nothing(ssm: Any, tmp_path: Path) -> None:
    """The pattern is checked where the script would run, whoever sent the command."""
    register(ssm, document("touch ran"))
    status, code, _, why = outcome(ssm, send(ssm, "; reboot"))
    assert (status, code, why) == ("Failed", 1, "parameter Word does not match ^[a-z]*$")
    assert not (tmp_path / "ran").exists()


def test_five_commands_run_at_a_time(ssm: Any, tmp_path: Path) -> None:
    """As the SSM agent does; those after them wait for their turn, and are not lost."""
    register(ssm, document("mkfifo run-$$; read < run-$$; rm run-$$"))
    command_ids = [send(ssm) for _ in range(12)]
    seen: list[int] = []
    until(lambda: len(list(tmp_path.glob("run-*"))) >= 5, within_s=60, what="five scripts")
    let_go: set[Path] = set()

    def all_let_go() -> bool:
        running = set(tmp_path.glob("run-*"))
        seen.append(len(running))
        for one in sorted(running - let_go)[:1]:
            one.write_text("go\n")
            let_go.add(one)
        return len(let_go) == 12

    until(all_let_go, within_s=60, what="a turn for each of twelve scripts")
    assert {outcome(ssm, command_id)[0] for command_id in command_ids} == {"Success"}
    assert max(seen) == 5


def test_a_changed_document_is_run_as_it_is_now(ssm: Any) -> None:
    """The agent keeps documents, but not beyond a change."""
    register(ssm, document("echo old"))
    assert outcome(ssm, send(ssm))[2] == "old\n"
    ssm.delete_document(Name="Say")
    register(ssm, document("echo new"))
    assert outcome(ssm, send(ssm))[2] == "new\n"


def test_a_document_that_is_not_there_fails_the_command(ssm: Any) -> None:
    """And says so, instead of a pending command for ever."""
    sent = ssm.send_command(InstanceIds=[INSTANCE], DocumentName="Missing", TimeoutSeconds=30)
    status, _, _, why = outcome(ssm, sent["Command"]["CommandId"])
    assert status == "Failed"
    assert "InvalidDocument" in why


def test_a_machine_that_is_terminated_takes_its_processes_with_it(ssm: Any, ec2: Any, tmp_path: Path) -> None:
    """Those too that made a session of their own; and what its command came to nobody hears."""
    instance = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    register(ssm, document("setsid sleep 600 & echo $! > child.new; mv child.new child; wait", timeout_s=300))
    sent = ssm.send_command(InstanceIds=[instance], DocumentName="Say", Parameters={"Word": [""]}, TimeoutSeconds=30)
    child = tmp_path / "child"
    until(child.exists, within_s=60, what="the script's child")
    ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: not _runs(int(child.read_text())), within_s=60, what="the end of the child")
    told = ssm.get_command_invocation(CommandId=sent["Command"]["CommandId"], InstanceId=instance)
    assert told["Status"] == "InProgress"


def test_who_runs_is_online(ssm: Any, ec2: Any) -> None:
    """moto itself does not know the question."""
    made = ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)["Instances"]
    on, off = (one["InstanceId"] for one in made)
    ec2.terminate_instances(InstanceIds=[off])
    asked = [{"Key": "InstanceIds", "Values": [on, off]}]
    assert ssm.describe_instance_information(Filters=asked)["InstanceInformationList"] == [
        {"InstanceId": on, "PingStatus": "Online"}
    ]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
