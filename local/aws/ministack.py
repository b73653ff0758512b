"""`python -m local.aws.ministack`: ministack (S3, SQS, Lambda, IAM, CloudFormation, IoT Core) for this machine only.

By default its MQTT listener listens on every interface, and accepts devices without a certificate. Here it listens on
the loopback interface, and demands a certificate, as AWS does.
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
    """An event loop whose servers listen on the loopback interface only, and demand a client certificate over TLS."""

    async def create_server(self, protocol_factory: Any, host: Any = None, *args: Any, **kwargs: Any) -> asyncio.Server:
        if host == "0.0.0.0":  # noqa: S104 - replaced here
            host = LOOPBACK
        return await super().create_server(protocol_factory, host, *args, **kwargs)

    async def start_tls(
        self, transport: Any, protocol: Any, sslcontext: ssl.SSLContext, *, server_side: bool = False, **kwargs: Any
    ) -> asyncio.Transport | None:
        if server_side:
            sslcontext.verify_mode = ssl.CERT_REQUIRED
        return await super().start_tls(transport, protocol, sslcontext, server_side=server_side, **kwargs)


def secure_by_loopback(app: ASGIApp) -> ASGIApp:
    """The application, with each request marked as TLS.

    The bucket policies, which are enforced, deny plain HTTP. But requests stay on this machine, and with real TLS every
    S3 client would need this server's certificate.
    """

    async def answer(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "http":
            scope = {**scope, "scheme": "https"}
        await app(scope, receive, send)

    return answer


def evaluate_iam_as_aws_does() -> None:
    """Correct the action and the resource of two of ministack's IAM checks, and add a condition key.

    A batch call of SQS needs the permission of the single call, as on AWS; there is no other. Attaching a policy to a
    certificate is checked on the certificate, not on `*`. A request to DynamoDB has `dynamodb:LeadingKeys`: the
    partition keys of the items that it names, in a transaction those of all its items for each of them.
    """
    actions: Any = import_module("ministack.core.iam_actions")  # its server looks both up at every request
    action_of, resource_of = actions.extract_iam_action, actions.extract_resource_arn

    def action(service: str, *request: Any) -> str | None:
        name: str | None = action_of(service, *request)
        return name.removesuffix("Batch") if name and service == "sqs" else name

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *request: Any) -> str:
        if service == "iot" and path.startswith("/target-policies/"):
            return str(json.loads(body)["target"])
        arn: str = resource_of(service, method, path, headers, body, *request)
        return arn

    context_of = actions.dynamodb_service_context

    def context(body: bytes) -> dict[str, Any]:
        found: dict[str, Any] = context_of(body)
        keys = _leading_keys(body)
        return {**found, "dynamodb:LeadingKeys": keys} if keys else found

    actions.dynamodb_service_context = context
    actions.extract_iam_action, actions.extract_resource_arn = action, resource


def _leading_keys(body: bytes) -> list[str]:
    """The partition keys, as text, that a GetItem, PutItem, UpdateItem, DeleteItem or a transaction of these names."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return []
    if not isinstance(request, dict):
        return []
    tables: Any = import_module("ministack.services.dynamodb")._tables
    keys = []
    for operation in [request, *(part for item in request.get("TransactItems") or [] for part in item.values())]:
        table = tables.get(operation.get("TableName"))
        item = operation.get("Key") or operation.get("Item")
        if table and item and (value := item.get(table["pk_name"])):
            keys += [str(text) for text in value.values()]
    return keys


def main() -> None:
    """Serve until a signal; the environment variables are ministack's own (GATEWAY_PORT, IOT_MTLS_PORT, AUTH, …)."""
    app = import_module("ministack.app").app  # not at the top: it reads the environment at import
    evaluate_iam_as_aws_does()
    config = Config()
    config.bind = [f"{LOOPBACK}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    with asyncio.Runner(loop_factory=StricterLoop) as runner:
        runner.run(serve(secure_by_loopback(app), config))


if __name__ == "__main__":
    main()
