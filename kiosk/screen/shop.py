"""The port of the page's server: what it asks of the agent behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from kiosk.screen.events import Events
from kiosk.voice.port import Listening


class Numbered(Protocol):
    """The receipt of an order; see kiosk.menu.orders.Receipt."""

    @property
    def number(self) -> int: ...

    @property
    def at(self) -> datetime: ...


class Shop(Protocol):
    """The agent, as the page sees it. No method waits for the cloud."""

    events: Events

    def description(self) -> Mapping[str, Any]:
        """GET /api/shop: the menu and the settings of the page."""
        ...

    def health(self) -> Mapping[str, Any]:
        """GET /api/health: what works, and a sentence about each part that does not."""
        ...

    def eye(self, grey: bytes) -> None:
        """A small picture of the camera: 54 rows of 96 bytes, 0-255."""
        ...

    def frame(self, visit: str, jpeg: bytes, *, at_ms: float | None) -> None:
        """A photo of a burst; `at_ms`: when it was taken, by the page's clock."""
        ...

    def camera(self, *, on: bool | None, failed: str | None) -> None:
        """The camera was turned on or off by a person, or failed."""
        ...

    def switch(self, visit: str | None, screen: str) -> None:
        """The person chose a screen."""
        ...

    def begin(self) -> str:
        """The page was touched: the visit that runs, or a new one."""
        ...

    def end(self, visit: str | None, why: str) -> None:
        """The page is done with a visit."""
        ...

    async def order(self, fields: object) -> Numbered:
        """Accept an order, once; InvalidOrder (kiosk.errors) when it does not fit the menu."""
        ...

    def call(self, visit: str | None, reason: str) -> None:
        """The customer asks for a person."""
        ...

    def call_answered(self, id: str) -> None:
        """Somebody of the staff went there."""
        ...

    async def listen(self, visit: str | None, listening: Listening) -> None:
        """Begin to listen; VoiceMissing (kiosk.errors) without an engine."""
        ...

    async def hear(self, id: str, pcm: bytes) -> None:
        """More sound of a listening."""
        ...

    async def stop_listening(self, id: str) -> None:
        """The sound of a listening has ended."""
        ...

    def heartbeat(self, screen: str, visit: str | None) -> None:
        """The page is alive and shows this step."""
        ...

    async def figures(self) -> Mapping[str, Any]:
        """GET /api/figures: today, for the staff."""
        ...

    def sample(self, id: str) -> Path | None:
        """A sample picture; None when there is none of that id."""
        ...

    def enter(self, sample: str | None) -> bool:
        """A demonstration: the person of that picture comes in, or leaves (None); False without that sample."""
        ...
