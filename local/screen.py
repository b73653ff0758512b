"""The screen of a local cloud: the agent of a kiosk device, with its page; restarted when it dies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from local.errors import ChildFailed
from local.ports import answers
from local.subprocesses import Child, restarts

READY_S: Final = 30.0
GRACE_S: Final = 5.0


class KeptScreen:
    """The agent at `url`. It never fails the cloud: workers and labels do not need it."""

    def __init__(self, child: Child, url: str, *, note: Callable[[str], None]) -> None:
        self._child = child
        self._url = url
        self._note = note

    async def start(self) -> None:
        """Start it, without waiting."""
        await self._child.start()

    async def ready(self) -> None:
        """Wait until the page is served; a page that is not, is a note."""
        url = f"{self._url}/api/health"
        try:
            await self._child.until(lambda: answers(url), within_s=READY_S, late=f"did not answer within {READY_S:g} s")
        except ChildFailed as failure:
            self._note(str(failure))

    async def keep(self) -> None:
        """Restart it whenever it ends, with backoff."""
        async for _ in restarts(self._child, ended=self._ended):
            pass

    def _ended(self, status: int) -> None:
        self._note(f"the screen's agent ended with status {status}; restarting it")

    async def stop(self) -> None:
        """Stop it."""
        await self._child.stop(grace_s=GRACE_S)


def command(folder: Path, port: int, samples: Path) -> list[str]:
    """The arguments of the agent: its device's folder, the page's port, the pictures of people who may come in."""
    return ["run", f"--folder={folder}", f"--state={folder / 'state'}", f"--port={port}", f"--demo={samples}"]
