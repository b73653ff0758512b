"""The simulator agrees with queueing theory, loses no photo, and docs/scaling.md holds its figures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from bench.scaling import diagram, page, study
from bench.scaling.day import SimulatedDay, arrivals, run, simulate
from bench.scaling.inputs import CommandDelays, Delays, Demand, GroupSettings, InstanceSettings, Scenario, Surge
from bench.scaling.photos import PhotoArrivals, draw, rates
from bench.scaling.theory import erlang_c, mean_and_half_width, student_t, wait_md1, wait_mmc
from bench.scaling.workers import Process, SimulatedQueue, SimulatedWorker

ROOT = Path(__file__).parents[2]
PHOTOS = 60_000
LabelTimes = dict[int, float]


def serve(
    ready: Sequence[float], work: Sequence[float], *, processors: int, in_flight: int
) -> tuple[SimulatedQueue, LabelTimes]:
    """Simulate all photos through one instance that is never stopped."""
    env = simpy.Environment()
    queue, labelled_at = SimulatedQueue(env), LabelTimes()
    SimulatedWorker(queue, processors=processors, in_flight=in_flight, work=work, labelled_at=labelled_at)
    env.process(arrivals(queue, list(ready)))
    env.run()
    return queue, labelled_at


def mean_wait(rate: float, work: Sequence[float], *, processors: int) -> float:
    """Mean seconds in the queue under Poisson arrivals."""
    ready = np.cumsum(np.random.default_rng(2).exponential(1 / rate, len(work))).tolist()
    _, labelled_at = serve(ready, work, processors=processors, in_flight=processors)
    return float(np.mean([labelled_at[photo] - ready[photo] - work[photo] for photo in range(len(work))]))


@pytest.mark.parametrize(("processors", "rate"), [(1, 0.7), (3, 2.1), (6, 3.6)])
def test_mean_wait_is_that_of_mmc_under_exponential_work(processors: int, rate: float) -> None:
    work = np.random.default_rng(3).exponential(1.0, PHOTOS).tolist()
    assert mean_wait(rate, work, processors=processors) == pytest.approx(wait_mmc(processors, rate, 1.0), rel=0.1)


def test_mean_wait_under_constant_work_is_that_of_md1() -> None:
    """Pollaczek and Khinchine: half of M/M/1's, as the work has no variance."""
    assert mean_wait(0.7, [1.0] * PHOTOS, processors=1) == pytest.approx(wait_md1(0.7, 1.0), rel=0.1)
    assert wait_md1(0.7, 1.0) == pytest.approx(wait_mmc(1, 0.7, 1.0) / 2)


def test_erlang_c_equals_published_values() -> None:
    """Two servers at load 1: 1/3. One server: its load."""
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(1, 0.6) == pytest.approx(0.6)


@pytest.mark.parametrize(("degrees", "point"), [(4, 2.776), (7, 2.365), (30, 2.042)])
def test_student_t_equals_published_tables(degrees: int, point: float) -> None:
    assert student_t(degrees) == pytest.approx(point, rel=0.005)
    assert math.isnan(mean_and_half_width([1.0])[1])


works = st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 5)), min_size=1, max_size=40)


@given(works, st.integers(1, 3), st.integers(1, 8), st.floats(0, 30), st.floats(0, 20))
def test_littles_law_holds_and_every_photo_is_labelled_once_when_an_instance_is_killed(
    gaps: list[tuple[float, float]], processors: int, in_flight: int, death: float, visibility: float
) -> None:
    """The time-average of photos in the system, times the time, is the sum of the photos' times: exactly."""
    ready = np.cumsum([gap for gap, _ in gaps]).tolist()
    work = [seconds for _, seconds in gaps]
    env = simpy.Environment()
    queue, labelled_at = SimulatedQueue(env), LabelTimes()
    first, _ = (
        SimulatedWorker(queue, processors=processors, in_flight=in_flight, work=work, labelled_at=labelled_at)
        for _ in range(2)
    )

    def kill_first() -> Process:
        yield env.timeout(death)
        first.kill(visibility)

    env.process(kill_first())
    env.process(arrivals(queue, ready))
    env.run()
    assert sorted(labelled_at) == list(range(len(ready)))
    assert queue.in_system == 0
    assert queue.in_system_seconds == pytest.approx(sum(labelled_at[photo] - ready[photo] for photo in labelled_at))
    assert all(labelled_at[photo] >= ready[photo] + work[photo] - 1e-9 for photo in labelled_at)


@given(works, st.integers(1, 8))
def test_one_processor_labels_photos_in_order_of_arrival(gaps: list[tuple[float, float]], in_flight: int) -> None:
    """For any number of prefetched photos."""
    ready = np.cumsum([gap for gap, _ in gaps]).tolist()
    _, labelled_at = serve(ready, [seconds for _, seconds in gaps], processors=1, in_flight=in_flight)
    assert list(labelled_at) == list(range(len(ready)))


