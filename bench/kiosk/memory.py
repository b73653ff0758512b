"""Memory of agent and page while customers come, get a decision, order and leave, in fast time."""

from __future__ import annotations

import random
import time
from dataclasses import asdict
from typing import Any, Final

from bench.kiosk.agent import AgentProcess
from bench.kiosk.arrivals import WITHIN_MS
from bench.kiosk.figures import growth
from bench.kiosk.page import ADULTS, ELDERS, NOBODY, Shown, camera_script, chromium, kiosk_page, scenes

SPEED: Final = 4.0  # of the page's timers: photos of a burst lie 55 ms apart, small pictures 50 ms
EVERY: Final = 20  # customers between two readings
WARM_UP: Final = 200  # customers: caches fill, code is compiled
LOOKS: Final = 6  # small pictures until an empty shop counts as empty
PICTURE: Final = (640, 360)
# A burst of three, of which one is asked about: what a customer leaves behind does not depend on how many there were.
SETTINGS: Final = ("burst = 3", "keep = 1", "[visit]", "leave_s = 0.5")
DISHES: Final = ".row, .dishes .card"  # of the easy screen, and of the usual one
HELD: Final = ("agent_mb", "model_mb", "heap", "nodes", "listeners")


def measure(agent: AgentProcess, *, customers: int, within_s: float, seed: int = 1) -> dict[str, Any]:
    """One customer after the other, for so many seconds at most; readings every EVERY, the growth after WARM_UP."""
    rng = random.Random(seed)  # noqa: S311 - drawn customers are no secret
    readings: list[dict[str, Any]] = []
    counts = {"visits": 0, "easy": 0, "orders": 0, "left_without": 0, "timed_out": 0}
    began = time.monotonic()
    script = camera_script(scenes(), speed=SPEED, fps=10, size=PICTURE)
    with chromium() as browser, kiosk_page(browser, agent.url, script, moves=False) as shown:
        for number in range(1, customers + 1):
            if time.monotonic() - began > within_s:
                break
            _visit(shown, rng, counts)
            if number % EVERY == 0:
                readings.append(_reading(agent, shown, number))
                if number % (2 * EVERY) == 0:
                    print(f"  {_line(readings[-1])}, {time.monotonic() - began:.0f} s", flush=True)
        if not readings:
            raise SystemExit(f"bench: fewer than {EVERY} customers came; nothing was read")
        if counts["orders"] > len(set(shown.ordered)):
            raise SystemExit(f"bench: {counts['orders']} receipts, but the page got {len(set(shown.ordered))} numbers")
        errors = list(shown.errors)
    return {"speed": SPEED, **counts, "page_errors": errors, **summary(readings)}


def summary(readings: list[dict[str, Any]]) -> dict[str, Any]:
    """First reading, the first after the warm-up, the last; growth by customer after it: bytes, nodes, listeners."""
    warm = [each for each in readings if each["customers"] >= WARM_UP] or readings
    customers = [round(each["customers"]) for each in warm]
    grows = {}
    for name in HELD:
        scale = 1e6 if name.endswith("_mb") else 1
        if len(warm) > 2 and all(each.get(name) is not None for each in warm):
            grows[name.removesuffix("_mb")] = growth(customers, [each[name] * scale for each in warm])
    return {"first": readings[0], "warm": warm[0], "last": readings[-1], "growth": grows, "readings": readings}


def _visit(shown: Shown, rng: random.Random, counts: dict[str, int]) -> None:
    """A customer comes in, nine of ten order, and leaves."""
    counts["visits"] += 1
    name = rng.choice((*ELDERS, *ADULTS))
    shown.page.evaluate("([name, within]) => bench.arrive(name, within)", [name, WITHIN_MS])
    counts["easy"] += shown.screen == "easy"
    if rng.random() < 0.1:
        counts["left_without"] += 1
    else:
        before = [[control, 0] for control, share in ((".language", 0.2), (".switch", 0.2)) if rng.random() < share]
        numbered = shown.page.evaluate("(controls) => bench.touch(controls, 'receipt')", [*before, *_order(rng)])
        counts["orders" if numbered else "timed_out"] += 1
        if numbered:
            shown.page.evaluate("() => bench.touch([['.forward', 0]], 'attract')")  # the receipt is taken
    shown.page.evaluate("(nobody) => bench.show(nobody)", NOBODY)
    shown.page.evaluate("(looks) => bench.looks(looks)", LOOKS)
    shown.shows(step="attract", screen="usual")
    shown.page.wait_for_function("() => !JSON.parse(localStorage.nunchi).state.visit")


def _order(rng: random.Random) -> list[tuple[str, int]]:
    """The controls from the first page to the number: at the counter, or (one of five) by card."""
    counter = int(rng.random() < 0.8)
    dish = (DISHES, rng.randrange(2))
    return [(".main.start", 0), (".pick", rng.randrange(2)), dish, (".forward", 0), (".forward", 0), (".pick", counter)]


def _reading(agent: AgentProcess, shown: Shown, customers: int) -> dict[str, Any]:
    return {
        "customers": customers,
        "agent_mb": round(agent.resident_mb, 2),
        "model_mb": None if agent.model_mb is None else round(agent.model_mb, 2),
        **asdict(shown.held()),
    }


def _line(reading: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in reading.items())
