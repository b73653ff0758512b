"""A TCP proxy that can lose its network: what a test puts between the worker and the broker."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from local.ports import LOOPBACK


class Cable:
    """Carries bytes from its own port to `target` until it is cut; then connections break, and new ones are refused."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cable", daemon=True)
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Cable:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """The network is away."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(60)

    def mend(self) -> None:
        """The network is back."""
        asyncio.run_coroutine_threadsafe(self._mend(), self._loop).result(60)

    async def _mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, LOOPBACK, self.port)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.transport.abort()
        while self._connections:
            await asyncio.sleep(0.01)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target)
            self._connections.add(far_writer)
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                self._connections.discard(far_writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._connections.discard(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
