"""`python -m local.aws.ministack`: ministack (S3, SQS, Lambda, IAM, CloudFormation, IoT Core) for this machine only.

By itself its MQTT listener answers on every interface, and hears devices without a certificate. A laptop in a café
should not do the one, and AWS does not do the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from local.ports import LOOPBACK

ASGIApp = Callable[[Any, Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class StricterLoop(asyncio.SelectorEventLoop):
    """An event loop that listens on the loopback interface only, and as a TLS server demands a certificate."""

    async def create_server(self, protocol_factory: Any, host: Any = None, *args: Any, **kwargs: Any) -> asyncio.Server:
        if host == "0.0.0.0":  # noqa: S104 - what is being avoided
            host = LOOPBACK
        return await super().create_server(protocol_factory, host, *args, **kwargs)

    async def start_tls(
        self, transport: Any, protocol: Any, sslcontext: ssl.SSLContext, *, server_side: bool = False, **kwargs: Any
    ) -> asyncio.Transport | None:
        if server_side:
            sslcontext.verify_mode = ssl.CERT_REQUIRED
        return await super().start_tls(transport, protocol, sslcontext, server_side=server_side, **kwargs)


def secure_by_loopback(app: ASGIApp) -> ASGIApp:
    """The application, told that each request came over TLS.

    The buckets refuse what did not, and IAM is enforced here. But no request leaves this machine, and with real TLS any
    stranger's S3 client would first have to be taught our certificate.
    """

    async def answer(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "http":
            scope = {**scope, "scheme": "https"}
        await app(scope, receive, send)

    return answer


def ask_iam_as_aws_does() -> None:
    """Two of ministack's questions to IAM, asked as AWS asks them.

    Of a batch of messages: for the right to one message, as there is no other. Of a policy on a certificate: about the
    certificate, and not about `*`, which a role that may touch certificates only would have to be allowed.
    """
    actions: Any = import_module("ministack.core.iam_actions")  # its server looks both up at every request
    action_of, resource_of = actions.extract_iam_action, actions.extract_resource_arn

    def action(service: str, *request: Any) -> str | None:
        asked: str | None = action_of(service, *request)
        return asked.removesuffix("Batch") if asked and service == "sqs" else asked

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *request: Any) -> str:
        if service == "iot" and path.startswith("/target-policies/"):
            return str(json.loads(body)["target"])
        found: str = resource_of(service, method, path, headers, body, *request)
        return found

    actions.extract_iam_action, actions.extract_resource_arn = action, resource


def main() -> None:
    """Serve until a signal; the environment variables are ministack's own (GATEWAY_PORT, IOT_MTLS_PORT, AUTH, …)."""
    app = import_module("ministack.app").app  # here, because it reads the environment when it is imported
    ask_iam_as_aws_does()
    config = Config()
    config.bind = [f"{LOOPBACK}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    with asyncio.Runner(loop_factory=StricterLoop) as runner:
        runner.run(serve(secure_by_loopback(app), config))


if __name__ == "__main__":
    main()
