"""What CloudWatch is told: lines of the embedded metric format, exact, bounded, and never the end of a worker."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts.answers_message import AnswersStatus
from contracts.aws.emf import STEP_METRICS, Metric, Service, line
from contracts.instants import from_text, now
from contracts.messages import Reason, Status
from contracts.names import Reference
from recipes.kiosk.message import LabelMessage
from tests.fakes import MODEL
from tests.waiting import until_async
from tests.worker.photos.pipeline_harness import bench
from worker.photos.rules import Thresholds
from worker.photos.socket_server import WorkerHealth
from worker.telemetry.emf import EmfFile
from worker.telemetry.metrics import MAX_KEPT, Metrics

AT = from_text("2026-11-22T05:11:40.123Z")

# Of "Specification: Embedded metric format" in CloudWatch's user guide.
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 10**12, "maximum": 10**13},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"enum": ["None", "Count", "Milliseconds", "Percent", "Megabytes"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


def check(text: str) -> dict[str, Any]:
    """A line that CloudWatch would take metrics from."""
    fields: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(fields)
    [directive] = fields["_aws"]["CloudWatchMetrics"]
    for dimensions in directive["Dimensions"]:
        assert all(isinstance(fields[one], str) and 1 <= len(fields[one]) <= 1024 for one in dimensions)
    for metric in directive["Metrics"]:
        values = fields[metric["Name"]]
        values = values if isinstance(values, list) else [values]
        assert 1 <= len(values) <= 100
        assert all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    assert len(text) < 256 << 10
    return fields


SETTINGS = Thresholds(gate=0.95, unsure_below=0.5, review_share=0.05)


@dataclass
class Told:
    """A worker that is ready, and the file that tells CloudWatch so."""

    folder: Path
    metrics: Metrics = field(default_factory=Metrics)
    health: WorkerHealth = field(
        default_factory=lambda: WorkerHealth("i-1", SETTINGS, "ready", MODEL, broker_connected=lambda: True)
    )

    @property
    def path(self) -> Path:
        return self.folder / "metrics.log"

    def file(self, **options: Any) -> EmfFile:
        return EmfFile(
            self.path, metrics=self.metrics, health=self.health, disk=self.folder, clock=lambda: AT, **options
        )

    def lines(self) -> list[dict[str, Any]]:
        return [check(text) for text in self.path.read_text().splitlines()]

    def sums(self, metric: str) -> float:
        """What CloudWatch's statistic `Sum` is."""
        values = [one[metric] for one in self.lines() if metric in one]
        return sum(sum(one) if isinstance(one, list) else one for one in values)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_a_line_is_what_cloudwatch_specifies() -> None:
    """To the letter."""
    text = line(Service.WORKER, {Metric.READY: 1, Metric.TOTAL: [97.1, 120.0]}, at=AT, Instance="i-1")
    check(text)
    assert text == (
        '{"_aws":{"Timestamp":1795324300123,"CloudWatchMetrics":[{"Namespace":"Nunchi","Dimensions":[["Service"]],'
        '"Metrics":[{"Name":"Ready","Unit":"None"},{"Name":"Total","Unit":"Milliseconds"}]}]},"Service":"worker",'
        '"Instance":"i-1","Ready":1,"Total":[97.1,120.0]}'
    )


def test_more_values_than_cloudwatch_takes_are_refused() -> None:
    """It would drop the whole line, and say so nowhere that we look."""
    with pytest.raises(ValueError, match="Total: CloudWatch takes 100 values"):
        line(Service.WORKER, {Metric.TOTAL: [1.0] * 101}, at=AT)


