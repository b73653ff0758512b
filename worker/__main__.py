"""`python -m worker`: the wiring. The only file of the worker that reads the environment or makes a client.

Ends with 0 after SIGTERM or Ctrl-C, 1 when it could not start, 2 when its settings are wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Generator, Mapping
from datetime import timedelta
from importlib.resources import files
from typing import Final

import boto3
import uvicorn
from botocore.config import Config

from contracts.errors import NunchiError, SettingsError
from contracts.messages import WorkerState
from contracts.settings import load
from worker.decision import Thresholds
from worker.detector import Detector
from worker.metrics import Metrics
from worker.models import load_detector
from worker.outbox import Outbox
from worker.photo import decode
from worker.pipeline import Pipeline, Rules
from worker.publisher import Broker, MqttPublisher
from worker.server import Health, application
from worker.settings import WorkerSettings
from worker.store import S3Store

log = logging.getLogger("worker")

PATIENCE_S: Final = 20.0  # to finish the work in hand; systemd and the local cloud wait a little longer


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the wiring below decides what is finished before the process leaves."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run a worker until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = load(WorkerSettings, environ)
    except SettingsError as error:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        asyncio.run(_run(settings))
    except (NunchiError, OSError) as error:
        log.error("the worker can't go on: %s", error)
        return 1
    return 0


async def _run(settings: WorkerSettings) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    metrics, health = Metrics(), Health(settings.instance_id)
    # It answers from the first moment, /ready with 503: who waits for it sees a start instead of a refused connection.
    server = _serve(settings, health, metrics)
    serving = asyncio.create_task(server.serve(), name="server")
    try:
        detector = await asyncio.to_thread(_warm_detector, settings)
        health.model = detector.model
        metrics.model.labels(detector.model.name, detector.model.version, detector.model.digest).set(1)
        broker = Broker(
            host=settings.mqtt_host,
            port=settings.mqtt_port,
            ca=settings.mqtt_ca,
            cert=settings.mqtt_cert,
            key=settings.mqtt_key,
            instance_id=settings.instance_id,
        )
        publisher = MqttPublisher(broker, lambda: detector.model)
        pipeline = Pipeline(
            rules=_rules(settings),
            detector=detector,
            store=_store(settings),
            publisher=publisher,
            outbox=Outbox(settings.state_dir / "outbox"),
            metrics=metrics,
        )
        pipeline.start()
        health.pipeline, health.broker_connected, health.state = pipeline, lambda: publisher.connected, "ready"
        background = [
            asyncio.create_task(publisher.run(), name="publisher"),
            asyncio.create_task(_sweep_for_ever(pipeline, settings.sweep_every_s), name="sweep"),
        ]
        log.info("ready: %s %s on %s", detector.model.name, detector.model.version, settings.socket)
        await _first_to_end(stopping, serving, *background)
        log.info("stopping: photos in hand are finished first")
        health.state = "stopping"
        await publisher.announce(WorkerState.STOPPING)
        background[1].cancel()
        await pipeline.stop(patience_s=PATIENCE_S)
        background[0].cancel()
        await asyncio.gather(*background, return_exceptions=True)
    finally:
        server.should_exit = True
        await serving
        settings.socket.unlink(missing_ok=True)


def _serve(settings: WorkerSettings, health: Health, metrics: Metrics) -> _Server:
    settings.socket.parent.mkdir(parents=True, exist_ok=True)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    settings.socket.unlink(missing_ok=True)  # left by a killed process; a living one is refused below, by its state
    return _Server(
        uvicorn.Config(
            application(health, metrics),
            uds=str(settings.socket),
            log_level="warning",
            access_log=False,
            lifespan="off",
        )
    )


def _warm_detector(settings: WorkerSettings) -> Detector:
    """Load the model and put a real picture through it; a model that sees nobody in it must not serve."""
    detector = load_detector(settings.model)
    picture = decode(files("worker").joinpath("model_data/warm_up.jpg").read_bytes(), max_pixels=settings.max_pixels)
    for _ in range(settings.model_threads + 1):  # the first call makes the networks' buffers
        [people] = detector.detect([picture.image])
    if not people:
        raise NunchiError(f"{settings.model}: this model sees nobody in the portrait that every model must see")
    return detector


def _rules(settings: WorkerSettings) -> Rules:
    return Rules(
        instance_id=settings.instance_id,
        thresholds=Thresholds(settings.gate, settings.unsure_below, settings.review_share),
        label_ttl=timedelta(seconds=settings.label_ttl_s),
        max_pixels=settings.max_pixels,
        photos_at_once=settings.photos_at_once,
        model_threads=settings.model_threads,
    )


def _store(settings: WorkerSettings) -> S3Store:
    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=2 * settings.photos_at_once,
    )
    return S3Store(
        boto3.client("s3", config=config),
        images_bucket=settings.images_bucket,
        dataset_bucket=settings.dataset_bucket,
        max_bytes=settings.max_bytes,
    )


async def _sweep_for_ever(pipeline: Pipeline, every_s: float) -> None:
    while True:
        try:
            await pipeline.recover()
            await pipeline.sweep()
        except Exception:
            log.exception("the sweep failed; the next one is in %g s", every_s)
        await asyncio.sleep(every_s)


async def _first_to_end(stopping: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Wait for the signal to stop; a task that ends before it has failed, and its error is raised."""
    stop = asyncio.create_task(stopping.wait(), name="signal")
    done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    for task in done:
        if task is not stop:
            task.result()
            raise NunchiError(f"the worker's {task.get_name()} ended by itself")


if __name__ == "__main__":
    sys.exit(main())
