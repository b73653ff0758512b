"""The workers of a cloud: a process for each instance, restarted when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from local import worker_socket
from local.errors import ChildFailed
from local.record import WorkerRecord
from local.subprocesses import Child, restarts

READY_S: Final = 60.0
_LATE: Final = f"was not ready within {READY_S:g} s"
BROKER_S: Final = 20.0
GRACE_S: Final = 25.0  # a worker takes up to 20 s to finish its photos, and 3 s to update the queue


class KeptWorker:
    """One worker. `changed` gets its new record: with a pid when it is ready, without one otherwise."""

    def __init__(
        self,
        child: Child,
        worker: WorkerRecord,
        *,
        changed: Callable[[WorkerRecord], None],
        note: Callable[[str], None],
    ) -> None:
        self._child = child
        self._worker = worker
        self._changed = changed
        self._note = note

    async def start(self, *, broker: str) -> None:
        """Start it, and wait until it accepts photos and can publish labels; ChildFailed when it does not."""
        await self._child.start()
        await self._ready()
        await reached_broker(self._child, self._worker.socket, broker)

    async def keep(self) -> None:
        """Restart it whenever it ends, with backoff."""
        async for _ in restarts(self._child, ended=self._ended):
            try:
                await self._ready()
            except ChildFailed as failure:
                self._note(str(failure))
                await self._child.stop(grace_s=GRACE_S)
            else:
                self._note(f"{self._child.name} {self._child.pid} is ready")

    async def stop(self) -> None:
        """Stop it, after it has finished its photos."""
        await self._child.stop(grace_s=GRACE_S)

    def _ended(self, status: int) -> None:
        self._changed(replace(self._worker, pid=None))
        self._note(f"the {self._child.name} ended with status {status}; restarting it")

    async def _ready(self) -> None:
        socket = self._worker.socket
        await self._child.until(lambda: worker_socket.ready(socket), within_s=READY_S, late=_LATE)
        model = await asyncio.to_thread(worker_socket.model, socket)
        self._worker = replace(self._worker, model=model)
        self._changed(replace(self._worker, pid=self._child.pid))


async def reached_broker(worker: Child, socket: Path, address: str, *, within_s: float = BROKER_S) -> None:
    """Wait until the worker can publish labels; ChildFailed when it ends first, or can't in time.

    For the first start only: a worker that restarts without a network does not wait for it, as on AWS.
    """
    late = f"did not reach the MQTT broker at {address} within {within_s:g} s: no label would arrive"
    await worker.until(lambda: worker_socket.broker_connected(socket), within_s=within_s, late=late)
