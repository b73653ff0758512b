"""Person appears → screen changed: people come in before the camera of a kiosk, one after the other."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.kiosk.agent import AgentProcess
from bench.kiosk.figures import quantiles
from bench.kiosk.page import ADULTS, ELDERS, NOBODY, WAIT_MS, Shown, camera_script, chromium, kiosk_page, scenes

WITHIN_MS: Final = 20_000
PAUSE_S: Final = (0.3, 1.3)  # before the next: no timer of the page runs along with the arrivals
_NO_VISIT: Final = "() => !JSON.parse(localStorage.nunchi).state.visit"

Arrival = Mapping[str, Any]


def measure(agent: AgentProcess, *, each: int, seed: int = 1) -> dict[str, Any]:
    """Every sample portrait comes in `each` times, in a drawn order; the figures of elders and adults."""
    rng = random.Random(seed)  # noqa: S311 - drawn customers are no secret
    people = [*ELDERS, *ADULTS] * each
    rng.shuffle(people)
    came: dict[str, list[Arrival]] = {"elder": [], "adult": []}
    with chromium() as browser, kiosk_page(browser, agent.url, camera_script(scenes())) as shown:
        _comes(agent, shown, ADULTS[0], rng)  # warms up every process
        for number, name in enumerate(people, 1):
            arrival = _comes(agent, shown, name, rng)
            came["elder" if name in ELDERS else "adult"].append(arrival)
            print(f"  {number:>3} {name}: {_line(arrival)}", flush=True)
        errors = list(shown.errors)
    return {group: figures(arrivals) for group, arrivals in came.items()} | {"page_errors": errors}


def figures(arrivals: Sequence[Arrival]) -> dict[str, Any]:
    """Milliseconds. `changed`: to the easy screen, of those who got it; `decided`: until all answers were in.

    From the first picture of the person, from the first photo of the burst, and from its last. `cpu`, `waited`: of the
    agent and the model on the box, from the person to the last answer, on a processor and waiting for one.
    """
    answered = [arrival for arrival in arrivals if arrival["decided"] is not None and arrival["photos"]]
    easy = [arrival for arrival in answered if arrival["easy"] is not None]

    def since(those: Sequence[Arrival], until: str) -> dict[str, Any] | None:
        if not those:
            return None
        return {
            "person": quantiles([each[until] for each in those]),
            "first_photo": quantiles([each[until] - each["photos"][0] for each in those]),
            "last_photo": quantiles([each[until] - each["photos"][-1] for each in those]),
        }

    return {
        "arrivals": len(arrivals),
        "answered": len(answered),
        "easy": len(easy),
        "to_first_photo": quantiles([each["photos"][0] for each in answered]) if answered else None,
        "changed": since(easy, "easy"),
        "decided": since(answered, "decided"),
        "cpu": quantiles([each["cpu"] for each in answered]) if answered else None,
        "waited": quantiles([each["waited"] for each in answered]) if answered else None,
    }


def _comes(agent: AgentProcess, shown: Shown, name: str, rng: random.Random) -> Arrival:
    ran, waited = agent.scheduled_ms()
    arrival: Arrival = shown.page.evaluate("([name, within]) => bench.arrive(name, within)", [name, WITHIN_MS])
    ran, waited = (now - before for now, before in zip(agent.scheduled_ms(), (ran, waited), strict=True))
    shown.page.evaluate("(nobody) => bench.show(nobody)", NOBODY)
    shown.page.wait_for_function(_NO_VISIT, timeout=WAIT_MS)
    shown.page.evaluate("() => bench.looks(3)")
    time.sleep(rng.uniform(*PAUSE_S))
    return {**arrival, "cpu": ran, "waited": waited}


def _line(arrival: Arrival) -> str:
    return ", ".join(
        f"{name} {'-' if arrival[name] is None else round(arrival[name])} ms" for name in ("easy", "decided")
    )
