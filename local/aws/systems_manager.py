"""`python -m local.aws.systems_manager`: SSM and EC2 (moto), and the agents of its instances, in one process.

moto records commands but runs none. A real agent receives commands over an open connection; here the agent is in the
same process as moto, and receives each command with the response to SendCommand. So nothing polls: a command starts at
once, an idle cloud uses no CPU, and a long list of commands slows nothing down.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from local.aws.ssm_agent import Agent, RunCommand
from local.ports import LOOPBACK

log = logging.getLogger(__name__)

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
SSM: Final = "AmazonSSM."


class SystemsManager:
    """A WSGI application: moto's, with an agent that runs commands and adds their outcomes to GetCommandInvocation.

    `running` filters the running of some instances: those are online. Terminating an instance kills its processes.
    """

    def __init__(self, moto: WSGIApp, agent: Agent, running: Callable[[list[str]], list[str]] = list) -> None:
        self._moto = moto
        self._agent = agent
        self._running = running

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(SSM)
        if operation == "DescribeInstanceInformation":
            return _answer(start_response, self._information(_body(environ)))
        if not operation:
            return self._ec2(environ, start_response)
        if operation not in ("SendCommand", "GetCommandInvocation"):
            if "Document" in operation:
                self._agent.forget_documents()
            return self._moto(environ, start_response)
        request = json.loads(_body(environ))
        status, headers, answer = self._call_moto(environ)
        if status.startswith("200"):
            answer = self._send(request, answer) if operation == "SendCommand" else self._with_outcome(answer)
        return _answer(start_response, answer, status, headers)

    def _ec2(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = _body(environ)
        statuses: list[str] = []

        def start(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        answer = self._moto(environ, start)
        if b"Action=TerminateInstances" in body and statuses[0].startswith("200"):
            for name, value in parse_qsl(body.decode()):
                if name.startswith("InstanceId."):
                    self._agent.end(value)
        return answer

    def _information(self, body: bytes) -> dict[str, Any]:
        """DescribeInstanceInformation, which moto lacks: the online ones of the instances in the filter."""
        instances = [
            value
            for entry in json.loads(body).get("Filters", [])
            if entry["Key"] == "InstanceIds"
            for value in entry["Values"]
        ]
        online = self._running(instances)
        return {"InstanceInformationList": [{"InstanceId": name, "PingStatus": "Online"} for name in online]}

    def _call_moto(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], dict[str, Any]]:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            started.append((status, headers))

        body = b"".join(self._moto(environ, start))
        return *started[0], json.loads(body)

    def _send(self, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        command = answer["Command"]
        # moto's answer lists every instance ever started.
        [instance, *_] = request.get("InstanceIds") or command["InstanceIds"] or [""]
        self._agent.accept(
            RunCommand(
                command_id=command["CommandId"],
                instance_id=instance,
                document_name=command["DocumentName"],
                parameters=command["Parameters"],
                expires_at=time.time() + command["TimeoutSeconds"],
            )
        )
        # moto reports success before the command has started.
        return {"Command": command | {"Status": "Pending", "StatusDetails": "Pending", "CompletedCount": 0}}

    def _with_outcome(self, answer: dict[str, Any]) -> dict[str, Any]:
        outcome = self._agent.outcome(answer["CommandId"])
        if outcome is None:
            return answer | {"Status": "InProgress", "StatusDetails": "InProgress", "ResponseCode": -1}
        return answer | {
            "Status": outcome.status,
            "StatusDetails": outcome.status,
            "ResponseCode": outcome.response_code,
            "StandardOutputContent": outcome.stdout,
            "StandardErrorContent": outcome.stderr,
        }


def _body(environ: dict[str, Any]) -> bytes:
    """The body of a request, which can be read again afterwards."""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return content


def _answer(
    start_response: Callable[..., Any],
    answer: dict[str, Any],
    status: str = "200 OK",
    headers: Iterable[tuple[str, str]] = (("Content-Type", "application/x-amz-json-1.1"),),
) -> Iterable[bytes]:
    body = json.dumps(answer).encode()
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    start_response(status, [*kept, ("Content-Length", str(len(body)))])
    return [body]


def running_in(ec2: Any) -> Callable[[list[str]], list[str]]:
    """A filter for running instances. One with the tag `nunchi:agent` = `off` counts as offline, for tests."""

    def running(instances: list[str]) -> list[str]:
        answer = ec2.describe_instances(
            Filters=[
                {"Name": "instance-id", "Values": instances},
                {"Name": "instance-state-name", "Values": ["running"]},
            ]
        )
        return [
            instance["InstanceId"]
            for reservation in answer["Reservations"]
            for instance in reservation["Instances"]
            if {"Key": "nunchi:agent", "Value": "off"} not in instance.get("Tags", [])
        ]

    return running


class _QuietHandler(WSGIRequestHandler):
    """Does not log each request; keeps connections open between requests, as AWS does."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    """Serve until killed. Environment: NUNCHI_SSM_PORT; NUNCHI_SSM_AGENT_ENV, a JSON object: the scripts' own; and
    NUNCHI_SSM_CLOUD, the cloud's folder."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    port = int(os.environ["NUNCHI_SSM_PORT"])
    url, config = f"http://{LOOPBACK}:{port}", Config(proxies={})
    ssm = boto3.client("ssm", endpoint_url=url, config=config)
    ec2 = boto3.client("ec2", endpoint_url=url, config=config)
    agent = Agent(
        lambda name: ssm.get_document(Name=name)["Content"],
        environ=json.loads(os.environ["NUNCHI_SSM_AGENT_ENV"]),
        work_dir=Path.cwd(),
        cloud=Path(os.environ["NUNCHI_SSM_CLOUD"]),
    )
    application = SystemsManager(DomainDispatcherApplication(create_backend_app), agent, running_in(ec2))
    server = make_server(LOOPBACK, port, application, threaded=True, request_handler=_QuietHandler)
    log.info("SSM and EC2 on port %d", port)
    server.serve_forever()


if __name__ == "__main__":
    main()
