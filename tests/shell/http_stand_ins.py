"""AWS's own addresses, as far as the shell scripts speak to them: metadata, Lambda's invocations, Auto Scaling."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from local.ports import LOOPBACK

TOKEN = "a-token"


class Metadata(ThreadingHTTPServer):
    """The metadata service, version 2: it answers only who has fetched a token first. `entries` may change."""

    def __init__(self, entries: dict[str, str]) -> None:
        super().__init__((LOOPBACK, 0), _MetadataAnswer)
        self.entries = entries

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests look at what came of it."""


class _MetadataAnswer(_Quiet):
    def do_PUT(self) -> None:
        timed = "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
        self.answer(200 if timed and self.path == "/latest/api/token" else 400, TOKEN)

    def do_GET(self) -> None:
        assert isinstance(self.server, Metadata)
        entry = self.server.entries.get(self.path.removeprefix("/latest/meta-data/"))
        if self.headers["X-aws-ec2-metadata-token"] != TOKEN:
            self.answer(401, "")
        else:
            self.answer(404 if entry is None else 200, entry or "")


Handler = Callable[[Any, None], Any]


class Functions(ThreadingHTTPServer):
    """Lambda's API: runs the handler of the function that is invoked; an error of its own is an answer, as on AWS."""

    def __init__(self, **handlers: Handler) -> None:
        super().__init__((LOOPBACK, 0), _Invocation)
        self.handlers = handlers

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"


class _Invocation(_Quiet):
    def do_POST(self) -> None:
        assert isinstance(self.server, Functions)
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.removeprefix("/2015-03-31/functions/").removesuffix("/invocations")
        if name not in self.server.handlers:
            self.answer(404, json.dumps({"Message": f"Function not found: {name}"}), X_Amzn_ErrorType="NotFound")
            return
        try:
            self.answer(200, json.dumps(self.server.handlers[name](event, None)))
        except Exception as error:  # noqa: BLE001 - whatever the handler raises is Lambda's answer
            failure = {"errorMessage": str(error), "errorType": type(error).__name__}
            self.answer(200, json.dumps(failure), X_Amz_Function_Error="Unhandled")


class AutoScaling(ThreadingHTTPServer):
    """Auto Scaling's API for one instance. It waits in the hook that `waiting_in` names, until that is completed.

    `told` is what it was told: hook and result. `failing` is how many of the next calls are throttled.
    """

    def __init__(self, *, group: str, instance_id: str) -> None:
        super().__init__((LOOPBACK, 0), _AutoScalingAnswer)
        self.group, self.instance_id = group, instance_id
        self.waiting_in: str | None = None
        self.failing = 0
        self.told: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"


class _AutoScalingAnswer(_Quiet):
    def do_POST(self) -> None:
        assert isinstance(self.server, AutoScaling)
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        aws, action = self.server, form["Action"]
        if aws.failing:
            aws.failing -= 1
            self._refuse("Throttling", "Rate exceeded")
        elif action == "DescribeAutoScalingInstances" and form["InstanceIds.member.1"] == aws.instance_id:
            self._say(
                action,
                "<AutoScalingInstances><member><AutoScalingGroupName>"
                f"{aws.group}</AutoScalingGroupName></member></AutoScalingInstances>",
            )
        elif action != "CompleteLifecycleAction":
            self._refuse("ValidationError", f"{action} is not what this instance may ask")
        elif (form["LifecycleHookName"], form["AutoScalingGroupName"], form["InstanceId"]) != (
            aws.waiting_in,
            aws.group,
            aws.instance_id,
        ):
            self._refuse("ValidationError", f"No active Lifecycle Action found with instance ID {form['InstanceId']}")
        else:
            aws.waiting_in = None
            aws.told.append((form["LifecycleHookName"], form["LifecycleActionResult"]))
            self._say(action, "")

    def _say(self, action: str, result: str) -> None:
        space = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
        self.answer(
            200, f'<{action}Response xmlns="{space}"><{action}Result>{result}</{action}Result></{action}Response>'
        )

    def _refuse(self, code: str, message: str) -> None:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        self.answer(400, f"<ErrorResponse>{error}</ErrorResponse>")


@contextmanager
def serving(server: ThreadingHTTPServer) -> Generator[None, None, None]:
    """Answer requests for as long as the block lasts."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
