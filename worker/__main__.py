"""`python -m worker`: the wiring. The only file of the worker that reads the environment or makes a client.

Exits with 0 after SIGTERM or Ctrl-C, 1 when it could not start or continue, 2 when its settings are invalid.
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
from functools import partial
from typing import Any, Literal

import boto3
import uvicorn
from botocore.config import Config

from contracts.errors import NunchiError, SettingsError
from contracts.service_manager import ServiceManager
from contracts.settings import load
from mqtt.client import Broker
from recipes.pictures import load_picture
from recipes.reading import KIOSK, InvalidRecipe, folder_of
from recipes.reading import load as load_recipe
from recipes.recipe import Recipe
from worker.kinds import kinds_for
from worker.kiosk.decision import LabelTask
from worker.lifecycle import Worker, first_to_end, label_photos, locked
from worker.models.day_0 import built_in
from worker.models.loading import load_model
from worker.photos.answering import AnswersTask
from worker.photos.pipeline import Pipeline, PipelineSettings
from worker.photos.publisher import MqttPublisher
from worker.photos.rules import Thresholds
from worker.photos.socket_server import WorkerHealth, application, listening
from worker.photos.sqs_consumer import HEARTBEATS, THREADS, SqsConsumer
from worker.photos.sqs_queue import LONG_POLL_S, SqsQueue
from worker.photos.store import LINKS, S3Store
from worker.photos.task import Task
from worker.recovery.outbox import Outbox
from worker.recovery.poison import AttemptCounter
from worker.recovery.sweep import FORGOTTEN_AFTER
from worker.rollout.reload import ModelSource, Reload, ServingModel, in_own_thread, load_checked, start
from worker.rollout.runs import Runs
from worker.rollout.trial import ProcessTrial, portrait
from worker.rollout.weights import S3WeightsBucket
from worker.settings import WorkerSettings
from worker.telemetry.emf import EmfFile
from worker.telemetry.metrics import Metrics

log = logging.getLogger("worker")


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: on a signal the photos in flight are finished first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run a worker until a signal stops it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    os.umask(0o007)  # socket, outbox and attempts only for its user and group: they describe customers
    try:
        settings = load(WorkerSettings, environ)
        recipe = load_recipe(settings.recipe)
        task = _task(settings, recipe)
    except (SettingsError, InvalidRecipe) as error:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        asyncio.run(_run(settings, recipe, task, ServiceManager(environ)))
    except (NunchiError, OSError) as error:
        log.error("the worker can't continue: %s", error)
        return 1
    return 0


async def _run(settings: WorkerSettings, recipe: Recipe, task: Task, systemd: ServiceManager) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    metrics, health = Metrics(), WorkerHealth(settings.instance_id, _thresholds(settings))
    with locked(settings.state_dir), listening(settings.socket) as listener:
        # It serves before the model is loaded, /ready with 503: a client sees a start, not a refused connection.
        config = uvicorn.Config(
            application(health, metrics),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,  # for a client that never ends its request
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="server")
        measuring = asyncio.create_task(_write_emf(settings, metrics, health), name="metrics")
        loading = asyncio.create_task(_load_model(settings, recipe, metrics, health), name="model")
        try:
            if await first_to_end(stopping, serving, may_end=loading):
                in_service, reload = loading.result()
                await label_photos(
                    _worker(
                        settings, recipe, task, in_service, reload, systemd=systemd, health=health, metrics=metrics
                    ),
                    sweep_period_s=settings.sweep_period_s,
                    reload_period_s=settings.weights_every_s,
                    stopping=stopping,
                    server=serving,
                )
        finally:
            measuring.cancel()
            loading.cancel()
            server.should_exit = True
            await serving
            await asyncio.gather(measuring, loading, return_exceptions=True)


def _worker(
    settings: WorkerSettings,
    recipe: Recipe,
    task: Task,
    in_service: ServingModel,
    reload: Reload | None,
    *,
    systemd: ServiceManager,
    health: WorkerHealth,
    metrics: Metrics,
) -> Worker:
    publisher = MqttPublisher(_broker(settings), lambda: in_service.model)
    pipeline = Pipeline(
        settings=_pipeline_settings(settings, recipe, task),
        detector=in_service.detector,
        store=_store(settings),
        publisher=publisher,
        outbox=Outbox(settings.state_dir / "outbox"),
        attempts=AttemptCounter(settings.state_dir / "attempts"),
        metrics=metrics,
    )
    return Worker(
        in_service=in_service,
        reload=reload,
        pipeline=pipeline,
        publisher=publisher,
        consumer=_consumer(settings, pipeline, metrics),
        systemd=systemd,
        health=health,
        metrics=metrics,
    )


async def _load_model(
    settings: WorkerSettings, recipe: Recipe, metrics: Metrics, health: WorkerHealth
) -> tuple[ServingModel, Reload | None]:
    """The first model in service, loaded and checked; and what follows the pointer, with a weights bucket."""
    manifest = settings.model or built_in(settings.recipe)
    load_of_recipe = partial(load_model, kinds=kinds_for(recipe))
    if settings.weights_bucket is None:
        load_built_in = partial(load_checked, manifest, portrait(settings.trial_picture), load_of_recipe)
        return ServingModel(await in_own_thread(load_built_in)), None
    source = ModelSource(
        built_in=manifest,
        weights=S3WeightsBucket(_client("s3", read_timeout_s=10), settings.weights_bucket),
        runs=Runs(settings.state_dir / "weights"),
        trial=ProcessTrial(settings.trial_picture, settings.recipe),
        load=load_of_recipe,
        picture=settings.trial_picture,
    )
    reload = await start(source, metrics)
    health.model_refused = lambda: reload.refused
    return reload.in_service, reload


def _thresholds(settings: WorkerSettings) -> Thresholds:
    return Thresholds(settings.gate, settings.unsure_below, settings.review_share)


def _task(settings: WorkerSettings, recipe: Recipe) -> Task:
    """What the recipe decides. InvalidRecipe if its picture can't be drawn."""
    thresholds = _thresholds(settings)
    if recipe.name == KIOSK:
        return LabelTask(thresholds)
    return AnswersTask(recipe, thresholds, load_picture(recipe, folder_of(settings.recipe)))


