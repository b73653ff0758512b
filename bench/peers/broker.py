"""As much of an MQTT 5 broker as the worker uses, over TLS: it acknowledges what is published, and hands it on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from local.ports import LOOPBACK

CONNECT: Final = 1
PUBLISH: Final = 3
PINGREQ: Final = 12
DISCONNECT: Final = 14


@asynccontextmanager
async def broker(cert: Path, key: Path, published: Callable[[str, bytes], None]) -> AsyncGenerator[int, None]:
    """Serve within the block, on the port that it yields; `published` gets topic and payload of each message."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, body = await _packet(reader)
                kind, qos = first >> 4, first >> 1 & 3
                if kind == CONNECT:
                    writer.write(bytes([0x20, 3, 0, 0, 0]))  # accepted, without properties
                elif kind == PINGREQ:
                    writer.write(bytes([0xD0, 0]))
                elif kind == DISCONNECT:
                    break
                elif kind == PUBLISH:
                    topic, identifier, payload = _published(body, qos)
                    if qos:
                        writer.write(bytes([0x40, 2]) + identifier)
                    published(topic, payload)
        except (EOFError, OSError, asyncio.CancelledError):  # cancelled at the end of the bench's event loop
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        server.close()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The first byte and the rest after its length. EOFError where the stream ends."""
    first, length, shift = (await reader.readexactly(1))[0], 0, 0
    while (byte := (await reader.readexactly(1))[0]) & 0x80:
        length, shift = length | (byte & 0x7F) << shift, shift + 7
    return first, await reader.readexactly(length | byte << shift)


def _published(body: bytes, qos: int) -> tuple[str, bytes, bytes]:
    """Topic, packet identifier and payload of a PUBLISH packet of MQTT 5."""
    end = 2 + int.from_bytes(body[:2], "big")
    topic, identifier = body[2:end].decode(), body[end : end + 2] if qos else b""
    start, length, shift = end + len(identifier), 0, 0
    while (byte := body[start]) & 0x80:
        length, shift, start = length | (byte & 0x7F) << shift, shift + 7, start + 1
    return topic, identifier, body[start + 1 + (length | byte << shift) :]
