"""The simulator agrees with queueing theory, loses no photo, and docs/scaling.md says what it said."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from bench.scaling import diagram, page, study
from bench.scaling.day import Outcome, arrivals, run, simulate
from bench.scaling.inputs import Demand, Group, Machine, Scenario, Surge
from bench.scaling.photos import Photos, rates
from bench.scaling.theory import erlang_c, mean_and_half_width, student_t, wait_md1, wait_mmc
from bench.scaling.workers import Queue, Steps, Worker

PHOTOS = 60_000
Told = dict[int, float]


def serve(ready: Sequence[float], work: Sequence[float], *, processors: int, in_hand: int) -> tuple[Queue, Told]:
    """All photos through one instance that never ends."""
    env = simpy.Environment()
    queue, told = Queue(env), Told()
    Worker(queue, processors=processors, in_hand=in_hand, work=work, told=told)
    env.process(arrivals(queue, list(ready)))
    env.run()
    return queue, told


def mean_wait(rate: float, work: Sequence[float], *, processors: int) -> float:
    """Mean seconds in the queue under Poisson arrivals."""
    ready = np.cumsum(np.random.default_rng(2).exponential(1 / rate, len(work))).tolist()
    _, told = serve(ready, work, processors=processors, in_hand=processors)
    return float(np.mean([told[photo] - ready[photo] - work[photo] for photo in range(len(work))]))


@pytest.mark.parametrize(("processors", "rate"), [(1, 0.7), (3, 2.1), (6, 3.6)])
def test_random_work_waits_as_long_as_erlang_says(processors: int, rate: float) -> None:
    work = np.random.default_rng(3).exponential(1.0, PHOTOS).tolist()
    assert mean_wait(rate, work, processors=processors) == pytest.approx(wait_mmc(processors, rate, 1.0), rel=0.1)


def test_even_work_waits_half_as_long() -> None:
    """Pollaczek and Khinchine: without variance of the work a queue is half as long."""
    assert mean_wait(0.7, [1.0] * PHOTOS, processors=1) == pytest.approx(wait_md1(0.7, 1.0), rel=0.1)
    assert wait_md1(0.7, 1.0) == pytest.approx(wait_mmc(1, 0.7, 1.0) / 2)


def test_erlang_c_is_that_of_the_tables() -> None:
    """Two servers at load 1: 1/3. One server: its load."""
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(1, 0.6) == pytest.approx(0.6)


@pytest.mark.parametrize(("freedom", "point"), [(4, 2.776), (7, 2.365), (30, 2.042)])
def test_student_t_is_that_of_the_tables(freedom: int, point: float) -> None:
    assert student_t(freedom) == pytest.approx(point, rel=0.005)
    assert math.isnan(mean_and_half_width([1.0])[1])


works = st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 5)), min_size=1, max_size=40)


@given(works, st.integers(1, 3), st.integers(1, 8), st.floats(0, 30), st.floats(0, 20))
def test_littles_law_holds_and_every_photo_is_told_once_though_an_instance_dies(
    gaps: list[tuple[float, float]], processors: int, in_hand: int, death: float, visibility: float
) -> None:
    """The time-average of photos inside, times the time, is the sum of the photos' times: exactly, whoever dies."""
    ready = np.cumsum([gap for gap, _ in gaps]).tolist()
    work = [seconds for _, seconds in gaps]
    env = simpy.Environment()
    queue, told = Queue(env), Told()
    first, _ = (Worker(queue, processors=processors, in_hand=in_hand, work=work, told=told) for _ in range(2))

    def accident() -> Steps:
        yield env.timeout(death)
        first.kill(visibility)

    env.process(accident())
    env.process(arrivals(queue, ready))
    env.run()
    assert sorted(told) == list(range(len(ready)))
    assert queue.inside == 0
    assert queue.inside_seconds == pytest.approx(sum(told[photo] - ready[photo] for photo in told))
    assert all(told[photo] >= ready[photo] + work[photo] - 1e-9 for photo in told)


@given(works, st.integers(1, 8))
def test_one_processor_tells_photos_in_the_order_of_their_arrival(
    gaps: list[tuple[float, float]], in_hand: int
) -> None:
    """However many are fetched ahead."""
    ready = np.cumsum([gap for gap, _ in gaps]).tolist()
    _, told = serve(ready, [seconds for _, seconds in gaps], processors=1, in_hand=in_hand)
    assert list(told) == list(range(len(ready)))


def test_an_instance_that_stops_finishes_what_it_has_in_hand_and_nothing_else() -> None:
    env = simpy.Environment()
    queue, told = Queue(env), Told()
    for photo in range(10):
        queue.put(photo)
    worker = Worker(queue, processors=2, in_hand=4, work=[1.0] * 10, told=told)
    env.run(until=0.5)
    stopped = worker.stop()
    env.run(until=stopped)
    assert (told, list(queue.waiting)) == ({0: 1.0, 1: 1.0, 2: 2.0, 3: 2.0}, [4, 5, 6, 7, 8, 9])


# A day of photos at one moment each second of a stretch, and instances that do one a second.


def flood(a_second: int, start: float, end: float) -> Photos:
    begun = np.repeat(np.arange(start, end), a_second).astype(float)
    return Photos(begun, begun, begun, np.full(len(begun), 1.0))


def day_of(photos: Photos, group: Group, *, kill_at_s: float | None = None) -> Outcome:
    machine = Machine(processors=1, in_hand=1)
    scenario = Scenario(demand=Demand(), group=group, machine=machine, kill_at_s=kill_at_s)
    return run(scenario, photos, np.random.default_rng(1))