def _pipeline_settings(settings: WorkerSettings, recipe: Recipe, task: Task) -> PipelineSettings:
    return PipelineSettings(
        instance_id=settings.instance_id,
        task=task,
        label_ttl=timedelta(seconds=settings.label_ttl_s),
        max_pixels=settings.max_pixels,
        photos_at_once=settings.photos_at_once,
        model_threads=settings.model_threads,
        # With a queue, a younger upload is still the queue's to deliver, perhaps to this worker.
        sweep_older_than=FORGOTTEN_AFTER if settings.upload_queue_url else timedelta(0),
        keeps_uploads=recipe.keep.upload,
    )


def _broker(settings: WorkerSettings) -> Broker:
    return Broker(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        ca=settings.mqtt_ca,
        cert=settings.mqtt_cert,
        key=settings.mqtt_key,
        client_id=settings.instance_id,
    )


def _store(settings: WorkerSettings) -> S3Store:
    return S3Store(
        # All tries of a request together stay under PIPELINE_STOP_S.
        _client("s3", read_timeout_s=5, tries=3, connections=2 * settings.photos_at_once),
        images_bucket=settings.images_bucket,
        dataset_bucket=settings.dataset_bucket,
        max_bytes=settings.max_bytes,
    )


def _client(service: Literal["s3", "sqs"], *, read_timeout_s: float, tries: int = 2, connections: int = 10) -> Any:
    retries: Any = {"mode": "standard", "total_max_attempts": tries}
    signing = LINKS if service == "s3" else {}
    config = Config(
        connect_timeout=2, read_timeout=read_timeout_s, retries=retries, max_pool_connections=connections, **signing
    )
    return boto3.client(service, config=config)


def _consumer(settings: WorkerSettings, pipeline: Pipeline, metrics: Metrics) -> SqsConsumer | None:
    """The consumer of the upload queue; None when Run Commands bring the photos."""
    if settings.upload_queue_url is None:
        return None

    queue = SqsQueue(
        _client("sqs", read_timeout_s=settings.visibility_s / HEARTBEATS, connections=THREADS),
        url=settings.upload_queue_url,
        visibility_s=settings.visibility_s,
        polling=_client("sqs", read_timeout_s=LONG_POLL_S + 5, connections=THREADS),
    )
    return SqsConsumer(queue=queue, photos=pipeline, metrics=metrics, visibility_s=settings.visibility_s)


async def _write_emf(settings: WorkerSettings, metrics: Metrics, health: WorkerHealth) -> None:
    if settings.emf_file is not None:
        await EmfFile(settings.emf_file, metrics=metrics, health=health, disk=settings.state_dir).run()


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Not sys.exit: it would wait for threads that hang in a request to an unresponsive S3. Their photos are in the
    # outbox, or the next start finds them.
    os._exit(status)