def test_a_stopped_instance_finishes_its_photos_in_flight_and_receives_no_more() -> None:
    env = simpy.Environment()
    queue, labelled_at = SimulatedQueue(env), LabelTimes()
    for photo in range(10):
        queue.put(photo)
    worker = SimulatedWorker(queue, processors=2, in_flight=4, work=[1.0] * 10, labelled_at=labelled_at)
    env.run(until=0.5)
    stopped = worker.stop()
    env.run(until=stopped)
    assert (labelled_at, list(queue.waiting)) == ({0: 1.0, 1: 1.0, 2: 2.0, 3: 2.0}, [4, 5, 6, 7, 8, 9])


# A day whose photos all arrive at whole seconds between two times, and instances that label one a second.


def burst(per_second: int, start: float, end: float) -> PhotoArrivals:
    started = np.repeat(np.arange(start, end), per_second).astype(float)
    return PhotoArrivals(started, started, started, np.full(len(started), 1.0))


def day_of(photos: PhotoArrivals, group: GroupSettings, *, kill_at_s: float | None = None) -> SimulatedDay:
    instance = InstanceSettings(processors=1, in_flight=1)
    scenario = Scenario(demand=Demand(), group=group, instance=instance, kill_at_s=kill_at_s)
    return run(scenario, photos, np.random.default_rng(1))


def in_service(outcome: SimulatedDay, clock: str) -> float:
    hours, minutes = map(int, clock.split(":"))
    at = outcome.minutes.at
    return float(outcome.minutes.in_service[np.searchsorted(at, 3600 * hours + 60 * minutes)])


GROUP = GroupSettings(least=1, most=4, backlog_per_instance=10, warm_pool=4, boot_sigma=0.0)
NOON = 12 * 3600.0


def test_scheduled_capacity_is_least_from_lead_before_opening_to_linger_after_closing() -> None:
    outcome = day_of(burst(1, NOON, NOON + 10), replace(GROUP, least=2))
    assert [in_service(outcome, clock) for clock in ("07:51", "08:00", "12:30", "20:04", "20:07")] == [2, 2, 2, 2, 0]
    pool_boot_hours = 2 * GROUP.boot_cold_s / 3600  # the pool is filled up again
    assert outcome.instance_hours == pytest.approx(2 * 12.25 + pool_boot_hours)


def test_a_backlog_scales_out_after_three_datapoints_and_a_boot_and_scales_in_one_by_one() -> None:
    """Overloaded from 12:00: datapoints of 12:01, 12:02, 12:03, of which the last is published at 12:04."""
    outcome = day_of(burst(3, NOON, NOON + 900), GROUP)
    assert [in_service(outcome, clock) for clock in ("12:04", "12:05", "12:20")] == [1, 4, 4]
    counts = outcome.minutes.in_service[outcome.minutes.at >= NOON + 1200]
    assert set(np.diff(counts[counts >= 1]).tolist()) == {0.0, -1.0}
    assert in_service(outcome, "13:30") == 1


def test_a_backlog_shorter_than_three_datapoints_does_not_scale_out() -> None:
    outcome = day_of(burst(2, NOON, NOON + 60), GROUP)
    assert outcome.minutes.in_service.max() == 1


def test_without_a_warm_pool_new_instances_boot_cold() -> None:
    outcome = day_of(burst(3, NOON, NOON + 900), replace(GROUP, warm_pool=0))
    assert [in_service(outcome, clock) for clock in ("12:07", "12:08")] == [1, 4]


def test_a_dead_instance_is_replaced_and_its_photos_are_redelivered() -> None:
    photos = burst(1, NOON, NOON + 120)
    outcome = day_of(photos, replace(GROUP, least=2, backlog_per_instance=1000), kill_at_s=NOON + 30.5)
    assert [in_service(outcome, clock) for clock in ("12:00", "12:01", "12:03")] == [2, 1, 2]
    assert not np.isnan(outcome.labelled_at).any()


def test_photos_that_no_worker_received_are_late_and_not_in_the_latency() -> None:
    """Uploaded after closing: the next morning's sweep finds them."""
    outcome = day_of(burst(1, 21 * 3600.0, 21 * 3600.0 + 10), GROUP)
    assert np.isnan(outcome.labelled_at).all()
    assert len(outcome.latency) == 0
    assert (outcome.late, outcome.late_by_capacity) == (1.0, 1.0)


