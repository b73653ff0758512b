"""The figures of bench.kiosk, and docs/performance.md holds those of its report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.kiosk import report
from bench.kiosk.arrivals import figures
from bench.kiosk.figures import growth, quantiles
from bench.kiosk.memory import EVERY, WARM_UP, summary
from day0.card import filled, marks


def arrival(
    *photos: float, easy: float | None = None, decided: float | None = None, cpu: float = 1, waited: float = 0
) -> dict[str, Any]:
    """Milliseconds after the first picture of the person."""
    return {"photos": list(photos), "easy": easy, "decided": decided, "cpu": cpu, "waited": waited}


def test_the_95th_percentile_lies_between_the_two_values_beside_it() -> None:
    assert quantiles([10.0, 20.0, 30.0, 40.0, 50.0]) == {"count": 5, "p50": 30, "p95": 48, "longest": 50}


def test_growth_is_that_of_most_readings_whatever_a_few_say() -> None:
    """A garbage collector that comes late lifts single readings; a mean would follow them."""
    customers = list(range(20, 1001, 20))
    held = [5e6 + 100 * each for each in customers]
    for late in (3, 17, 40):
        held[late] += 2e6
    found = growth(customers, held)
    assert found["slope"] == pytest.approx(100, abs=1)
    assert found["low"] <= 100 <= found["high"]


def test_what_does_not_grow_has_an_interval_around_zero() -> None:
    noise = np.random.default_rng(1).normal(0, 5e4, 40)
    found = growth(list(range(200, 1000, 20)), (9e7 + noise).tolist())
    assert found["low"] < 0 < found["high"]


def test_growth_counts_after_the_warm_up_only() -> None:
    """Caches fill at first: 1 MB a reading here, and nothing afterwards."""
    readings = [
        {"customers": n, "agent_mb": float(min(n, WARM_UP)), "model_mb": None, "heap": 5e6, "nodes": 7, "listeners": 3}
        for n in range(EVERY, 2 * WARM_UP + 1, EVERY)
    ]
    found = summary(readings)
    assert [found[name]["customers"] for name in ("first", "warm", "last")] == [EVERY, WARM_UP, 2 * WARM_UP]
    assert found["growth"].keys() == {"agent", "heap", "nodes", "listeners"}
    assert all(each == {"slope": 0.0, "low": 0.0, "high": 0.0} for each in found["growth"].values())


def test_times_count_from_the_person_and_from_the_photos_and_only_easy_screens_are_changes() -> None:
    found = figures(
        [
            arrival(400, 620, 840, easy=1000, decided=1200, cpu=300, waited=10),
            arrival(500, 720, 940, decided=1300, cpu=310, waited=20),
            arrival(),  # no answer in time
        ]
    )
    assert (found["arrivals"], found["answered"], found["easy"]) == (3, 2, 1)
    assert {name: found["changed"][name]["p50"] for name in found["changed"]} == {
        "person": 1000,
        "first_photo": 600,
        "last_photo": 160,
    }
    assert {name: found["decided"][name]["longest"] for name in found["decided"]} == {
        "person": 1300,
        "first_photo": 800,
        "last_photo": 360,
    }
    assert (found["cpu"]["p50"], found["waited"]["longest"]) == (305, 20)


def test_without_an_easy_screen_there_is_no_time_of_a_change() -> None:
    assert figures([arrival(400, decided=900)])["changed"] is None


def test_the_page_holds_the_tables_of_the_report() -> None:
    """After another run it does by itself: python -m bench.kiosk."""
    page, tables = report.PAGE.read_text(encoding="utf-8"), report.tables(report.load())
    assert tables.keys() == {mark for mark in marks(page) if mark.startswith("kiosk")}
    assert filled(page, tables) == page
