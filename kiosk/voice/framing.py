"""The protocol between the agent and the engine: JSON headers, one a line, each with as many bytes after it as it says.

Requests, agent to engine:
    {"do": "menu", "words": [["tteokbokki", ["떡볶이"]], …]}   once; answered {"ready": true, "unheard": []}
    {"do": "start", "id": "…", "language": "ko", "expect": ["dish", "count"], "dish": null}
    {"do": "feed", "id": "…", "bytes": 3200} and 3,200 bytes: 16 kHz, mono, signed 16 bit, little-endian
    {"do": "stop", "id": "…"}   answered {"id": "…", "status": "understood", "words": ["yes"]}
The engine ends when its input ends, so it never outlives the agent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from kiosk.errors import InvalidFrame

RATE: Final = 16_000
SECONDS: Final = 8  # of one listening; sound after that is ignored
MOST_SOUND: Final = 2 * RATE * SECONDS
MOST_HEADER: Final = 64 * 1024


def frame(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """A request or answer as it goes over the pipe."""
    fields = {**header, "bytes": len(body)} if body else dict(header)
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n" + body


def header(line: bytes) -> dict[str, Any]:
    """The fields of one line. Raises InvalidFrame."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise InvalidFrame(f"voice protocol: {line[:80]!r} is no JSON object; the connection is given up")
    size = fields.get("bytes", 0)
    if not isinstance(size, int) or not 0 <= size <= MOST_SOUND:
        raise InvalidFrame(f"voice protocol: bytes must be 0 to {MOST_SOUND}, not {size!r}; the connection is given up")
    return fields


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next header and its bytes; None at the end. Raises InvalidFrame for a broken frame."""
    line = stream.readline(MOST_HEADER)
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise InvalidFrame("voice protocol: a header without its end; the connection is given up")
    fields = header(line)
    size = fields.pop("bytes", 0)
    body = stream.read(size)
    if len(body) < size:
        raise InvalidFrame(f"voice protocol: {len(body)} bytes of {size}; the connection is given up")
    return fields, body
