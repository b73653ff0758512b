"""Each server under one roof: started, asked about a photo by its number, measured, stopped."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from bench.peers.http1 import Connection, multipart
from bench.peers.processes import ROOT, Tree, running
from bench.peers.setting import Material, PeerSetting
from bench.training import TRAINER
from local.ports import listens

FIRST_PORT: Final = 21_000  # below those that the kernel gives to connections, of which Ray has many
PATIENCE_S: Final = 180.0  # for a first answer

Found: TypeAlias = list[dict[str, Any]]  # a person: label, confidence, box as fractions


class Serving(Protocol):
    """A server that runs."""

    tree: Tree

    async def ask(self, slot: int, number: int) -> Found:
        """The people in photo `number`; ConnectionError while it does not serve. `slot`: which of those at a time."""
        ...


class Server(Protocol):
    """A server that can be started."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str | None:
        """Why it can't be measured here; None if it can."""
        ...

    def serving(self, material: Material) -> Any:
        """An asynchronous context: the server runs within its block, and is a Serving."""
        ...


class OverHttp:
    """A running peer that gets the JPEG in a POST."""

    def __init__(self, tree: Tree, port: int, path: str, bodies: Sequence[tuple[bytes, str]]) -> None:
        self.tree = tree
        self._port, self._path, self._bodies = port, path, bodies
        self._connections: dict[int, Connection] = {}

    async def ask(self, slot: int, number: int) -> Found:
        connection = self._connections.setdefault(slot, Connection(self._port))
        status, body = await connection.post(self._path, *self._bodies[number])
        if status != 200:
            raise ConnectionError(f"{status}: {body[:300]!r}")
        answer = json.loads(body)
        [answer] = answer if isinstance(answer, list) else [answer]
        people: Found = answer["people"]
        return people

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


class HttpPeer:
    """BentoML, LitServe or Ray Serve. `field`: of the form that carries the JPEG; None: the JPEG is the whole body."""

    def __init__(
        self, name: str, venv: str, command: Sequence[str], setting: PeerSetting, *, path: str, field: str | None
    ) -> None:
        self.name = name
        self.venv = ROOT / venv
        self._command, self._setting, self._path, self._field = command, setting, path, field

    def missing(self) -> str | None:
        return None if (self.venv / ".done").exists() else f"{self.venv.name} is not installed"

    @asynccontextmanager
    async def serving(self, material: Material) -> AsyncGenerator[OverHttp, None]:
        port = next(number for number in range(FIRST_PORT, FIRST_PORT + 1000) if not listens(number))
        command = [str(self.venv / "bin" / "python"), "-m", *self._command]
        command = [word.format(port=port) for word in command]
        environ = material.environ(port=port, **self._setting.fields())
        bodies = [
            (jpeg, "image/jpeg") if self._field is None else multipart(self._field, jpeg) for jpeg in material.photos
        ]
        with running(command, environ, material.folder / "log") as tree:
            peer = OverHttp(tree, port, self._path, bodies)
            try:
                yield peer
            finally:
                peer.close()


class Predict:
    """A running ultralytics: the photos that wait go to predict as one batch."""

    def __init__(self, tree: Tree, paths: Sequence[Path]) -> None:
        self.tree = tree
        self._paths = paths
        self._waiting: list[tuple[int, asyncio.Future[Found]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, slot: int, number: int) -> Found:  # noqa: ARG002
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((number, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        found: Found = await answer
        return found

    async def _work(self) -> None:
        await asyncio.sleep(0)
        while self._waiting:
            batch = self._waiting.copy()
            self._waiting.clear()
            try:
                answers = await asyncio.to_thread(self._predict, [str(self._paths[number]) for number, _ in batch])
            except (OSError, ValueError) as error:
                for _, future in batch:
                    future.set_exception(ConnectionError(f"no answer from predict: {error}"))
                return
            for (_, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)
            await asyncio.sleep(0.001)  # those that got an answer ask again: the next batch is as large

    def _predict(self, paths: list[str]) -> list[Found]:
        stdin, stdout = self.tree.process.stdin, self.tree.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(paths).encode() + b"\n")
        stdin.flush()
        answers: list[Found] = json.loads(stdout.readline())
        return answers


class Ultralytics:
    """ultralytics' predict, warm, in a process of .venv-trainer: PyTorch on both processors."""

    name = "ultralytics"

    def missing(self) -> str | None:
        return None if (TRAINER.parent / ".done").exists() else "make trainer has not installed it"

    @asynccontextmanager
    async def serving(self, material: Material) -> AsyncGenerator[Predict, None]:
        command = [str(TRAINER / "python"), "-m", "bench.peers.ultralytics.predict"]
        log, pipe = material.folder / "log", subprocess.PIPE
        with running(command, material.environ(), log, stdin=pipe, stdout=pipe) as tree:
            yield Predict(tree, material.paths)
