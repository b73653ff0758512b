"""The model in service, and its replacement by another one without a failed photo.

    pointer ─► changed? ─► run on disk ─► trial ─► loaded ─► person, speed ─► in service
                             runs.py     trial.py   └── beside the old model, which keeps serving if any step fails

An invalid run is logged once, and is tried again when the pointer moves. A failure of S3 or of the disk is logged once,
too, and is tried again at each check. Photos that have started finish with the model that they started with.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from weakref import WeakSet

from contracts.errors import ContractError
from contracts.messages import Model
from contracts.weights import DAY_0, Pointer
from worker.models.day_0 import WARM_UP
from worker.models.detector import Image, ImageModel
from worker.models.manifests import InvalidModel, read_manifest
from worker.rollout.runs import Runs
from worker.rollout.trial import TIMEOUT_S, Trial, most_slowdown, portrait, require_speed, require_subject
from worker.rollout.weights import PointerRead, WeightsBucket, WeightsUnavailable
from worker.telemetry.metrics import Metrics
from worker.telemetry.watchdog import TimedDetector
from worker.threads import in_thread

log = logging.getLogger(__name__)
T = TypeVar("T")

PERIOD_S: Final = 60.0


class ServingModel:
    """The model that new photos use, and the earlier models that photos in hand still use."""

    def __init__(self, detector: ImageModel, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._in_use: WeakSet[TimedDetector] = WeakSet()
        self.replace(detector)

    def replace(self, detector: ImageModel) -> None:
        """Let new photos use another model."""
        self.untimed = detector  # for a comparison that the watchdog must not count
        self.detector = TimedDetector(detector, self._clock)
        self._in_use.add(self.detector)

    @property
    def model(self) -> Model:
        return self.detector.model

    def is_responsive(self) -> bool:
        """Whether no photo hangs in any of the models."""
        return all(detector.is_responsive() for detector in list(self._in_use))


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """The sources of models: the weights bucket, the runs on disk, and `built_in`, a manifest that is always there."""

    built_in: Path
    weights: WeightsBucket
    runs: Runs
    trial: Trial
    load: Callable[[Path], ImageModel]
    picture: Path = WARM_UP  # every model must find something in it
    timeout_s: float = TIMEOUT_S
    clock: Callable[[], float] = time.perf_counter  # by which models are compared; of the calling thread


class Reload:
    """Follows the pointer. One a process; methods belong to its event loop."""

    def __init__(self, source: ModelSource, in_service: ServingModel, metrics: Metrics) -> None:
        self._source = source
        self._metrics = metrics
        self._known_etag: str | None = None  # of the pointer that was followed, or refused
        self._reported: tuple[str | None, str] | None = None  # the failure that was logged and still lasts
        self._picture: Image = portrait(source.picture)
        self.in_service = in_service
        self.refused: str | None = None

    async def run(self, on_replaced: Callable[[], Awaitable[None]], *, period_s: float = PERIOD_S) -> None:
        """Check the pointer until cancelled; call `on_replaced` each time that another model is in service."""
        while True:
            await asyncio.sleep(period_s)
            try:
                replaced = await self.check()
            except Exception:
                log.exception("the pointer to the weights can't be checked; it is tried again later")
                continue
            if replaced:
                await on_replaced()

    async def check(self) -> bool:
        """Follow the pointer if it has moved; returns whether another model is in service."""
        pointer = None
        try:
            pointer = await in_own_thread(partial(self._source.weights.read_pointer, self._known_etag))
            if pointer is None:
                self._report_recovery()
                return False
            detector, run = await self._prepare(pointer)
        except WeightsUnavailable as error:
            self._report_once(pointer, error)
            return False
        except OSError as error:
            if self._report_once(pointer, error):
                self._metrics.model_refused.inc()
            self.refused = f"new weights can't be written to the disk: {error}"
            return False
        except (InvalidModel, ContractError) as error:
            assert pointer is not None  # noqa: S101 - only a pointer that was read can be refused
            self._known_etag, self.refused = pointer.etag, str(error)
            self._metrics.model_refused.inc()
            log.error("the pointer to the weights is refused, %s keeps serving: %s", self.in_service.model, error)
            return False
        self._known_etag, self.refused, self._reported = pointer.etag, None, None
        if detector is not None:
            before = self.in_service.model
            self.in_service.replace(detector)
            log.info("%s serves: %s, after %s", run or DAY_0, detector.model, before)
        await self._mark_served(run)
        return detector is not None

    async def _prepare(self, read: PointerRead) -> tuple[ImageModel | None, str | None]:
        """The pointer's model, ready to serve, None if it serves already; and its run."""
        source = self._source
        pointer = None if read.text is None else Pointer.from_json(read.text)
        run = pointer.run if pointer else None
        if pointer is None or run is None or pointer.manifest_sha256 is None:
            if read_manifest(source.built_in).model.digest == self.in_service.model.digest:
                return None, None
            return await self._loaded(source.built_in, is_new=False), None
        if pointer.manifest_sha256 == self.in_service.model.digest:
            return None, run
        manifest = await in_own_thread(partial(source.runs.fetch, run, pointer.manifest_sha256, source.weights))
        # A run that served before may serve again, however slow it is by now: a rollback must always work.
        is_new = not source.runs.has_served(run)
        if is_new:
            await source.trial(manifest)
        return await self._loaded(manifest, is_new=is_new), run

    async def _loaded(self, manifest: Path, *, is_new: bool) -> ImageModel:
        """The model of a manifest, loaded beside the one in service, and checked."""
        try:
            async with asyncio.timeout(self._source.timeout_s):
                return await in_own_thread(partial(self._load, manifest, is_new=is_new))
        except TimeoutError:
            raise InvalidModel(
                f"{manifest}: not loaded and checked within {self._source.timeout_s:g} s; it does not serve. "
                "Promote another run"
            ) from None

    def _load(self, manifest: Path, *, is_new: bool) -> ImageModel:
        detector = load_checked(manifest, self._picture, self._source.load)
        if is_new:
            allowed = most_slowdown(read_manifest(manifest))
            serving, clock = self.in_service.untimed, self._source.clock
            require_speed(detector, self._picture, against=serving, most_slowdown=allowed, clock=clock)
        return detector

    async def _mark_served(self, run: str | None) -> None:
        try:
            await in_own_thread(partial(self._source.runs.mark_served, run))
        except OSError as error:
            log.warning("%s serves, but that can't be recorded for the next start: %s", run or DAY_0, error)

    def _report_once(self, pointer: PointerRead | None, error: Exception) -> bool:
        """Log a temporary failure, once while it lasts; returns whether it is new."""
        failure = (pointer.etag if pointer else None, type(error).__name__)
        if is_new := failure != self._reported:
            log.warning("%s; %s keeps serving, it is tried again later", error, self.in_service.model)
        self._reported = failure
        return is_new

    def _report_recovery(self) -> None:
        if self._reported is not None:
            log.info("the weights can be read again")
            self._reported = None


