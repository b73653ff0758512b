"""The agent: watching, selling and hearing, as the page's server asks them (kiosk/screen/shop.py)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from kiosk.device.health import CloudState, worst
from kiosk.device.hearing import Hearing
from kiosk.device.labellers import Labeller
from kiosk.device.selling import Book, ChoosesPlaces, Selling
from kiosk.device.watching import Watching
from kiosk.menu.menu import Menu
from kiosk.menu.orders import Receipt
from kiosk.screen.events import Events
from kiosk.settings import CloudSettings, KioskToml
from kiosk.together import run_together
from kiosk.voice.port import Listening, Voice
from recipes.kiosk.labels import Label

log = logging.getLogger(__name__)

HEALTH_S: Final = 2.0
LANGUAGES: Final = ("ko", "en")
# Of the page (ministry's notice on barrier-free kiosks, by the press): longer in easy mode, ten extensions by touch.
IDLE_S: Final = {"usual": 60, "easy": 120}
WARNING_S: Final = {"usual": 20, "easy": 30}
EXTENSIONS: Final = 10


class Agent:
    """One kiosk. `samples`: pictures that may come in, for demonstrations; `clock` is monotonic, `wall` local time."""

    def __init__(
        self,
        cloud: CloudSettings,
        toml: KioskToml,
        *,
        menu: Menu,
        book: Book,
        places: ChoosesPlaces,
        labeller: Labeller,
        voice: Voice | None,
        samples: Mapping[str, Path],
        version: str,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        ordered: Callable[[], None] = lambda: None,
    ) -> None:
        self._cloud, self._toml, self._labeller = cloud, toml, labeller
        self._samples, self._version, self._clock = samples, version, clock
        self.events = Events(self.situation)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._page_s = float("-inf")
        self._published: dict[str, Any] | None = None
        self._selling = Selling(menu, book, places, self.events, clock=wall, ordered=ordered)
        self._hearing = Hearing(voice, self.events, seconds=toml.voice.seconds)
        self._watching = Watching(
            labeller,
            self.events,
            rules=toml.visit_rules(cloud.elder_from),
            burst=toml.burst_rules(),
            clock=clock,
            has_camera=toml.camera.use == "browser",
            follower=self,
        )

    async def run(self, *others: Awaitable[None]) -> None:
        """Watch, and keep the labeller and the others ready, until cancelled."""
        self.suggest_for(None, None)
        try:
            await run_together(self._watching.run(), self._labeller.run(), self._watch_health(), *others)
        finally:
            await asyncio.gather(*self._tasks, return_exceptions=True)  # each is one write to the disk

    # What a page must know.

    def situation(self) -> Mapping[str, Any]:
        """Everything that events have said so far, as the `hello` of a page."""
        return {
            **self._watching.situation,
            "places": self._selling.suggested["places"],
            "health": self._state,
            **self._selling.calls,
        }

    def description(self) -> Mapping[str, Any]:
        """The menu and the settings of the page."""
        toml, cloud = self._toml, self._cloud
        labeller = toml.labels.labeller
        return {
            "shop": {"name": toml.shop.name.model_dump()},
            "kiosk": cloud.kiosk_id,
            "languages": LANGUAGES,
            "language": toml.shop.language,
            "menu": self._selling.menu.to_page(),
            "screen": {
                "diagonal_inches": toml.screen.diagonal_inches,
                "floor_mm": toml.screen.floor_mm,
                "here_every_s": toml.screen.here_every_s,
                "elder_from": cloud.elder_from,
                "idle_s": IDLE_S,
                "warning_s": WARNING_S,
                "extensions": EXTENSIONS,
            },
            "camera": toml.camera.model_dump(),
            "voice": {"available": self._hearing.available, "seconds": toml.voice.seconds},
            "privacy": {
                "upload_days": cloud.upload_days,
                "result_days": cloud.result_days,
                "review_days": cloud.review_days,
                "labeller": labeller,
                "learns": labeller != "device",
            },
            "samples": [{"id": id, "url": f"/api/samples/{id}.jpg"} for id in self._samples],
            "version": self._version,
        }

    def health(self) -> Mapping[str, Any]:
        """The state, and a sentence about each part that does not work."""
        troubles = [{"part": each.part, "state": each.state, "why": each.sentence} for each in self._labeller.troubles]
        camera = self._state["camera"]
        if camera in ("failed", "blind"):
            why = self._watching.camera.failed or "no page sends pictures: is the browser open?"
            troubles.append({"part": "camera", "state": camera, "why": f"the camera does not look: {why}"})
        page = "ok" if self._clock() - self._page_s < 15 else "silent"
        return {**self._state, "page": page, "kiosk": self._cloud.kiosk_id, "troubles": troubles}

    # What the page asks.

    def eye(self, grey: bytes) -> None:
        self._watching.eye(grey)

    def frame(self, visit: str, jpeg: bytes, *, at_ms: float | None) -> None:
        self._watching.frame(visit, jpeg, at_ms=at_ms)

    def camera(self, *, on: bool | None, failed: str | None) -> None:
        self._watching.switch_camera(on=on, failed=failed)

    def switch(self, visit: str | None, screen: str) -> None:  # noqa: ARG002 - whichever, the person chose
        self._watching.switch(visit)

    def begin(self) -> str:
        return self._watching.begin()

    def end(self, visit: str | None, why: str) -> None:
        log.info("visit ends: %s", why)
        self._watching.end(visit)

    async def order(self, fields: object) -> Receipt:
        visits = self._watching.visits
        receipt = await self._selling.order(fields, visit=visits.id, label=visits.label)
        self._publish_health()
        return receipt

    def call(self, visit: str | None, reason: str) -> None:
        self._selling.call(visit, reason)

    def call_answered(self, id: str) -> None:
        self._selling.call_answered(id)

    async def listen(self, visit: str | None, listening: Listening) -> None:  # noqa: ARG002 - words are of nobody
        await self._hearing.start(listening)

    async def hear(self, id: str, pcm: bytes) -> None:
        await self._hearing.feed(id, pcm)

    async def stop_listening(self, id: str) -> None:
        await self._hearing.stop(id)

    def heartbeat(self, screen: str, visit: str | None) -> None:  # noqa: ARG002 - the visit is the agent's to know
        self._page_s = self._clock()
        self._watching.heartbeat(screen)

    async def figures(self) -> Mapping[str, Any]:
        return await self._selling.figures()

    def sample(self, id: str) -> Path | None:
        return self._samples.get(id)

    def enter(self, sample: str | None) -> bool:
        if sample is not None and sample not in self._samples:
            return False
        self._watching.enter(None if sample is None else self._samples[sample].read_bytes())
        return True

    # What the eye tells.

    def suggest_for(self, visit: str | None, label: tuple[Label, float] | None) -> None:
        """Choose dishes for that visit in the background."""
        name, confidence = label or (None, None)
        still = lambda: self._watching.visits.id == visit  # noqa: E731
        task = asyncio.get_running_loop().create_task(self._selling.suggest(visit, name, confidence, still=still))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch_health(self) -> None:
        while True:
            try:
                self._pending = await self._selling.pending()
            except Exception:  # a disk that is full: the kiosk shows the menu all the same
                log.exception("the orders can't be read")
            self._publish_health()
            await asyncio.sleep(HEALTH_S)

    @property
    def _state(self) -> dict[str, Any]:
        camera = self._watching.camera
        if self._toml.camera.use == "none":
            looks = "none"
        elif camera.failed is not None:
            looks = "failed"
        else:
            looks = "off" if not camera.on else "ok" if self._watching.sees else "blind"
        cloud = worst(self._labeller.troubles) if self._toml.camera.use != "none" else CloudState.OK
        return {
            "cloud": cloud,
            "camera": looks,
            "voice": self._hearing.available,
            "orders_pending": self._pending,
        }

    def _publish_health(self) -> None:
        if (state := self._state) != self._published:
            self._published = state
            self.events.publish("health", state)