def test_the_rates_of_a_day_add_up_to_its_photos_and_peak_at_the_meals() -> None:
    edges, rate = rates(Demand(shops=10, photos_a_shop=100))
    assert float(rate.sum()) * 60 == pytest.approx(1000)
    hours = edges[:-1] / 3600
    assert hours[np.argmax(rate)] == pytest.approx(12, abs=0.05)
    assert float(hours[hours >= 15][np.argmax(rate[hours >= 15])]) == pytest.approx(18.5, abs=0.05)


def test_a_surge_multiplies_only_the_rates_of_its_minutes() -> None:
    _, plain = rates(Demand())
    edges, surged = rates(Demand(surge=Surge(factor=3, at_s=NOON, for_s=600)))
    inside = (edges[:-1] >= NOON) & (edges[:-1] < NOON + 600)
    assert np.allclose(surged / plain, np.where(inside, 3, 1))


def medians(delays: Delays) -> tuple[float, float]:
    """Median and 99th percentile of the seconds from an uploaded photo to one that a worker could have."""
    photos = draw(Demand(shops=100), delays, InstanceSettings(), np.random.default_rng(4))
    p50, p99 = np.quantile(photos.ready - photos.uploaded, (0.5, 0.99))
    return float(p50), float(p99)


def test_run_command_adds_its_own_delays_to_those_of_the_queue() -> None:
    steady = CommandDelays(
        dispatch_median=1, dispatch_sigma=0, send_median=2, send_sigma=0, delivery_median=4, delivery_sigma=0
    )
    never = replace(steady, blocked_share=0.0)
    assert np.subtract(medians(Delays(command=never)), medians(Delays())) == pytest.approx([7, 7], abs=0.2)
    rarely = replace(steady, blocked_share=0.05, blocked_median=60, blocked_sigma=0)
    p50, p99 = np.subtract(medians(Delays(command=rarely)), medians(Delays()))
    assert p50 == pytest.approx(7, abs=0.2)
    assert p99 > 60


def test_a_simulation_is_deterministic_for_a_seed() -> None:
    scenario = study.accident(10, study.recommended(10))
    first, again, other = (simulate(scenario, seed).figures() for seed in (5, 5, 6))
    assert (first == again, first == other) == (True, False)


# The published figures.


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((page.FOLDER / "report.json").read_text())
    return content


def test_the_page_holds_the_figures_of_the_recorded_run(report: dict[str, Any]) -> None:
    """After new prices: python -m bench.scaling --page."""
    assert page.PAGE.read_text() == page.rendered(page.PAGE.read_text(), report)


def test_the_recorded_run_used_the_current_inputs(report: dict[str, Any]) -> None:
    """After a change of an input: python -m bench.scaling."""
    assert report["photos_a_second"] == pytest.approx(InstanceSettings().photos_a_second)
    assert report["photos_a_shop"] == Demand().photos_a_shop
    settings = [(row["shops"], row["least"], row["most"]) for row in report["sizes"] if row["day"] == "common"]
    recommended = [(shops, study.recommended(shops)) for shops in study.SIZES]
    assert settings == [(shops, group.least, group.most) for shops, group in recommended]


def test_what_other_pages_say_of_both_modes_is_what_was_simulated(report: dict[str, Any]) -> None:
    """README and operating: a latency on AWS is simulated or guessed, and has the figures of this report."""
    rows = {row["mode"]: row for row in report["one_shop"]}
    queue, guessed = rows["`queue`"], rows["`command`, as guessed"]
    all_p50 = [row["p50_s"][0] for name, row in rows.items() if name.startswith("`command`")]
    readme = (ROOT / "README.md").read_text()
    assert f"Simulated for AWS: {queue['p50_s'][0]:.1f} s in mode `queue`" in readme
    assert f"in mode `command` {min(all_p50):.1f} to {max(all_p50):.1f} s, most of it a guess" in readme
    operating = (ROOT / "docs" / "operating.md").read_text()
    assert f"p50 {guessed['p50_s'][0]:.1f} s, p95 {guessed['p95_s'][0]:.1f} s, simulated from a guess" in operating
    assert f"p50 {queue['p50_s'][0]:.1f} s, p95 {queue['p95_s'][0]:.1f} s, simulated" in operating


def test_the_recommended_groups_label_in_time_on_a_busy_day_with_a_killed_instance(report: dict[str, Any]) -> None:
    """Fewer than one label in a thousand is late because of capacity."""
    rows = [row for row in report["sizes"] if row["day"] in ("common", "accident")]
    assert [row for row in rows if row["late_by_capacity"][0] >= 0.001] == []


def test_the_diagram_is_xml_with_a_curve_for_each_group() -> None:
    days = {name: simulate(study.common(100, study.recommended(100)), 1) for name in ("one", "other")}
    tree = ElementTree.fromstring(diagram.draw("a day", days))  # noqa: S314 - our own text
    assert len(tree.findall("{http://www.w3.org/2000/svg}polyline")) == 5
