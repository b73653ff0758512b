"""The agent as the page sees it: requests up, events down, with a labeller and a clock of the test's."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image

from contracts.errors import NunchiError
from kiosk.device.agent import Agent
from kiosk.device.health import CloudState, Part, Trouble
from kiosk.device.presence import COLUMNS, ROWS
from kiosk.errors import InvalidOrder, NoLabeller, OrdersUnreadable, VoiceMissing
from kiosk.menu.menu import Menu
from kiosk.menu.orders import OrderBook
from kiosk.menu.places import Place
from kiosk.settings import CloudSettings, KioskToml
from kiosk.voice.port import Heard, Listening
from tests.kiosk.device.fake_labeller import FakeLabeller
from tests.kiosk.device.messages import person, without_person
from tests.waiting import until_async

T = TypeVar("T")
NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ULID = "01kb6z6m1s2e9r8q4n7t3w5y0b"
EMPTY = bytes(np.full((ROWS, COLUMNS), 100, np.uint8))
SOMEBODY = bytes(np.where(np.arange(COLUMNS) < 40, 10, 100).astype(np.uint8).repeat(ROWS).reshape(COLUMNS, ROWS).T)
CLOUD = CloudSettings.model_validate(
    {
        "kiosk_id": "shop1",
        "client_id": "shop1",
        "mqtt_host": "broker.example",
        "mqtt_port": 8883,
        "credentials_url": "https://example",
        "region": "ap-northeast-2",
        "s3_endpoint": "https://s3.example",
        "bucket": "b",
        "ca": "ca.pem",
        "cert": "c.pem",
        "key": "k.pem",
    }
)


def jpeg(shade: int = 128) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (320, 240), (shade, shade, shade)).save(written, "JPEG")
    return written.getvalue()


class FakePlaces:
    """Suggests a dish that names the label."""

    def choose(self, label: Any, confidence: float | None, hour: int) -> tuple[Place, ...]:
        return (Place(f"{label}/{confidence and round(confidence, 2)}/{hour}", None),)


@dataclass
class FakeVoice:
    available: bool = True
    fails: bool = False
    fed: list[tuple[str, bytes]] = field(default_factory=list)

    async def start(self, listening: Listening) -> None:  # noqa: ARG002
        if self.fails:
            raise RuntimeError("the engine is broken")

    async def feed(self, id: str, pcm: bytes) -> None:
        self.fed.append((id, pcm))

    async def stop(self, id: str) -> Heard:  # noqa: ARG002
        if self.fails:
            raise RuntimeError("the engine is broken")
        return Heard("understood", ("tteokbokki", "count-1"))


@dataclass
class Page:
    """A page that remembers events, and does what a page does."""

    agent: Agent
    clock: list[float]
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [data for each, data in self.heard if each == name]

    async def until(self, name: str, count: int = 1) -> dict[str, Any]:
        await until_async(lambda: len(self.events(name)) >= count)
        return self.events(name)[count - 1]

    def passes(self, seconds: float) -> None:
        self.clock[0] += seconds

    def sees(self, picture: bytes, times: int = 2) -> None:
        for _ in range(times):
            self.passes(0.2)
            self.agent.eye(picture)

    def sends_burst(self) -> None:
        burst = self.events("burst")[-1]
        for number in range(burst["count"]):
            self.agent.frame(burst["visit"], jpeg(100 + number), at_ms=number * burst["gap_ms"])


@asynccontextmanager
async def _page(
    labeller: FakeLabeller,
    folder: Path,
    *,
    toml: KioskToml | None = None,
    voice: FakeVoice | None = None,
    samples: dict[str, Path] | None = None,
) -> AsyncGenerator[Page, None]:
    clock = [1000.0]
    book = OrderBook(folder / "orders.sqlite", lambda: NOON)
    agent = Agent(
        CLOUD,
        toml or KioskToml(),
        menu=Menu.load(),
        book=book,
        places=FakePlaces(),
        labeller=labeller,
        voice=voice,
        samples=samples or {},
        version="1",
        clock=lambda: clock[0],
        wall=lambda: NOON,
    )
    page = Page(agent, clock)

    async def listen() -> None:
        async for name, data in agent.events.listen():
            page.heard.append((name, json.loads(data)))

    tasks = [asyncio.create_task(agent.run()), asyncio.create_task(listen())]
    try:
        await page.until("hello")
        page.sees(EMPTY, 3)
        yield page
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        book.close()


def run(test: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, **options: Any) -> T:
    return asyncio.run(test(*arguments, **options))


def test_an_elder_comes_and_the_easy_screen_is_suggested(tmp_path: Path) -> None:
    """Presence, a burst, three photos asked about, a suggestion with the visit's id, dishes for the label."""

    async def test() -> None:
        labeller = FakeLabeller(person(0.9))
        async with _page(labeller, tmp_path) as page:
            page.sees(SOMEBODY)
            visit = (await page.until("visit"))["visit"]
            assert await page.until("burst") == {
                "visit": visit,
                "count": 5,
                "gap_ms": 220,
                "width": 1280,
                "height": 720,
                "quality": 0.85,
            }
            page.sends_burst()
            suggestion = await page.until("suggestion")
            assert (suggestion["visit"], suggestion["screen"], suggestion["elder"]) == (visit, "easy", 0.9)
            await until_async(lambda: any("elder_female" in str(places) for places in page.events("places")))
            assert len(labeller.asked) == 3
            assert page.events("camera")[-1] == {"on": True, "looking": False, "failed": None}
            assert [camera["looking"] for camera in page.events("camera")] == [True, False]
            situation = page.agent.situation()
            assert (situation["visit"], situation["suggestion"]) == (visit, suggestion)

    run(test)


