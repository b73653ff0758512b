"""Hours of a shop in fast time: customers who order, leave in the middle, change the language, turn the camera off.

The page's clock and the agent's are moved ahead together, two seconds at a time; meanwhile both also run as they do.
The labeller answers as drawn, and is away at times; everything else is the real kiosk.
"""

from __future__ import annotations

import math
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from playwright.sync_api import Route

from bench.kiosk.page import ELDERS, NOBODY, Held, Shown
from kiosk.device.health import CloudState, Part, Trouble
from kiosk.errors import NoLabeller
from tests.kiosk.device.messages import person, without_person
from tests.kiosk.screen.page.conftest import Kiosk

DISHES: Final = ".row, .dishes .card"  # of the easy screen, and of the usual one
WAY: Final = {  # what goes on from each step, in their order
    "attract": ".main.start",
    "type": ".pick",
    "menu": DISHES,
    "dish": ".forward",
    "options": ".forward",
    "cart": ".forward",
    "pay": ".pick",
}
TOUCHES: Final = 6, 12  # from the first page to the number: at least, and more than it takes if the screen turns
STEP_S: Final = 2.0  # the agent takes a camera for blind after 3 s without a small picture
LONGEST_STEPS: Final = 200  # of an abandoned order, until the page has begun anew: 120 s, 30 s, and presence
GAP_S: Final = (20, 120)  # between two visits
DRAWN_MS: Final = 150  # until the camera has a new picture
PEOPLE: Final = ELDERS[:1]  # the labeller does not look: what it answers is drawn
PICTURE, FPS = (320, 180), 1.0
AWAY: Final = Trouble(Part.BROKER, CloudState.OFF, "the broker is away")
WARM_UP: Final = 10  # visits, until the page has shown every step


