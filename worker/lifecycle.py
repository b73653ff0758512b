"""The lifecycle of a worker: start its tasks, run until a signal; graceful shutdown: finish the photos in flight."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.errors import NunchiError
from contracts.messages import WorkerState
from contracts.service_manager import ServiceManager
from worker.photos.pipeline import Pipeline
from worker.photos.publisher import MqttPublisher
from worker.photos.socket_server import WorkerHealth
from worker.photos.sqs_consumer import SqsConsumer
from worker.recovery.maintenance import run_maintenance
from worker.rollout.reload import Reload, ServingModel
from worker.telemetry.metrics import Metrics

log = logging.getLogger("worker")

PIPELINE_STOP_S: Final = 20.0  # for the photos in hand; systemd and the local cloud wait a little longer
CONSUMER_STOP_S: Final = 3.0  # to delete or release their messages


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """The parts of a worker, connected. `reload` is None without a weights bucket, `consumer` without a queue."""

    in_service: ServingModel
    reload: Reload | None
    pipeline: Pipeline
    publisher: MqttPublisher
    consumer: SqsConsumer | None
    systemd: ServiceManager
    health: WorkerHealth
    metrics: Metrics

    async def use_model_in_service(self) -> None:
        """Photos that start from now on use the model in service, and every status reports it."""
        self.pipeline.detector = self.in_service.detector
        self.health.model = self.in_service.model
        self.metrics.set_model(self.in_service.model)
        await self.publisher.announce(WorkerState.READY)


async def label_photos(
    worker: Worker,
    *,
    sweep_period_s: float,
    reload_period_s: float,
    stopping: asyncio.Event,
    server: asyncio.Task[None],
) -> None:
    """Label photos until `stopping` is set, then finish those in hand. NunchiError if an endless task ends."""
    pipeline, publisher, consumer, reload = worker.pipeline, worker.publisher, worker.consumer, worker.reload
    await worker.use_model_in_service()
    pipeline.start()
    worker.health.pipeline, worker.health.broker_connected = pipeline, lambda: publisher.connected
    worker.health.state = "ready"
    publishing = asyncio.create_task(publisher.run(), name="publisher")
    heartbeat = asyncio.create_task(worker.systemd.send_heartbeats(worker.in_service.is_responsive), name="watchdog")
    intake = [
        asyncio.create_task(
            run_maintenance(pipeline, sweep_period_s=sweep_period_s, alone=consumer is None), name="maintenance"
        )
    ]
    if reload is not None:
        replacing = reload.run(worker.use_model_in_service, period_s=reload_period_s)
        intake.append(asyncio.create_task(replacing, name="reload"))
    if consumer is not None:
        intake.append(asyncio.create_task(consumer.run(), name="consumer"))
    worker.systemd.ready()
    log.info("ready: model %s", worker.in_service.model)
    try:
        await first_to_end(stopping, server, publishing, heartbeat, *intake)
    finally:
        log.info("stopping: finishing the photos in hand")
        worker.health.state = "stopping"
        worker.systemd.stopping()
        for task in intake:  # `reload` too: a new model would publish the status `ready`
            task.cancel()
        await publisher.announce(WorkerState.STOPPING)
        await pipeline.stop(timeout_s=PIPELINE_STOP_S)
        if consumer is not None:
            await consumer.stop(timeout_s=CONSUMER_STOP_S)
        publishing.cancel()
        heartbeat.cancel()
        await asyncio.gather(publishing, heartbeat, *intake, return_exceptions=True)


async def first_to_end(
    stopping: asyncio.Event, *endless: asyncio.Task[Any], may_end: asyncio.Task[Any] | None = None
) -> bool:
    """Wait until `stopping` is set, or `may_end` ends; returns whether `may_end` was first.

    An endless task that ends has failed; its error is raised.
    """
    stop = asyncio.create_task(stopping.wait(), name="signal")
    awaited = {stop, *endless} | ({may_end} if may_end else set())
    try:
        done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
    for task in endless:
        if task in done:
            task.result()
            raise NunchiError(f"the worker's task {task.get_name()} ended unexpectedly")
    return may_end in done and stop not in done


@contextlib.contextmanager
def locked(state_dir: Path) -> Generator[None, None, None]:
    """Lock the state folder: two workers must not share an outbox, a socket and an MQTT client id."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NunchiError(
                f"another worker uses {state_dir}: this one does not start. Stop the other one, or set NUNCHI_STATE_DIR"
            ) from None
        yield