def test_an_adult_comes_and_nothing_is_suggested(tmp_path: Path) -> None:
    """The usual screen stays."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.05)), tmp_path) as page:
            page.sees(SOMEBODY)
            await page.until("burst")
            page.sends_burst()
            await until_async(lambda: any("adult_female" in str(places) for places in page.events("places")))
            assert page.events("suggestion") == []

    run(test)


def test_the_persons_own_switch_wins_over_a_later_label(tmp_path: Path) -> None:
    """Pressed while the cloud was still thinking."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.99), after_s=0.05), tmp_path) as page:
            page.sees(SOMEBODY)
            visit = (await page.until("visit"))["visit"]
            await page.until("burst")
            page.sends_burst()
            page.agent.switch(visit.upper(), "usual")
            await until_async(lambda: any("elder_female" in str(places) for places in page.events("places")))
            assert page.events("suggestion") == []
            assert page.agent.situation()["suggestion"] is None

    run(test)


def test_a_person_who_leaves_is_forgotten_and_their_label_is_dropped(tmp_path: Path) -> None:
    """The answer arrives after they left: the next person is not greeted with it."""

    async def test() -> None:
        labeller = FakeLabeller(person(0.99), after_s=0.1)
        async with _page(labeller, tmp_path) as page:
            page.sees(SOMEBODY)
            await page.until("burst")
            page.sends_burst()
            await until_async(lambda: len(labeller.asked) == 3)
            page.sees(EMPTY)
            page.passes(4.1)
            page.agent.eye(EMPTY)
            assert (await page.until("visit", 2)) == {"visit": None}
            page.sees(SOMEBODY)
            second = (await page.until("visit", 3))["visit"]
            await asyncio.sleep(0.15)
            assert page.events("suggestion") == []
            assert second != page.events("visit")[0]["visit"]

    run(test)


@pytest.mark.parametrize("answer", [NoLabeller("no network"), person(0.99)])
def test_with_a_cloud_that_is_off_or_late_the_shop_sells_in_the_usual_mode(
    tmp_path: Path, answer: Exception | Any
) -> None:
    """An order is accepted while nothing has answered; nobody waits, nothing is suggested."""

    async def test() -> None:
        late = 0 if isinstance(answer, Exception) else 3600
        labeller = FakeLabeller(answer, after_s=late)
        labeller.troubles = [Trouble(Part.NETWORK, CloudState.OFF, "the network does not reach broker.example")]
        async with _page(labeller, tmp_path) as page:
            page.sees(SOMEBODY)
            visit = (await page.until("visit"))["visit"]
            await page.until("burst")
            page.sends_burst()
            receipt = await page.agent.order(_order(visit))
            assert (receipt.number, page.events("suggestion")) == (1, [])
            health = page.agent.health()
            assert (health["cloud"], health["troubles"][0]["why"]) == (
                "off",
                "the network does not reach broker.example",
            )

    run(test)


def test_frames_of_another_visit_or_too_close_are_dropped(tmp_path: Path) -> None:
    """And a burst whose photos do not come ends by itself."""

    async def test() -> None:
        labeller = FakeLabeller(person(0.9))
        async with _page(labeller, tmp_path) as page:
            page.agent.frame("nobody", jpeg(), at_ms=0)
            page.sees(SOMEBODY)
            visit = (await page.until("burst"))["visit"]
            for _ in range(9):
                page.agent.frame(visit, jpeg(), at_ms=5)
                page.agent.frame(ULID, jpeg(), at_ms=1000)
            for _ in range(20):
                page.sees(SOMEBODY, 1)
            await until_async(lambda: labeller.asked)
            assert len(labeller.asked) == 1

    run(test)


