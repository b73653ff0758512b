"""The worker's HTTP server on a Unix socket: /infer, /health (health check), /ready (readiness check), /metrics."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from contracts.errors import InvalidName
from contracts.messages import Model
from contracts.tickets import Ticket, from_line
from worker.photos.pipeline import Submission
from worker.photos.rules import Thresholds
from worker.telemetry.metrics import Metrics

MAX_BODY = 16 << 10  # bytes; the longest line of tickets is under 4 KB


class AcceptsTickets(Protocol):
    """The members of the pipeline that the routes use."""

    @property
    def waiting(self) -> int: ...

    def submit(self, tickets: Iterable[Ticket]) -> Submission: ...


@dataclass(slots=True)
class WorkerHealth:
    """The worker's state as /health and /ready report it; the wiring sets it."""

    instance_id: str
    thresholds: Thresholds
    state: str = "starting"  # then "ready", then "stopping"
    model: Model | None = None
    pipeline: AcceptsTickets | None = None
    broker_connected: Callable[[], bool] = lambda: False
    model_refused: Callable[[], str | None] = lambda: None  # why the promoted run does not serve


def application(health: WorkerHealth, metrics: Metrics) -> Starlette:
    """The ASGI application.

    POST /infer     a line of tickets → 202 queued, 400 malformed, 503 not ready or full (the sweep finds the photos)
    GET  /health    200 and JSON while the process lives
    GET  /ready     200 once a real picture went through the model and until the worker stops, else 503
    GET  /metrics   Prometheus' text format
    """

    async def infer(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return _refusal(400, f"the body has more than {MAX_BODY} bytes; send fewer tickets at a time")
        try:
            tickets = from_line(body.decode("ascii", "replace").strip())
        except InvalidName as error:
            return _refusal(400, str(error))
        if health.pipeline is None or health.state != "ready":
            return _refusal(503, f"the worker is {health.state}; its sweep will find these photos")
        submission = health.pipeline.submit(tickets)
        if submission.refused:
            return _refusal(503, f"no room for {submission.refused} of the photos; the sweep will find them")
        return JSONResponse({"accepted": submission.accepted, "duplicates": submission.duplicates}, 202)

    async def get_health(_: Request) -> Response:
        return JSONResponse(
            {
                "instance_id": health.instance_id,
                "state": health.state,
                "model": health.model and asdict(health.model),
                "model_refused": health.model_refused(),
                "broker_connected": health.broker_connected(),
                "waiting": health.pipeline.waiting if health.pipeline else 0,
                "thresholds": asdict(health.thresholds),
            }
        )

    async def ready(_: Request) -> Response:
        return PlainTextResponse(f"{health.state}\n", 200 if health.state == "ready" else 503)

    async def get_metrics(_: Request) -> Response:
        metrics.connected.set(health.broker_connected())
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            Route("/infer", infer, methods=["POST"]),
            Route("/health", get_health),
            Route("/ready", ready),
            Route("/metrics", get_metrics),
        ]
    )


@contextmanager
def listening(path: Path) -> Generator[socket.socket, None, None]:
    """The worker's Unix socket, for its user and group. Replaces an old one: the lock on the state folder is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o660)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _refusal(status: int, reason: str) -> Response:
    return PlainTextResponse(f"{reason}\n", status)
