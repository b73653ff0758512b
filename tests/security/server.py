"""`python -m tests.security.server`: the local cloud's AWS, with a second door whose requests did not come over TLS.

The first door is ministack's own. The second shows that the buckets and queues refuse what comes in the clear.
"""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from local.aws.ministack import StricterLoop, evaluate_iam_as_aws_does, secure_by_loopback
from local.ports import LOOPBACK


def main() -> None:
    """Serve until killed; `PLAIN_PORT` is the second door's, the other variables are those of `local.aws.ministack`."""
    app = import_module("ministack.app").app
    evaluate_iam_as_aws_does()
    over_tls = secure_by_loopback(app)
    gateway, plain = (int(os.environ[name]) for name in ("GATEWAY_PORT", "PLAIN_PORT"))

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        in_the_clear = scope["type"] == "http" and scope["server"][1] == plain
        await (app if in_the_clear else over_tls)(scope, receive, send)

    config = Config()
    config.bind = [f"{LOOPBACK}:{gateway}", f"{LOOPBACK}:{plain}"]
    with asyncio.Runner(loop_factory=StricterLoop) as runner:
        runner.run(serve(answer, config))


if __name__ == "__main__":
    main()