def in_service(outcome: Outcome, clock: str) -> float:
    hours, minutes = map(int, clock.split(":"))
    at = outcome.minutes.at
    return float(outcome.minutes.in_service[np.searchsorted(at, 3600 * hours + 60 * minutes)])


GROUP = Group(least=1, most=4, backlog_per_instance=10, warm_pool=4, boot_sigma=0.0)
NOON = 12 * 3600.0


def test_the_group_has_its_least_from_the_lead_before_opening_to_the_linger_after_closing() -> None:
    outcome = day_of(flood(1, NOON, NOON + 10), replace(GROUP, least=2))
    assert [in_service(outcome, clock) for clock in ("07:51", "08:00", "12:30", "20:04", "20:07")] == [2, 2, 2, 2, 0]
    prepared_hours = 2 * GROUP.boot_cold_s / 3600  # the pool is filled up again
    assert outcome.instance_hours == pytest.approx(2 * 12.25 + prepared_hours)


def test_a_backlog_calls_instances_after_three_figures_a_minute_apart_and_a_boot_and_they_leave_one_by_one() -> None:
    """Overloaded from 12:00: figures of 12:01, 12:02, 12:03, of which the last can be seen at 12:04."""
    outcome = day_of(flood(3, NOON, NOON + 900), GROUP)
    assert [in_service(outcome, clock) for clock in ("12:04", "12:05", "12:20")] == [1, 4, 4]
    counts = outcome.minutes.in_service[outcome.minutes.at >= NOON + 1200]
    assert set(np.diff(counts[counts >= 1]).tolist()) == {0.0, -1.0}
    assert in_service(outcome, "13:30") == 1


def test_a_shorter_backlog_calls_nobody() -> None:
    outcome = day_of(flood(2, NOON, NOON + 60), GROUP)
    assert outcome.minutes.in_service.max() == 1


def test_without_a_warm_pool_the_boot_is_a_cold_one() -> None:
    outcome = day_of(flood(3, NOON, NOON + 900), replace(GROUP, warm_pool=0))
    assert [in_service(outcome, clock) for clock in ("12:07", "12:08")] == [1, 4]


def test_a_dead_instance_is_replaced_and_its_photo_told_by_another() -> None:
    photos = flood(1, NOON, NOON + 120)
    outcome = day_of(photos, replace(GROUP, least=2, backlog_per_instance=1000), kill_at_s=NOON + 30.5)
    assert [in_service(outcome, clock) for clock in ("12:00", "12:01", "12:03")] == [2, 1, 2]
    assert not np.isnan(outcome.told).any()


def test_photos_that_no_worker_saw_are_late_and_no_answer() -> None:
    """Taken after closing: the sweep of the morning finds them."""
    outcome = day_of(flood(1, 21 * 3600.0, 21 * 3600.0 + 10), GROUP)
    assert np.isnan(outcome.told).all()
    assert (outcome.late, outcome.late_by_capacity) == (1.0, 1.0)


def test_the_rates_of_a_day_add_up_to_its_photos_and_peak_at_the_meals() -> None:
    edges, rate = rates(Demand(shops=10, photos_a_shop=100))
    assert float(rate.sum()) * 60 == pytest.approx(1000)
    hours = edges[:-1] / 3600
    assert hours[np.argmax(rate)] == pytest.approx(12, abs=0.05)
    assert float(hours[hours >= 15][np.argmax(rate[hours >= 15])]) == pytest.approx(18.5, abs=0.05)


def test_a_surge_multiplies_its_minutes_alone() -> None:
    _, plain = rates(Demand())
    edges, surged = rates(Demand(surge=Surge(factor=3, at_s=NOON, for_s=600)))
    inside = (edges[:-1] >= NOON) & (edges[:-1] < NOON + 600)
    assert np.allclose(surged / plain, np.where(inside, 3, 1))


def test_the_same_seed_is_the_same_day() -> None:
    scenario = study.accident(10, study.recommended(10))
    first, again, other = (simulate(scenario, seed).figures() for seed in (5, 5, 6))
    assert (first == again, first == other) == (True, False)


# What was published.


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((page.FOLDER / "report.json").read_text())
    return content


def test_the_page_holds_the_figures_of_the_recorded_run(report: dict[str, Any]) -> None:
    """After new prices: python -m bench.scaling --page."""
    assert page.PAGE.read_text() == page.rendered(page.PAGE.read_text(), report)


def test_the_recorded_run_is_of_the_inputs_of_today(report: dict[str, Any]) -> None:
    """After a change of an input: python -m bench.scaling."""
    assert report["photos_a_second"] == pytest.approx(Machine().photos_a_second)
    assert report["photos_a_shop"] == Demand().photos_a_shop
    settings = [(row["shops"], row["least"], row["most"]) for row in report["sizes"] if row["day"] == "common"]
    recommended = [(shops, study.recommended(shops)) for shops in study.SIZES]
    assert settings == [(shops, group.least, group.most) for shops, group in recommended]


def test_the_recommended_groups_hold_through_a_busy_day_and_a_death(report: dict[str, Any]) -> None:
    """Not one label in a thousand is late for want of capacity."""
    rows = [row for row in report["sizes"] if row["day"] in ("common", "accident")]
    assert [row for row in rows if row["late_by_capacity"][0] >= 0.001] == []


def test_the_diagram_is_xml_with_a_curve_for_each_group() -> None:
    days = {name: simulate(study.common(100, study.recommended(100)), 1) for name in ("one", "other")}
    tree = ElementTree.fromstring(diagram.draw("a day", days))  # noqa: S314 - our own text
    assert len(tree.findall("{http://www.w3.org/2000/svg}polyline")) == 5