def test_a_camera_that_is_turned_off_sees_nothing_and_forgets(tmp_path: Path) -> None:
    """Photos on their way are dropped; a touch begins a visit all the same, without a burst."""

    async def test() -> None:
        labeller = FakeLabeller(person(0.99))
        async with _page(labeller, tmp_path) as page:
            page.sees(SOMEBODY)
            visit = (await page.until("burst"))["visit"]
            page.agent.camera(on=False, failed=None)
            page.sends_burst()
            page.agent.end(visit, "restart")
            assert page.agent.begin() not in (None, visit)
            await page.until("visit", 3)
            assert page.agent.situation()["camera"] == {"on": False, "looking": False, "failed": None}
            assert (labeller.asked, len(page.events("burst"))) == ([], 1)
            assert page.agent.health()["camera"] == "off"

    run(test)


def test_a_camera_that_failed_is_told_until_it_sends_pictures_again(tmp_path: Path) -> None:
    """With the browser's own word for it."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.9)), tmp_path) as page:
            page.agent.camera(on=None, failed="NotAllowedError")
            assert page.agent.health()["troubles"] == [
                {"part": "camera", "state": "failed", "why": "the camera does not look: NotAllowedError"}
            ]
            page.sees(EMPTY)
            assert (page.agent.health()["camera"], page.agent.health()["troubles"]) == ("ok", [])

    run(test)


def test_a_page_that_sends_no_pictures_leaves_the_kiosk_blind(tmp_path: Path) -> None:
    """The staff sees it; visits end."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.9)), tmp_path) as page:
            page.sees(SOMEBODY)
            await page.until("visit")
            page.passes(8)
            await page.until("visit", 2)
            assert page.agent.health()["camera"] == "blind"

    run(test)


def test_an_empty_picture_that_changed_is_learnt(tmp_path: Path) -> None:
    """The cloud says twice that nobody is there."""

    async def test() -> None:
        async with _page(FakeLabeller(without_person()), tmp_path) as page:
            page.sees(SOMEBODY)
            await page.until("burst")
            page.sends_burst()
            await until_async(lambda: page.events("camera")[-1]["looking"] is False)
            page.passes(1.6)
            page.agent.eye(SOMEBODY)
            await page.until("burst", 2)
            page.sends_burst()
            assert (await page.until("visit", 2)) == {"visit": None}
            page.sees(SOMEBODY, 20)
            assert len(page.events("visit")) == 2

    run(test)


def test_a_sample_comes_in_and_leaves_as_a_person_does(tmp_path: Path) -> None:
    """Without a camera: the demonstration's photo is asked about."""

    async def test() -> None:
        sample = tmp_path / "usg_A1.jpg"
        sample.write_bytes(jpeg())
        labeller = FakeLabeller(person(0.9))
        async with _page(labeller, tmp_path, samples={"usg_A1": sample}) as page:
            assert not page.agent.enter("usg_B2")
            assert page.agent.enter("usg_A1")
            assert (await page.until("suggestion"))["screen"] == "easy"
            assert page.events("burst") == []
            assert page.agent.enter(None)
            assert (await page.until("visit", 2)) == {"visit": None}
            assert page.agent.description()["samples"] == [{"id": "usg_A1", "url": "/api/samples/usg_A1.jpg"}]

    run(test)


def test_without_a_camera_by_the_settings_nothing_is_asked(tmp_path: Path) -> None:
    """Easy mode is one touch away."""

    async def test() -> None:
        toml = KioskToml.model_validate({"camera": {"use": "none"}})
        labeller = FakeLabeller(person(0.9))
        async with _page(labeller, tmp_path, toml=toml) as page:
            page.agent.begin()
            await page.until("visit")
            assert (page.events("burst"), labeller.asked) == ([], [])
            assert page.agent.health()["camera"] == "none"

    run(test)


def _order(visit: str | None, order_id: str = ULID, price: int = 2000) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "visit": visit,
        "screen": "easy",
        "language": "ko",
        "type": "here",
        "by": {"touch": 4, "voice": 0},
        "lines": [{"dish": "sikhye", "choices": _choices("sikhye"), "count": 1, "price": price}],
        "total": price,
        "paid": {"method": "card", "demo": True},
    }


def _choices(dish: str) -> list[str]:
    menu = Menu.load()
    found = menu.dish(dish)
    assert found is not None
    return [f"{id}/{each.id}" for id in found.options for each in menu.options[id].choices if each.default]


