"""The eye of the kiosk: pictures and photos in, visits and suggestions out. The cloud is asked, never waited for.

    small pictures ─► presence ─► visits ─► burst ─► sharpest photos ─► labeller ─► answers ─► visits ─► easy
    (the page's)      presence.py visit.py  burst.py photos.py          labellers.py           evidence.py

Photos are held in memory until they are answered about, and never written to a disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from contracts.instants import now
from contracts.names import new_image_id
from kiosk.device.burst import Burst, BurstRules, sharpest
from kiosk.device.labellers import Labeller
from kiosk.device.photos import Photo, read
from kiosk.device.presence import Presence, grey_of
from kiosk.device.visit import (
    Began,
    Effect,
    Ended,
    LabelKnown,
    NobodyThere,
    SuggestEasy,
    TakePhotos,
    VisitRules,
    Visits,
)
from kiosk.errors import KioskError
from kiosk.screen.events import Events
from recipes.kiosk.labels import Label

log = logging.getLogger(__name__)

TICK_S: Final = 0.2
BLIND_S: Final = 3.0  # without a small picture for so long, the camera or the page is gone


class HearsOfVisits(Protocol):
    """What else follows the visits: the suggestions of dishes."""

    def suggest_for(self, visit: str | None, label: tuple[Label, float] | None) -> None: ...


@dataclass(slots=True)
class Camera:
    """The camera, as the page and people say: turned on, and why it failed."""

    on: bool = True
    failed: str | None = None


class Watching:
    """Publishes `visit`, `burst`, `suggestion` and `camera`. Belongs to one event loop; `clock` is monotonic, seconds.

    `has_camera` False: visits begin by touch only.
    """

    def __init__(
        self,
        labeller: Labeller,
        events: Events,
        *,
        rules: VisitRules,
        burst: BurstRules,
        clock: Callable[[], float],
        has_camera: bool = True,
        follower: HearsOfVisits,
    ) -> None:
        self._labeller, self._events, self._clock, self._follower = labeller, events, clock, follower
        self._rules, self._burst_rules = rules, burst
        self._has_camera = has_camera
        self.visits = Visits(rules, lambda: new_image_id(now()))
        self.presence = Presence()
        self.camera = Camera()
        self._burst: Burst | None = None
        self._burst_s = 0.0
        self._asking: set[asyncio.Task[None]] = set()
        self._eye_s = float("-inf")
        self._looking = False
        self._sample: bytes | None = None

    @property
    def situation(self) -> dict[str, Any]:
        """What a page must know when it connects."""
        elder, visit = self.visits.suggested, self.visits.id
        suggestion = None if elder is None else _suggestion(visit, elder)
        return {"visit": visit, "suggestion": suggestion, "camera": self.camera_state}

    @property
    def camera_state(self) -> dict[str, Any]:
        """The camera, as the page shows it."""
        on = self._has_camera and self.camera.on and self.camera.failed is None
        return {"on": on, "looking": self._looking, "failed": self.camera.failed}

    @property
    def sees(self) -> bool:
        """Whether small pictures arrive."""
        return self._clock() - self._eye_s < BLIND_S

    async def run(self) -> None:
        """Let time pass, until cancelled."""
        try:
            while True:
                self.passed()
                await asyncio.sleep(TICK_S)
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    def passed(self) -> None:
        """Time passed: a visit may end, a burst too."""
        at = self._clock()
        if self._sample is not None:
            self._happened(self.visits.looked(True, at))
        elif not self.sees:
            self._happened(self.visits.looked(False, at))
        else:
            self._happened(self.visits.passed(at))
        if self._burst is not None and at - self._burst_s >= self._burst_rules.longest_s:
            self._photos_taken(self._burst)

    def eye(self, grey: bytes) -> None:
        """A small picture. While a sample is in, the camera's are ignored."""
        at = self._eye_s = self._clock()
        if self.camera.failed is not None:
            self.camera.failed = None
            self._camera_changed()
        if self.camera.on and self._sample is None:
            self._happened(self.visits.looked(self.presence.look(grey_of(grey), at), at))

    def frame(self, visit: str, jpeg: bytes, *, at_ms: float | None) -> None:
        """A photo of a burst; of another visit, or after the burst, it is dropped."""
        burst = self._burst
        if burst is None or burst.visit != visit.lower() or not self.camera.on or self._sample is not None:
            return
        if burst.add(jpeg, self._clock() * 1e3 if at_ms is None else at_ms) and burst.complete:
            self._photos_taken(burst)

    def switch_camera(self, *, on: bool | None, failed: str | None) -> None:
        """A person turned it on or off, or the browser says why it failed. Off: what it saw is forgotten."""
        if on is not None:
            self.camera.on = on
        if failed is not None or on:
            self.camera.failed = failed
        if not self.camera.on or failed is not None:
            self.presence.forget()
            self._eye_s = float("-inf")
            self._drop_photos()
        self._camera_changed()

    def begin(self) -> str:
        """The page was touched."""
        self._happened(self.visits.touched(self._clock()))
        visit = self.visits.id
        assert visit is not None  # noqa: S101 - it was touched
        return visit

    def end(self, visit: str | None) -> None:
        """The page is done with the visit."""
        self._happened(self.visits.ended(_lower(visit), self._clock()))

    def switch(self, visit: str | None) -> None:
        """The person chose a screen."""
        self.visits.switched(_lower(visit))

    def heartbeat(self, step: str) -> None:
        """The page shows this step."""
        self.visits.page(step, self._clock())

    def enter(self, sample: bytes | None) -> None:
        """A demonstration: the person of that photo comes in, after the one before has left; None: leaves."""
        self._sample = None
        self._happened(self.visits.left(self._clock()))
        self._sample = sample
        if sample is None:
            self.presence.forget()  # who stands before the real camera is the background of a demonstration
        else:
            self.passed()

    def _happened(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Began(visit):
                    self._events.publish("visit", {"visit": visit})
                    self._follower.suggest_for(visit, None)
                case Ended(visit):
                    self._drop_photos()
                    self._events.publish("visit", {"visit": None})
                    self._follower.suggest_for(None, None)
                case TakePhotos(visit):
                    self._take_photos(visit)
                case SuggestEasy(visit, elder):
                    self._events.publish("suggestion", _suggestion(visit, elder))
                case LabelKnown(visit, label, confidence):
                    self._follower.suggest_for(visit, (label, confidence))
                case NobodyThere():
                    self.presence.relearn()
                    self._sample = None  # a picture of an empty shop

    def _take_photos(self, visit: str) -> None:
        sees = self._has_camera and self.camera.on and self.camera.failed is None and self.sees
        if self._sample is None and not sees:
            self.visits.asked(visit, 0)
            return
        rules, self._burst_s = self._burst_rules, self._clock()
        self._burst = Burst(visit, rules)
        self._look(True)
        if self._sample is not None:
            for number in range(rules.count):
                self._burst.add(self._sample, number * rules.gap_ms)
            self._photos_taken(self._burst)
            return
        size = {"width": rules.width, "height": rules.height, "quality": rules.quality}
        self._events.publish("burst", {"visit": visit, "count": rules.count, "gap_ms": rules.gap_ms, **size})

    def _photos_taken(self, burst: Burst) -> None:
        self._burst = None
        task = asyncio.create_task(self._ask_about(burst, self._burst_s), name=f"burst-{burst.visit}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask_about(self, burst: Burst, taken_s: float) -> None:
        try:
            photos = await asyncio.to_thread(_sharpest, burst.jpegs, self._burst_rules.keep)
            burst.jpegs.clear()
            self.visits.asked(burst.visit, len(photos))
            if not photos:
                log.warning("a burst had no photo that can be read: does the page send any?")
            await asyncio.gather(*(self._ask(burst.visit, photo, taken_s) for photo in photos))
        finally:
            if self._burst is None and len(self._asking) <= 1:
                self._look(False)

    async def _ask(self, visit: str, photo: Photo, taken_s: float) -> None:
        left_s = self._rules.late_s - (self._clock() - taken_s)
        try:
            message = await self._labeller.ask(photo.jpeg, timeout_s=max(0.0, left_s))
        except KioskError as error:
            log.info("visit %s: no answer about a photo: %s", visit, error)
            self.visits.unanswered(visit)
            return
        at = self._clock()
        log.info("visit %s: %s after %.2f s", visit, message.status, at - taken_s)  # no label: logs describe no person
        self._happened(self.visits.answered(visit, message, height=photo.height, taken_s=taken_s, at_s=at))

    def _drop_photos(self) -> None:
        self._burst = None
        for task in self._asking:
            task.cancel()
        self._look(False)

    def _look(self, looking: bool) -> None:
        if looking != self._looking:
            self._looking = looking
            self._camera_changed()

    def _camera_changed(self) -> None:
        self._events.publish("camera", self.camera_state)


def _sharpest(jpegs: Sequence[bytes], keep: int) -> list[Photo]:
    return sharpest(map(read, jpegs), keep)


def _suggestion(visit: str | None, elder: float) -> dict[str, Any]:
    return {"visit": visit, "screen": "easy", "elder": round(elder, 4)}


def _lower(visit: str | None) -> str | None:
    return None if visit is None else visit.lower()
