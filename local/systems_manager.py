"""`python -m local.systems_manager`: SSM and EC2 (moto), and the agent of the one instance, in one process.

moto records commands and runs nothing. A real agent is told of its commands over a connection that it holds open; here
the agent sits behind the same door as moto and hears SendCommand as it is answered. So nothing polls: a command begins
at once, an idle cloud costs nothing, and a list of a million commands slows nobody down.
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

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from local.agent import Agent, Command
from local.ports import LOOPBACK

log = logging.getLogger(__name__)

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
SSM: Final = "AmazonSSM."


class SystemsManager:
    """A WSGI application: moto's, with an agent behind SendCommand, whose outcomes GetCommandInvocation tells."""

    def __init__(self, moto: WSGIApp, agent: Agent) -> None:
        self._moto = moto
        self._agent = agent

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(SSM)
        if operation not in ("SendCommand", "GetCommandInvocation"):
            if "Document" in operation:
                self._agent.forget_documents()
            return self._moto(environ, start_response)
        status, headers, answer = self._ask_moto(environ)
        if status.startswith("200"):
            answer = self._sent(answer) if operation == "SendCommand" else self._with_outcome(answer)
        body = json.dumps(answer).encode()
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    def _ask_moto(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], dict[str, Any]]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            started.append((status, headers))

        body = b"".join(self._moto(environ, start))
        return *started[0], json.loads(body)

    def _sent(self, answer: dict[str, Any]) -> dict[str, Any]:
        command = answer["Command"]
        self._agent.accept(
            Command(
                command_id=command["CommandId"],
                document_name=command["DocumentName"],
                parameters=command["Parameters"],
                expires_at=time.time() + command["TimeoutSeconds"],
            )
        )
        # moto calls a command done before anybody began it.
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


class _QuietHandler(WSGIRequestHandler):
    """Logs no line for each request; keeps connections open between them, as AWS does."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    """Serve until killed. Environment: NUNCHI_SSM_PORT, and NUNCHI_SSM_AGENT_ENV, a JSON object: the scripts' own."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    port = int(os.environ["NUNCHI_SSM_PORT"])
    ssm = boto3.client("ssm", endpoint_url=f"http://{LOOPBACK}:{port}", config=Config(proxies={}))
    agent = Agent(
        lambda name: ssm.get_document(Name=name)["Content"],
        environ=json.loads(os.environ["NUNCHI_SSM_AGENT_ENV"]),
        work_dir=Path.cwd(),
    )
    application = SystemsManager(DomainDispatcherApplication(create_backend_app), agent)
    server = make_server(LOOPBACK, port, application, threaded=True, request_handler=_QuietHandler)
    log.info("SSM and EC2 on port %d", port)
    server.serve_forever()


if __name__ == "__main__":
    main()