def test_a_minute_of_a_worker_is_one_line_with_everything(told: Told) -> None:
    metrics = told.metrics
    metrics.photos.labels("labelled", "").inc(3)
    metrics.photos.labels("rejected", "truncated").inc()
    metrics.photos.labels("rejected", "too_small").inc()
    metrics.photos.labels("unsure", "low_confidence").inc()
    metrics.failures.labels("ReadTimeoutError").inc(2)
    metrics.given_up.inc()
    metrics.forgotten.set(4)
    metrics.step.labels("infer").observe(0.0481)
    metrics.total.observe(0.09712)
    told.file().write()
    [fields] = told.lines()
    disk, memory = fields.pop("DiskUsed"), fields.pop("MemoryUsed", 1.0)
    assert 0 < disk <= 100
    assert 0 < memory < 4096
    del fields["_aws"]
    assert fields == {
        "Service": "worker",
        "Instance": "i-1",
        "Ready": 1,
        "Photos": 6.0,
        "Rejected": 2.0,
        "Unsure": 1.0,
        "NoPerson": 0,
        "Failures": 2.0,
        "GivenUp": 1.0,
        "ModelRefused": 0.0,
        "Waiting": 0.0,
        "Forgotten": 4.0,
        "BrokerConnected": 1,
        "StepInfer": [48.1],
        "Total": [97.1],
    }


def test_counts_are_of_the_minute_and_not_of_the_life(told: Told) -> None:
    """CloudWatch adds them up."""
    file = told.file()
    for photos in (2, 0, 5):
        told.metrics.photos.labels("labelled", "").inc(photos)
        file.write()
    assert [fields["Photos"] for fields in told.lines()] == [2, 0, 5]


def test_photos_of_other_recipes_without_a_subject_count_as_those_without_a_person(told: Told) -> None:
    for status in (Status.NO_PERSON, AnswersStatus.NOTHING_FOUND, AnswersStatus.DECLINED):
        told.metrics.photos.labels(status, "").inc()
    told.file().write()
    assert told.sums(Metric.NO_PERSON) == 3


def test_times_of_a_busy_minute_fill_several_lines_and_nothing_is_counted_twice(told: Told) -> None:
    """All 250 values, at most 100 a line; the counts stand in the first."""
    told.metrics.photos.labels("labelled", "").inc(250)
    for number in range(250):
        told.metrics.total.observe(number / 1000)
        told.metrics.step.labels("wait").observe(0.001)
    told.file().write()
    assert [len(fields["Total"]) for fields in told.lines()] == [100, 100, 50]
    assert [value for fields in told.lines() for value in fields["Total"]] == [float(one) for one in range(250)]
    assert (told.sums("Photos"), told.sums("StepWait"), told.sums("Ready")) == (250, 250.0, 1)


def test_times_are_written_once(told: Told) -> None:
    file = told.file()
    told.metrics.total.observe(0.1)
    file.write()
    file.write()
    assert ["Total" in fields for fields in told.lines()] == [True, False]


def test_a_worker_that_is_not_ready_is_reported(told: Told) -> None:
    """While it loads its model, and while it stops."""
    told.health.state, told.health.broker_connected = "starting", lambda: False
    told.file().write()
    assert [(fields["Ready"], fields["BrokerConnected"]) for fields in told.lines()] == [(0, 0)]


def test_times_that_are_never_written_do_not_fill_the_memory() -> None:
    """A worker without the file is the usual one here."""
    metrics = Metrics()
    for _ in range(MAX_KEPT + 10):
        metrics.total.observe(0.1)
    assert len(metrics.total.take()) == MAX_KEPT


def test_a_full_disk_stops_no_photo_and_loses_no_count(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """Said once, however long it lasts; the counts come with the next line that can be written."""
    file = told.file()
    told.path.mkdir()
    for _ in range(3):
        told.metrics.photos.labels("labelled", "").inc()
        file.write()
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "metrics can't be written for CloudWatch; alarms lack data while this lasts"
    ]
    told.path.rmdir()
    file.write()
    assert told.sums("Photos") == 3


