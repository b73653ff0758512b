"""An agent that remembers what the page asked, and answers with fixed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kiosk.errors import InvalidOrder, VoiceMissing
from kiosk.screen.events import Events
from kiosk.voice.port import Listening

VISIT = "01kb6z6m1s2e9r8q4n7t3w5y0a"
AT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class FakeReceipt:
    number: int
    at: datetime


@dataclass
class FakeShop:
    """`asked` are the calls in order."""

    sample_file: Path | None = None
    voice: bool = True
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events = Events(lambda: {"visit": None})

    def description(self) -> Mapping[str, Any]:
        return {"kiosk": "demo"}

    def health(self) -> Mapping[str, Any]:
        return {"cloud": "ok"}

    def eye(self, grey: bytes) -> None:
        self.asked.append(("eye", len(grey)))

    def frame(self, visit: str, jpeg: bytes, *, at_ms: float | None) -> None:
        self.asked.append(("frame", visit, len(jpeg), at_ms))

    def camera(self, *, on: bool | None, failed: str | None) -> None:
        self.asked.append(("camera", on, failed))

    def switch(self, visit: str | None, screen: str) -> None:
        self.asked.append(("switch", visit, screen))

    def begin(self) -> str:
        return VISIT

    def end(self, visit: str | None, why: str) -> None:
        self.asked.append(("end", visit, why))

    async def order(self, fields: object) -> FakeReceipt:
        if fields == {"lines": []}:
            raise InvalidOrder("lines: an order needs one")
        self.asked.append(("order", fields))
        return FakeReceipt(12, AT)

    def call(self, visit: str | None, reason: str) -> None:
        self.asked.append(("call", visit, reason))

    def call_answered(self, id: str) -> None:
        self.asked.append(("call_answered", id))

    async def listen(self, visit: str | None, listening: Listening) -> None:
        if not self.voice:
            raise VoiceMissing("no engine listens here")
        self.asked.append(("listen", visit, listening))

    async def hear(self, id: str, pcm: bytes) -> None:
        self.asked.append(("hear", id, len(pcm)))

    async def stop_listening(self, id: str) -> None:
        self.asked.append(("stop_listening", id))

    def heartbeat(self, screen: str, visit: str | None) -> None:
        self.asked.append(("heartbeat", screen, visit))

    async def figures(self) -> Mapping[str, Any]:
        return {"orders": 3}

    def sample(self, id: str) -> Path | None:
        return self.sample_file if id == "usg_A1" else None

    def enter(self, sample: str | None) -> bool:
        self.asked.append(("enter", sample))
        return sample in (None, "usg_A1")
