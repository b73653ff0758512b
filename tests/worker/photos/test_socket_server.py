"""The worker's socket: what each route answers, and when."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from contracts.tickets import Ticket
from tests.fakes import MODEL
from worker.photos.pipeline import Submission
from worker.photos.rules import Thresholds
from worker.photos.socket_server import WorkerHealth, application
from worker.telemetry.metrics import Metrics

TICKET = "demo/01m81j18kv000g40r40m30e209@1795324779514"


class Intake:
    """Where tickets go; says what the pipeline would."""

    waiting = 3

    def __init__(self, *, full: bool = False) -> None:
        self.full, self.tickets = full, list[Ticket]()

    def submit(self, tickets: Iterable[Ticket]) -> Submission:
        if self.full:
            return Submission(refused=len(list(tickets)))
        self.tickets += tickets
        return Submission(len(self.tickets))


RULES = Thresholds(gate=0.9, unsure_below=0.5, review_share=0.2)


def client(state: str = "ready", intake: Intake | None = None) -> TestClient:
    health = WorkerHealth("i-1", RULES, state, MODEL, intake or Intake(), lambda: True)
    return TestClient(application(health, Metrics()))


def test_tickets_are_queued_and_counted() -> None:
    intake = Intake()
    answer = client(intake=intake).post("/infer", content=f"{TICKET}\n")
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0})
    assert [str(ticket) for ticket in intake.tickets] == [TICKET]


@pytest.mark.parametrize("body", ["", "$(reboot)", "../../etc/passwd", f"{TICKET},{TICKET}", "데모/x", "x" * 20_000])
def test_malformed_tickets_are_refused_and_no_photo_is_queued(body: str) -> None:
    intake = Intake()
    assert client(intake=intake).post("/infer", content=body.encode()).status_code == 400
    assert intake.tickets == []


@pytest.mark.parametrize("state", ["starting", "stopping"])
def test_a_worker_that_is_not_ready_refuses_tickets_and_names_the_sweep(state: str) -> None:
    answer = client(state).post("/infer", content=TICKET)
    assert (answer.status_code, answer.text) == (503, f"the worker is {state}; its sweep will find these photos\n")
    assert client(state).get("/ready").status_code == 503


def test_a_full_worker_refuses_tickets() -> None:
    answer = client(intake=Intake(full=True)).post("/infer", content=TICKET)
    assert (answer.status_code, answer.text) == (503, "no room for 1 of the photos; the sweep will find them\n")


def test_a_ready_worker_reports_its_health() -> None:
    assert client().get("/ready").text == "ready\n"
    assert client().get("/health").json() == {
        "instance_id": "i-1",
        "state": "ready",
        "model": {"name": "fake", "version": "1", "digest": "0" * 64},
        "model_refused": None,
        "broker_connected": True,
        "waiting": 3,
        "thresholds": {"gate": 0.9, "unsure_below": 0.5, "review_share": 0.2},
    }


def test_metrics_come_in_the_format_of_prometheus() -> None:
    answer = client().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {
        "nunchi_broker_connected",
        "nunchi_waiting",
        "nunchi_step_seconds",
        "process_resident_memory_bytes",
    } <= names