async def start(source: ModelSource, metrics: Metrics) -> Reload:
    """The model of a start: the pointer's; else the run that served last; else the built-in model.

    InvalidModel only when the built-in model can't serve either.
    """
    load = partial(load_checked, picture=portrait(source.picture), load=source.load)
    last_served = source.runs.last_served()
    detector = None
    if last_served is not None:
        try:
            detector = await in_own_thread(partial(load, source.runs.manifest(last_served)))
        except InvalidModel as error:
            log.error("run %s served last, but can't serve any more: %s", last_served, error)
    if detector is None:
        detector = await in_own_thread(partial(load, source.built_in))
    reload = Reload(source, ServingModel(detector), metrics)
    try:
        async with asyncio.timeout(source.timeout_s):
            await reload.check()
    except TimeoutError:
        log.warning("the weights were not ready within %g s; %s serves", source.timeout_s, detector.model)
    return reload


def load_checked(manifest: Path, picture: Image, load: Callable[[Path], ImageModel]) -> ImageModel:
    """The model of a manifest; InvalidModel unless it loads and finds something in the picture."""
    try:
        detector = load(manifest)
    except InvalidModel:
        raise
    except Exception as error:
        raise InvalidModel(
            f"{manifest}: it can't be loaded: {error!r}; it does not serve. Promote another run"
        ) from error
    require_subject(detector, picture)
    return detector


async def in_own_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread that the worker's end does not wait for: the work may hang."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="weights")
    try:
        return await in_thread(pool, work)
    finally:
        pool.shutdown(wait=False)
