"""As much of S3 as the worker uses, in the bench's own process: what is stored here costs the processors little."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from types import MappingProxyType

from bench.peers.http1 import LIMIT, read_body, read_head
from local.ports import LOOPBACK

_EMPTY = b"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"
_MISSING = b"<Error><Code>NoSuchKey</Code></Error>"
_COPIED = b"<CopyObjectResult><ETag>&quot;0&quot;</ETag></CopyObjectResult>"


class MemoryS3:
    """Objects by bucket and key. GET, PUT and copies; a listing is always empty."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}  # "/bucket/key"
        self.metadata: dict[str, Mapping[str, str]] = {}  # of the user, where an object has any

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[int, None]:
        """Serve within the block, on the port that it yields."""
        server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=LIMIT)
        async with server:
            yield server.sockets[0].getsockname()[1]
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, headers = await read_head(reader)
                if headers.get("expect") == "100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                method, target, _ = first.split()
                writer.write(self._answer(method, target, headers, await read_body(reader, headers)))
                await writer.drain()
        except (EOFError, OSError, asyncio.CancelledError):  # cancelled at the end of the bench's event loop
            writer.close()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        path, _, query = target.partition("?")
        if method == "PUT":
            source = headers.get("x-amz-copy-source")
            self.objects[path] = self.objects["/" + source.lstrip("/")] if source else body
            return _response(200, _COPIED if source else b"")
        if "list-type" in query:
            return _response(200, _EMPTY)
        stored = self.objects.get(path)
        return _response(404, _MISSING) if stored is None else _response(200, stored, self.metadata.get(path, {}))


def _response(status: int, body: bytes, metadata: Mapping[str, str] = MappingProxyType({})) -> bytes:
    etag = hashlib.blake2b(body, digest_size=8).hexdigest()
    said = "".join(f"x-amz-meta-{name}: {value}\r\n" for name, value in metadata.items())
    head = (
        f'HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\nETag: "{etag}"\r\n'
        f"Last-Modified: {formatdate(usegmt=True)}\r\nDate: {formatdate(usegmt=True)}\r\n{said}\r\n"
    )
    return head.encode() + body
