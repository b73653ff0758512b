"""The little of HTTP/1.1 that the bench speaks, as client and server; a library would take more of the processors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LIMIT: Final = 16 << 20  # bytes of a head
BOUNDARY: Final = "nunchi-bench"


class Connection:
    """A connection that is kept, for one request after the other, to a port of this machine or a Unix socket."""

    def __init__(self, address: int | Path) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        """Status and body of the answer; ConnectionError if the server is not there, or hangs up."""
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
        request = head.encode() + b"\r\n\r\n" + body
        kept = self._streams is not None
        try:
            return await self._exchange(request)
        except ConnectionError:
            if not kept:
                raise
            return await self._exchange(request)  # a server ends connections that have been idle

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        try:
            reader, writer = self._streams or await self._open()
            writer.write(request)
            await writer.drain()
            first, headers = await read_head(reader)
            return int(first.split()[1]), await read_body(reader, headers)
        except (OSError, EOFError, IndexError) as error:
            self.close()
            raise ConnectionError(f"no answer from {self._address}: {error}") from error

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._address, Path):
            self._streams = await asyncio.open_unix_connection(self._address, limit=LIMIT)
        else:
            self._streams = await asyncio.open_connection("127.0.0.1", self._address, limit=LIMIT)
        return self._streams

    def close(self) -> None:
        """Close it; the next request opens it again."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def multipart(field: str, jpeg: bytes) -> tuple[bytes, str]:
    """A form with one file, and its content type."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="photo.jpg"\r\n'
    body = head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + jpeg + f"\r\n--{BOUNDARY}--\r\n".encode()
    return body, f"multipart/form-data; boundary={BOUNDARY}"


async def read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    """The first line of a request or an answer, and its headers in lower case. EOFError where the stream ends."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return lines[0], {name.lower(): value.strip() for name, _, value in pairs}


async def read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """The body after those headers."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body