def test_an_order_is_accepted_once_and_an_invalid_one_never(tmp_path: Path) -> None:
    """The same order again is the same receipt; figures count it once."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.9)), tmp_path) as page:
            first = await page.agent.order(_order(None))
            assert await page.agent.order(_order(None)) == first
            with pytest.raises(InvalidOrder):
                await page.agent.order(_order(None, price=1))
            figures = await page.agent.figures()
            assert (figures["orders"], figures["pending"], figures["day"]) == (1, 1, "2026-11-29")
            assert figures["top"] == [{"dish": "sikhye", "count": 1}]

    run(test)


def test_an_order_that_can_not_be_written_down_is_refused(tmp_path: Path) -> None:
    """A receipt without an order would be a lie."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.9)), tmp_path) as page:
            (tmp_path / "orders.sqlite").unlink()
            page.agent._selling._book.close()  # type: ignore[attr-defined]  # pyrefly: ignore
            with pytest.raises(OrdersUnreadable):
                await page.agent.order(_order(None))

    run(test)


def test_a_call_waits_until_somebody_answers_it(tmp_path: Path) -> None:
    """Pressed twice it is one call."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.9)), tmp_path) as page:
            page.agent.call("v1", "help")
            page.agent.call("v1", "help")
            calls = (await page.until("calls"))["calls"]
            assert [(call["reason"], call["visit"]) for call in calls] == [("help", "v1")]
            page.agent.call_answered(calls[0]["id"])
            assert await page.until("calls", 2) == {"calls": []}

    run(test)


def test_what_was_heard_is_told_to_the_page(tmp_path: Path) -> None:
    """Listening, then words; sound of another listening is dropped; the end comes once."""

    async def test() -> None:
        voice = FakeVoice()
        async with _page(FakeLabeller(person(0.9)), tmp_path, voice=voice) as page:
            await page.agent.listen(None, Listening("l1", "ko", ("dish",), None))
            await page.agent.hear("l1", b"ab")
            await page.agent.hear("l0", b"cd")
            await page.agent.stop_listening("l1")
            await page.agent.stop_listening("l1")
            await page.until("heard", 2)
            assert page.events("heard") == [
                {"listening": "l1", "status": "listening", "words": []},
                {"listening": "l1", "status": "understood", "words": ["tteokbokki", "count-1"]},
            ]
            assert voice.fed == [("l1", b"ab")]

    run(test)


@pytest.mark.parametrize("voice", [None, FakeVoice(available=False), FakeVoice(fails=True)])
def test_an_engine_that_is_missing_or_broken_costs_a_sentence(tmp_path: Path, voice: FakeVoice | None) -> None:
    """The customer touches instead."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.9)), tmp_path, voice=voice) as page:
            with pytest.raises(VoiceMissing):
                await page.agent.listen(None, Listening("l1", "ko", ("dish",), None))
            assert issubclass(VoiceMissing, NunchiError)

    run(test)


def test_the_page_gets_what_the_settings_say(tmp_path: Path) -> None:
    """The menu, the screen, how long photos are kept, and that no voice is there."""

    async def test() -> None:
        async with _page(FakeLabeller(person(0.9)), tmp_path) as page:
            description = dict(page.agent.description())
            menu = description.pop("menu")
            assert len(menu["dishes"]) >= 25
            assert description == {
                "shop": {"name": {"ko": "눈치분식", "en": "Nunchi Snack Bar"}},
                "kiosk": "shop1",
                "languages": ("ko", "en"),
                "language": "ko",
                "screen": {
                    "diagonal_inches": 15.6,
                    "floor_mm": 750,
                    "here_every_s": 0,
                    "elder_from": 0.4,
                    "idle_s": {"usual": 60, "easy": 120},
                    "warning_s": {"usual": 20, "easy": 30},
                    "extensions": 10,
                },
                "camera": {"use": "browser", "device": "", "width": 1280, "height": 720},
                "voice": {"available": False, "seconds": 7},
                "privacy": {
                    "upload_days": 7,
                    "result_days": 90,
                    "review_days": 90,
                    "labeller": "cloud",
                    "learns": True,
                },
                "samples": [],
                "version": "1",
            }

    run(test)


def test_hundreds_of_customers_leave_nothing_behind(tmp_path: Path) -> None:
    """No task, no photo, no queue grows."""

    async def test() -> None:
        labeller = FakeLabeller(person(0.9))
        async with _page(labeller, tmp_path) as page:
            for number in range(300):
                page.sees(SOMEBODY)
                page.agent.begin()
                page.agent.heartbeat("menu", None)
                await until_async(lambda number=number: len(page.events("burst")) > number)  # type: ignore[misc]
                page.sends_burst()
                page.agent.end(None, "receipt")
                page.sees(EMPTY)
                page.passes(1)
            await until_async(lambda: not page.agent._watching._asking)
            await until_async(lambda: len(asyncio.all_tasks()) < 12)
            assert page.agent._watching._burst is None
            assert page.agent.events.pages == 1

    run(test)