@pytest.mark.anyio
async def test_a_failing_metric_stops_no_photo_and_is_logged(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """A task that ended here would be missed by nobody but the alarm, which could not say why."""

    def broken() -> bool:
        raise ArithmeticError("on purpose")

    told.health.broker_connected = broken
    running = asyncio.create_task(told.file(period_s=0.01).run())
    await until_async(lambda: bool(caplog.records))
    told.health.broker_connected = lambda: True
    await until_async(told.path.exists)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [record.message for record in caplog.records] == [
        "metrics can't be written for CloudWatch; alarms lack data while this lasts: on purpose"
    ]


def test_a_file_that_is_emptied_under_it_is_filled_again(told: Told) -> None:
    """logrotate copies it and cuts it off: lines go on at its beginning, without a hole."""
    file = told.file()
    file.write()
    told.path.write_text("")
    file.write()
    assert len(told.lines()) == 1


@pytest.mark.anyio
async def test_it_writes_each_minute_and_a_last_time_at_the_end(told: Told) -> None:
    """What happened since the last whole minute would be lost otherwise."""
    running = asyncio.create_task(told.file(period_s=0.01).run())
    while not told.path.exists():
        await asyncio.sleep(0.01)
    told.health.state = "stopping"
    told.metrics.photos.labels("labelled", "").inc()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told.lines()[-1]["Ready"] == 0
    assert told.sums("Photos") == 1


def message(**changes: Any) -> LabelMessage:
    return replace(
        LabelMessage(
            reference=Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"),
            status=Status.NO_PERSON,
            label=None,
            confidence=None,
            reason=Reason.NO_FACE_FOUND,
            people=(),
            customer=None,
            model=MODEL,
            captured_at=now() - timedelta(seconds=5),
            expires_at=now() + timedelta(seconds=25),
            steps_ms={"upload": 10.0, "dispatch": 56.0, "infer": 203.0},
        ),
        **changes,
    )


def test_the_total_is_from_the_upload_to_the_publishing() -> None:
    """The steps before the worker are known to the message alone; those within were counted when it was decided."""
    metrics = Metrics()
    metrics.published(message(), publish_s=0.002)
    assert metrics.step.take() == {"upload": [0.01], "dispatch": [0.056], "publish": [0.002]}
    [total] = metrics.total.take()
    assert 5 <= total < 65


def test_a_clock_that_is_ahead_makes_no_negative_time() -> None:
    metrics = Metrics()
    metrics.published(message(captured_at=now() + timedelta(hours=1), steps_ms={}), publish_s=0.002)
    assert metrics.total.take() == [0.0]


@pytest.mark.anyio
async def test_a_photo_on_its_way_through_the_worker_leaves_the_time_of_each_step_and_its_total(told: Told) -> None:
    """One that is told too late has steps and no total: nobody waited for it any more."""
    async with bench(told.folder) as worker:
        told.metrics = worker.metrics
        file = told.file()
        await worker.label(worker.upload())
        file.write()
        await worker.label(worker.upload(at=now() - timedelta(minutes=1)))
        file.write()
    within = {"StepWait", "StepFetch", "StepDecode", "StepInfer", "StepLabel", "StepStore"}
    steps = [{name for name in one if name.startswith("Step")} for one in told.lines()]
    assert steps == [within | {"StepPublish"}, within]
    assert ["Total" in one for one in told.lines()] == [True, False]


def test_every_step_of_a_photo_has_a_metric() -> None:
    """Those of the message, and the two that come after it is written."""
    assert STEP_METRICS == (
        "StepUpload",
        "StepDispatch",
        "StepWait",
        "StepFetch",
        "StepDecode",
        "StepInfer",
        "StepLabel",
        "StepStore",
        "StepPublish",
    )


@pytest.mark.parametrize("name", [*Metric, *STEP_METRICS])
def test_every_metric_has_a_unit_that_cloudwatch_knows(name: str) -> None:
    check(line(Service.WORKER, {name: 1}, at=AT))
