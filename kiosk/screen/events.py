"""Events down to the pages: each page has a bounded queue, so a page that does not read costs nothing."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

log = logging.getLogger(__name__)

WAITING: Final = 64  # events that a page may be behind; a page that reads is behind by one or two
MOST_PAGES: Final = 8  # the screen, the staff's view, and those of a reload that has not ended

Event = tuple[str, str]  # name, data as JSON


class Events:
    """Publishes to every page that listens. Belongs to one event loop.

    `situation` gives what a page must know when it connects: the first event of each, called `hello`. A page that falls
    behind is disconnected: it connects again by itself, and starts from a new `hello`.
    """

    def __init__(self, situation: Callable[[], Mapping[str, Any]]) -> None:
        self._situation = situation
        self._pages: dict[asyncio.Queue[Event | None], None] = {}

    @property
    def pages(self) -> int:
        """How many pages listen."""
        return len(self._pages)

    def publish(self, name: str, data: Mapping[str, Any]) -> None:
        """Send an event to every page. Never waits."""
        event = (name, _json(data))
        for page in list(self._pages):
            if page.qsize() >= WAITING:
                log.warning("a page is %d events behind and is disconnected; it connects again", WAITING)
                self._drop(page)
            else:
                page.put_nowait(event)

    async def listen(self) -> AsyncGenerator[Event, None]:
        """The events from now on, `hello` first, until the page is dropped or `close`."""
        page: asyncio.Queue[Event | None] = asyncio.Queue()
        while len(self._pages) >= MOST_PAGES:
            self._drop(next(iter(self._pages)))  # the oldest
        self._pages[page] = None
        try:
            yield "hello", _json(self._situation())
            while (event := await page.get()) is not None:
                yield event
        finally:
            self._pages.pop(page, None)

    def close(self) -> None:
        """End every page's events: the agent stops."""
        for page in list(self._pages):
            self._drop(page)

    def _drop(self, page: asyncio.Queue[Event | None]) -> None:
        self._pages.pop(page, None)
        while not page.empty():
            page.get_nowait()
        page.put_nowait(None)


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