class Soak:
    """One shop. `counts`: what happened."""

    def __init__(self, shown: Shown, kiosk: Kiosk, *, seed: int = 1) -> None:
        self._shown, self._kiosk = shown, kiosk
        self._rng = random.Random(seed)  # noqa: S311 - drawn customers are no secret
        self._losses = random.Random(seed)  # noqa: S311 - of its own: requests come when they come
        self.counts: Counter[str] = Counter()
        self._jumped_s, self._began_s = 0.0, time.monotonic()
        shown.page.route("**/api/orders", self._lose_some)

    @property
    def passed_s(self) -> float:
        """Seconds of shop time: jumps, and the time between them."""
        return self._jumped_s + time.monotonic() - self._began_s

    def run(
        self,
        *,
        seconds: float = math.inf,
        visits: float = math.inf,
        within_s: float = math.inf,
        warm_up: int = WARM_UP,
        note: Callable[[str], None] = lambda _: None,
    ) -> dict[str, Any]:
        """So many seconds of shop time, visits, or real seconds; the report. Every visit ends at the first step."""
        began: Held | None = None
        until_s = time.monotonic() + within_s
        while self.passed_s < seconds and self.counts["visits"] < visits and time.monotonic() < until_s:
            self._visit()
            if self.counts["visits"] == warm_up:
                began = self._shown.held()
            if self.counts["visits"] % 10 == 0:
                note(f"{self.passed_s / 60:.0f} min of shop time: {dict(self.counts)}")
        if began is None:
            raise ValueError(f"{seconds:g} s, {visits:g} visits: too few for {warm_up} to warm up")
        self._camera(on=True)
        ended = self._shown.held()
        errors, unspoken = self._errors()
        return {
            "shop_s": round(self.passed_s),
            "ends_at": self._shown.step,
            "counts": dict(self.counts),
            "errors": errors,
            "prompts_not_spoken": unspoken,
            "held": {"after": warm_up, "began": asdict(began), "ended": asdict(ended)},
            "orders": self._orders(),
        }

    def _visit(self) -> None:
        rng, counts = self._rng, self.counts
        counts["visits"] += 1
        self._passes(rng.uniform(*GAP_S))
        if rng.random() < 0.1:
            self._labeller_away(not self._kiosk.labeller.troubles)
        self._kiosk.labeller.answer = self._answer()
        self._show(PEOPLE[0])
        self._passes(3, step_s=0.25)  # a burst, and its answers
        if rng.random() < 0.1:
            self._camera(on=False)
        kind = rng.choices(("orders", "hesitates", "abandons", "passes by"), (60, 10, 20, 10))[0]
        counts[kind] += 1
        if kind != "passes by":
            self._walk(kind)
        self._show(NOBODY)
        self._until_begun_anew()
        self._camera(on=True)

    def _walk(self, kind: str) -> None:
        """From the first page towards the number; some leave before they have it."""
        rng, shown = self._rng, self._shown
        card = rng.random() < 0.3
        stop = rng.randrange(1, TOUCHES[0]) if kind != "orders" else None
        for touched in range(TOUCHES[1]):
            if touched == stop:
                if kind == "abandons":
                    return
                self._answers_the_question()
            if rng.random() < 0.15:
                self._touch(rng.choice((".language", ".switch", ".lower", ".call")))
            step = shown.step  # the screen may turn between two touches, and the easy one has steps of its own
            if step in ("paying", "receipt"):
                break
            control = WAY[step]
            if step == "menu" and shown.page.locator(".forward").count():  # a dish is in the cart
                control = ".forward"
            of_two = int(not card) if step == "pay" else rng.randrange(2)
            self._touch(control, of_two if control in (".pick", DISHES) else 0)
        else:
            raise AssertionError(f"{TOUCHES[1]} touches, and the page shows {shown.step}")
        for _ in range(60):
            if shown.step == "receipt":
                break
            self._passes(STEP_S)
        shown.shows(step="receipt")
        self.counts["receipts"] += 1
        if rng.random() < 0.5:
            self._touch(".forward")

    def _answers_the_question(self) -> None:
        """Touches nothing until the page asks, and then goes on."""
        asking = self._shown.page.locator(".asking .main")
        for _ in range(LONGEST_STEPS):
            if asking.count():
                break
            self._passes(STEP_S)
        self.counts["questions"] += 1
        self._touch(".asking .main")

    def _until_begun_anew(self) -> None:
        """The page's own clocks end what was left."""
        for _ in range(LONGEST_STEPS):
            if self._shown.step == "attract" and self._shown.visit is None:
                return
            self._passes(STEP_S)
        raise AssertionError(f"after {LONGEST_STEPS * STEP_S:g} s without anybody the page shows {self._shown.step}")

    def _answer(self) -> Any:
        rng = self._rng
        if self._kiosk.labeller.troubles:
            return NoLabeller("the broker is away")
        drawn = rng.random()
        if drawn < 0.1:
            return without_person()
        return person(rng.uniform(0.02, 0.98), female=rng.uniform(0.1, 0.9), sure=rng.random() < 0.8)

    def _labeller_away(self, away: bool) -> None:
        self._kiosk.labeller.troubles = [AWAY] if away else []
        self.counts["labeller away" if away else "labeller back"] += 1

    def _camera(self, *, on: bool) -> None:
        """A person turns it off, or the shop on again, by the page about privacy."""
        shown = self._shown
        if shown.page.evaluate("() => bench.on") == on:
            return
        self._touch(".look")
        self._touch(".privacy .pair .second")
        self._touch(".privacy .main")
        self.counts[f"camera {'on' if on else 'off'}"] += 1

    def _touch(self, control: str, number: int = 0) -> None:
        self._shown.touch(control, number)
        self._passes(self._rng.uniform(0.5, 6))

    def _show(self, scene: str) -> None:
        self._shown.page.evaluate("(scene) => bench.show(scene)", scene)
        self._shown.page.wait_for_timeout(DRAWN_MS)

    def _passes(self, seconds: float, *, step_s: float = STEP_S) -> None:
        """Let time pass for page and agent together."""
        while seconds > 0:
            step = min(step_s, seconds)
            self._kiosk.passes(step)
            self._shown.page.clock.run_for(round(step * 1e3))
            self._shown.settles()
            seconds -= step
            self._jumped_s += step

    def _lose_some(self, route: Route) -> None:
        """One answer of ten is lost on its way: the agent has the order, the page does not know."""
        if self._losses.random() < 0.1:
            route.fetch()
            self.counts["answers lost"] += 1
            route.abort()
        else:
            route.continue_()

    def _errors(self) -> tuple[list[str], int]:
        """What the page complained of; without the answers that were lost, and prompts that nobody has spoken."""
        lost = [error for error in self._shown.errors if "/api/orders" in error]
        unspoken = [error for error in self._shown.errors if "/api/prompts/" in error]
        others = [error for error in self._shown.errors if error not in (*lost, *unspoken)]
        return [*others, *lost[self.counts["answers lost"] :]], len(unspoken)

    def _orders(self) -> dict[str, int]:
        """Numbers that the page showed, and orders in the book: each of the page's is there once, and no other."""
        with closing(sqlite3.connect(self._kiosk.orders)) as book:
            written = [row[0] for row in book.execute("SELECT order_id FROM orders")]
        ordered = Counter(id.lower() for id in self._shown.ordered)
        of_page = Counter(id for id in written if id in ordered)
        return {
            "numbers": len(ordered),
            "written_once": sum(count == 1 for count in of_page.values()),
            "written": len(written),
        }
