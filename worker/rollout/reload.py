"""The model in service, and how another one takes its place without a photo noticing.

    pointer ─► changed? ─► run on disk ─► trial ─► loaded ─► sense, speed ─► in service
                             runs.py     trial.py   └── beside the old one, which serves on whatever happens

What is wrong with a run is said once, and the run is tried again when the pointer moves. What is wrong with S3 or the
disk is said once, too, and tried again at each look: it may pass. Photos that have begun end with the model that they
began with.
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
from worker.models.detector import Detector, Image
from worker.models.loading import load_detector
from worker.models.manifests import InvalidModel, read_manifest
from worker.rollout.runs import Runs
from worker.rollout.trial import PATIENCE_S, Trial, most_slowdown, portrait, require_sense, require_speed
from worker.rollout.weights import PointerRead, WeightsBucket, WeightsUnavailable
from worker.telemetry.metrics import Metrics
from worker.telemetry.sd_notify import TimedDetector
from worker.threads import in_thread

log = logging.getLogger(__name__)
T = TypeVar("T")

EVERY_S: Final = 60.0


class ServingModel:
    """The model that photos begin with, and those that earlier photos still have in hand."""

    def __init__(self, detector: Detector, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._alive: WeakSet[TimedDetector] = WeakSet()
        self.replace(detector)

    def replace(self, detector: Detector) -> None:
        """Let photos begin with another model."""
        self._bare = detector
        self.detector = TimedDetector(detector, self._clock)
        self._alive.add(self.detector)

    @property
    def bare(self) -> Detector:
        """The model itself, for a comparison whose calls no watchdog counts."""
        return self._bare

    @property
    def model(self) -> Model:
        return self.detector.model

    def is_sound(self) -> bool:
        """Whether every picture in any of them may still come out."""
        return all(one.is_sound() for one in list(self._alive))


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """Where models come from: the weights bucket, what is on disk, and `carried`, the manifest that is always there."""

    carried: Path
    weights: WeightsBucket
    runs: Runs
    trial: Trial
    load: Callable[[Path], Detector] = load_detector
    picture: Path = WARM_UP  # every model must see somebody in it
    patience_s: float = PATIENCE_S
    clock: Callable[[], float] = time.perf_counter  # by which models are compared; of the thread that asks


class Reload:
    """Follows the pointer. One a process; methods belong to its event loop."""

    def __init__(self, source: ModelSource, in_service: ServingModel, metrics: Metrics) -> None:
        self._source = source
        self._metrics = metrics
        self._known: str | None = None  # ETag of the pointer that was followed, or refused
        self._said: tuple[str | None, str] | None = None
        self._picture: Image = portrait(source.picture)
        self.in_service = in_service
        self.refused: str | None = None

    async def run(self, serve: Callable[[], Awaitable[None]], *, every_s: float = EVERY_S) -> None:
        """Look for ever; call `serve` each time that another model has come into service."""
        while True:
            await asyncio.sleep(every_s)
            try:
                changed = await self.look()
            except Exception:
                log.exception("the weights could not be looked at; a later look tries again")
                continue
            if changed:
                await serve()

    async def look(self) -> bool:
        """Follow the pointer if it has moved; True if another model is in service now."""
        found = None
        try:
            found = await aside(partial(self._source.weights.look, self._known))
            if found is None:
                self._quiet_again()
                return False
            detector, run = await self._try(found)
        except WeightsUnavailable as error:
            self._say_once(found, error)
            return False
        except OSError as error:
            if self._say_once(found, error):
                self._metrics.model_refused.inc()
            self.refused = f"no room, or no right, for new weights: {error}"
            return False
        except (InvalidModel, ContractError) as error:
            assert found is not None  # noqa: S101 - nothing is refused unseen
            self._known, self.refused = found.etag, str(error)
            self._metrics.model_refused.inc()
            log.error(
                "the weights' pointer is not followed, %s %s serves on: %s",
                *(self.in_service.model.name, self.in_service.model.version, error),
            )
            return False
        self._known, self.refused, self._said = found.etag, None, None
        if detector is not None:
            before = self.in_service.model
            self.in_service.replace(detector)
            now = self.in_service.model
            log.info("%s serves: %s %s, after %s %s", run or DAY_0, now.name, now.version, before.name, before.version)
        await self._note(run)
        return detector is not None

    async def _try(self, found: PointerRead) -> tuple[Detector | None, str | None]:
        """The model that the pointer means, ready to serve, None if it serves; and its run."""
        source = self._source
        pointer = None if found.text is None else Pointer.from_json(found.text)
        run = pointer.run if pointer else None
        if pointer is None or run is None or pointer.manifest_sha256 is None:
            if read_manifest(source.carried).model.digest == self.in_service.model.digest:
                return None, None
            return await self._loaded(source.carried, fresh=False), None
        if pointer.manifest_sha256 == self.in_service.model.digest:
            return None, run
        manifest = await aside(partial(source.runs.get, run, pointer.manifest_sha256, source.weights))
        # What served here before may serve again, however slow it is by now: that is the way back.
        fresh = not source.runs.has_served(run)
        if fresh:
            await source.trial(manifest)
        return await self._loaded(manifest, fresh=fresh), run

    async def _loaded(self, manifest: Path, *, fresh: bool) -> Detector:
        """The model of a manifest, loaded beside the one in service, and checked."""
        try:
            async with asyncio.timeout(self._source.patience_s):
                return await aside(partial(self._load, manifest, fresh=fresh))
        except TimeoutError:
            raise InvalidModel(
                f"{manifest}: not loaded and checked within {self._source.patience_s:g} s; it does not serve. "
                "Promote another run"
            ) from None

    def _load(self, manifest: Path, *, fresh: bool) -> Detector:
        detector = load_checked(manifest, self._picture, self._source.load)
        if fresh:
            allowed = most_slowdown(read_manifest(manifest))
            served, clock = self.in_service.bare, self._source.clock
            require_speed(detector, self._picture, against=served, most_slowdown=allowed, clock=clock)
        return detector

    async def _note(self, run: str | None) -> None:
        try:
            await aside(partial(self._source.runs.serves, run))
        except OSError as error:
            log.warning("%s serves, but a restart may not know: %s", run or DAY_0, error)

    def _say_once(self, found: PointerRead | None, error: Exception) -> bool:
        """Log what may pass, once while it lasts; True if it was new."""
        said = (found.etag if found else None, type(error).__name__)
        if new := said != self._said:
            model = self.in_service.model
            log.warning("%s; %s %s serves on, a later look tries again", error, model.name, model.version)
        self._said = said
        return new

    def _quiet_again(self) -> None:
        if self._said is not None:
            log.info("the weights can be read again")
            self._said = None


async def start(source: ModelSource, metrics: Metrics) -> Reload:
    """What serves at a start: what the pointer means; else the run that served last; else the model that is carried.

    InvalidModel only when that one can't serve either.
    """
    picture = portrait(source.picture)
    latest = source.runs.latest()
    detector = None
    if latest is not None:
        try:
            detector = await aside(partial(load_checked, source.runs.manifest(latest), picture, source.load))
        except InvalidModel as error:
            log.error("run %s served last and can't any more: %s", latest, error)
    if detector is None:
        detector = await aside(partial(load_checked, source.carried, picture, source.load))
    reload = Reload(source, ServingModel(detector), metrics)
    try:
        async with asyncio.timeout(source.patience_s):
            await reload.look()
    except TimeoutError:
        log.warning("the weights took too long; %s %s serves", detector.model.name, detector.model.version)
    return reload


def load_checked(manifest: Path, picture: Image, load: Callable[[Path], Detector] = load_detector) -> Detector:
    """The model of a manifest, that has seen somebody in the portrait; InvalidModel otherwise."""
    try:
        detector = load(manifest)
    except InvalidModel:
        raise
    except Exception as error:
        raise InvalidModel(
            f"{manifest}: it can't be loaded: {error!r}; it does not serve. Promote another run"
        ) from error
    require_sense(detector, picture)
    return detector


async def aside(work: Callable[[], T]) -> T:
    """Blocking work in a thread that nobody waits for at the end: one that hangs must not keep the worker."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="weights")
    try:
        return await in_thread(pool, work)
    finally:
        pool.shutdown(wait=False)
