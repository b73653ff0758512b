"""Who may talk to the agent: the page that it served, and nothing that another web page could make a browser send.

The agent listens on the loopback interface, so other machines can't reach it. A browser on this machine could be sent
by any page: the `Host` check stops DNS rebinding, the `Origin` check stops requests of other origins.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE: Final = ("GET", "HEAD")
# Nothing from outside: not a font, not a picture, not a script.
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_HEADERS: Final = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Refuses requests under another host name, and POSTs of another origin; adds the headers of every response.

    `hosts`: the allowed values of `Host`, with the port. `framed`: the page may stand in a frame of its own origin, as
    in the page of demonstrations.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], framed: bool = False) -> None:
        self._app = app
        ancestors = "'self'" if framed else "'none'"
        self._headers = _HEADERS | {"Content-Security-Policy": f"{_POLICY}; frame-ancestors {ancestors}"}
        self._hosts = frozenset(hosts)
        self._origins = frozenset(f"http://{host}" for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts:
            await _refuse(send, 421, f"this page is at {' or '.join(sorted(self._hosts))}, not {headers.get('host')}")
            return
        if scope["method"] not in SAFE and headers.get("origin") not in self._origins:
            await _refuse(
                send, 403, f"a page of {headers.get('origin')} may not ask this; send Origin {min(self._origins)}"
            )
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                response = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    response[name] = value
                if scope["path"].startswith("/api/"):
                    response["Cache-Control"] = "no-store"
                else:
                    response.setdefault("Cache-Control", "no-cache")  # asked each time: an update is seen at once
            await send(message)

        await self._app(scope, receive, send_with_headers)


def hosts_of(port: int) -> tuple[str, ...]:
    """The values of `Host` under which a browser on this machine finds that port."""
    return (f"127.0.0.1:{port}", f"localhost:{port}")


async def _refuse(send: Send, status: int, error: str) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
