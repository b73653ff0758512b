"""`python -m worker`: the wiring. The only file of the worker that reads the environment or makes a client.

Ends with 0 after SIGTERM or Ctrl-C, 1 when it could not start or go on, 2 when its settings are wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import uvicorn
from botocore.config import Config

from contracts.errors import NunchiError, SettingsError
from contracts.messages import WorkerState
from contracts.settings import load
from worker.photos.decision import Thresholds
from worker.photos.pipeline import Pipeline, PipelineSettings
from worker.photos.publisher import Broker, MqttPublisher
from worker.photos.socket_server import WorkerHealth, application, listening
from worker.photos.sqs_consumer import BEATS, THREADS, SqsConsumer
from worker.photos.sqs_queue import LONG_POLL_S, SqsQueue
from worker.photos.store import S3Store
from worker.recovery.maintenance import run_maintenance
from worker.recovery.outbox import Outbox
from worker.recovery.poison import AttemptCounter
from worker.recovery.sweep import FORGOTTEN_AFTER
from worker.rollout.reload import ModelSource, Reload, ServingModel, aside, load_checked, start
from worker.rollout.runs import Runs
from worker.rollout.trial import ProcessTrial, portrait
from worker.rollout.weights import S3WeightsBucket
from worker.settings import WorkerSettings
from worker.telemetry.emf import EmfFile
from worker.telemetry.metrics import Metrics
from worker.telemetry.sd_notify import Systemd

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

log = logging.getLogger("worker")

PATIENCE_S: Final = 20.0  # to finish the work in hand; systemd and the local cloud wait a little longer
GOODBYE_S: Final = 3.0  # to tell the queue what became of its messages


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the wiring below decides what is finished before the process leaves."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run a worker until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    os.umask(0o007)  # socket, outbox and attempts are for our user and group: they tell who stood before a kiosk
    try:
        settings = load(WorkerSettings, environ)
    except SettingsError as error:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        asyncio.run(_run(settings, Systemd(environ)))
    except (NunchiError, OSError) as error:
        log.error("the worker can't go on: %s", error)
        return 1
    return 0


async def _run(settings: WorkerSettings, systemd: Systemd) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    metrics, health = Metrics(), WorkerHealth(settings.instance_id, _thresholds(settings))
    with _alone_in(settings.state_dir), listening(settings.socket) as listener:
        # It answers from the first moment, /ready with 503: who waits sees a start, not a refused connection.
        config = uvicorn.Config(
            application(health, metrics),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,  # for a client that never ends its request
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
        measuring = asyncio.create_task(_tell_cloudwatch(settings, metrics, health), name="metrics")
        try:
            loading = asyncio.create_task(_model(settings, metrics, health), name="model")
            if await _first_to_end(stopping, serving, may_end=loading):
                await _work(
                    settings,
                    model=loading.result(),
                    systemd=systemd,
                    health=health,
                    metrics=metrics,
                    stopping=stopping,
                    serving=serving,
                )
        finally:
            measuring.cancel()
            loading.cancel()
            server.should_exit = True
            await serving
            await asyncio.gather(measuring, loading, return_exceptions=True)


async def _work(
    settings: WorkerSettings,
    *,
    model: _Chosen,
    systemd: Systemd,
    health: WorkerHealth,
    metrics: Metrics,
    stopping: asyncio.Event,
    serving: asyncio.Task[None],
) -> None:
    """Label photos until told to stop, then finish those in hand."""
    in_service = model.in_service
    publisher = MqttPublisher(_broker(settings), lambda: in_service.model)
    pipeline = Pipeline(
        rules=_rules(settings),
        detector=in_service.detector,
        store=_store(settings),
        publisher=publisher,
        outbox=Outbox(settings.state_dir / "outbox"),
        attempts=AttemptCounter(settings.state_dir / "attempts"),
        metrics=metrics,
    )

    async def serve() -> None:
        """Photos that begin from now on begin with the model in service; whoever asks is told so."""
        pipeline.detector = in_service.detector
        health.model = in_service.model
        metrics.serves(in_service.model)
        await publisher.announce(WorkerState.READY)

    await serve()
    pipeline.start()
    health.pipeline, health.broker_connected = pipeline, lambda: publisher.connected
    health.state = "ready"
    telling = asyncio.create_task(publisher.run(), name="publisher")
    rounds = asyncio.create_task(
        run_maintenance(pipeline, sweep_every_s=settings.sweep_period_s, alone=settings.upload_queue_url is None),
        name="rounds",
    )
    beating = asyncio.create_task(systemd.beat(in_service.is_sound), name="watchdog")
    following = asyncio.create_task(
        model.reload.run(serve, every_s=settings.weights_every_s) if model.reload else asyncio.Event().wait(),
        name="weights",
    )
    intake = _intake(settings, pipeline, metrics)
    taking = asyncio.create_task(intake.run() if intake else asyncio.Event().wait(), name="intake")
    systemd.ready()
    log.info("ready: %s %s on %s", in_service.model.name, in_service.model.version, settings.socket)
    try:
        await _first_to_end(stopping, serving, telling, rounds, taking, beating, following)
    finally:
        log.info("stopping: photos in hand are finished first")
        health.state = "stopping"
        systemd.stopping()
        for task in (rounds, taking, following):  # a new model would say that the worker is ready
            task.cancel()
        await publisher.announce(WorkerState.STOPPING)
        await pipeline.stop(patience_s=PATIENCE_S)
        if intake is not None:
            await intake.stop(patience_s=GOODBYE_S)  # messages of finished photos deleted, the others given back
        telling.cancel()
        beating.cancel()
        await asyncio.gather(telling, rounds, taking, beating, following, return_exceptions=True)


@contextlib.contextmanager
def _alone_in(state_dir: Path) -> Generator[None, None, None]:
    """Hold the state folder: two workers with one outbox, one socket and one MQTT name would undo each other."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NunchiError(
                f"another worker has {state_dir}: this one does not start; end that one, or set NUNCHI_STATE_DIR"
            ) from None
        yield


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The model in service, and who follows the pointer of the weights, if there is a bucket of them."""

    in_service: ServingModel
    reload: Reload | None


async def _model(settings: WorkerSettings, metrics: Metrics, health: WorkerHealth) -> _Chosen:
    """What serves first; it has seen somebody in a portrait."""
    if settings.weights_bucket is None:
        return _Chosen(
            ServingModel(await aside(partial(load_checked, settings.model, portrait(settings.trial_picture)))), None
        )
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
    source = ModelSource(
        carried=settings.model,
        weights=S3WeightsBucket(boto3.client("s3", config=config), settings.weights_bucket),
        runs=Runs(settings.state_dir / "weights"),
        trial=ProcessTrial(settings.trial_picture),
        picture=settings.trial_picture,
    )
    reload = await start(source, metrics)
    health.model_refused = lambda: reload.refused
    return _Chosen(reload.in_service, reload)


def _thresholds(settings: WorkerSettings) -> Thresholds:
    return Thresholds(settings.gate, settings.unsure_below, settings.review_share)


def _rules(settings: WorkerSettings) -> PipelineSettings:
    return PipelineSettings(
        instance_id=settings.instance_id,
        thresholds=_thresholds(settings),
        label_ttl=timedelta(seconds=settings.label_ttl_s),
        max_pixels=settings.max_pixels,
        photos_at_once=settings.photos_at_once,
        model_threads=settings.model_threads,
        # The queue gives a younger one to somebody, perhaps to us.
        sweep_older_than=FORGOTTEN_AFTER if settings.upload_queue_url else timedelta(0),
    )


def _broker(settings: WorkerSettings) -> Broker:
    return Broker(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        ca=settings.mqtt_ca,
        cert=settings.mqtt_cert,
        key=settings.mqtt_key,
        instance_id=settings.instance_id,
    )


def _store(settings: WorkerSettings) -> S3Store:
    config = Config(
        # All tries of a request together stay under PATIENCE_S.
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=2 * settings.photos_at_once,
    )
    return S3Store(
        boto3.client("s3", config=config),
        images_bucket=settings.images_bucket,
        dataset_bucket=settings.dataset_bucket,
        max_bytes=settings.max_bytes,
    )


async def _tell_cloudwatch(settings: WorkerSettings, metrics: Metrics, health: WorkerHealth) -> None:
    if settings.emf_file is not None:
        await EmfFile(settings.emf_file, metrics=metrics, health=health, disk=settings.state_dir).run()


def _intake(settings: WorkerSettings, pipeline: Pipeline, metrics: Metrics) -> SqsConsumer | None:
    """What reads the upload queue; None when commands bring the photos."""
    if settings.upload_queue_url is None:
        return None

    def client(*, answer_s: float) -> SQSClient:
        config = Config(
            connect_timeout=2,
            read_timeout=answer_s,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=THREADS,
        )
        return boto3.client("sqs", config=config)

    queue = SqsQueue(
        client(answer_s=settings.visibility_s / BEATS),
        url=settings.upload_queue_url,
        visibility_s=settings.visibility_s,
        polling=client(answer_s=LONG_POLL_S + 5),
    )
    return SqsConsumer(queue=queue, photos=pipeline, metrics=metrics, visibility_s=settings.visibility_s)


async def _first_to_end(
    stopping: asyncio.Event, *endless: asyncio.Task[Any], may_end: asyncio.Task[Any] | None = None
) -> bool:
    """Wait for the signal to stop, or for `may_end`; True if that came first.

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
            raise NunchiError(f"the worker's {task.get_name()} ended by itself")
    return may_end in done and stop not in done


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Not sys.exit: it would wait for threads that hang in a request to an S3 that does not answer. What they were about
    # is recorded, or found by the next start.
    os._exit(status)
