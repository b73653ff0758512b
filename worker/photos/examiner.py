"""From the bytes of an upload to the decision about it, in the model's own threads.

At most `model_threads` photos are pixels at a time. A photo that broke the model is a suspect (recovery/poison.py): it
goes in alone, and is given up after a few tries.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from contracts.errors import NunchiError
from contracts.messages import DatasetTree
from contracts.names import Reference
from imaging.decoding import PhotoRejected, decode
from worker.models.detector import Image, ImageModel
from worker.photos.task import Decision, Picture, Task
from worker.photos.timing import Stopwatch
from worker.recovery.poison import MAX_TRIES, AttemptCounter
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)


class PoisonPhoto(NunchiError):
    """The photo broke the model too often; this worker does not try it again."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The decision about a photo, and the image as JPEG where the dataset can't take the upload itself.

    `pictures`: those that go beside the answers.
    """

    decision: Decision
    jpeg: bytes | None = None
    pictures: Sequence[Picture] = ()


class Examiner:
    """Decides about photos. One a process; `examine` belongs to its event loop."""

    def __init__(
        self, *, task: Task, max_pixels: int, threads: int, attempts: AttemptCounter, metrics: Metrics
    ) -> None:
        self._task = task
        self._max_pixels = max_pixels
        self._attempts = attempts
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self._suspect_lock = asyncio.Lock()

    def gave_up(self, reference: Reference) -> bool:
        """Whether this worker does not examine the photo any more."""
        return self._attempts.is_given_up(reference)

    async def examine(
        self, reference: Reference, data: bytes, inputs: Mapping[str, str], model: ImageModel, stopwatch: Stopwatch
    ) -> Examined:
        """The decision; raises PoisonPhoto, or what the model raised. `inputs`: what the device said of the photo."""
        async with self._alone_if_suspect(reference):
            if self.gave_up(reference):
                raise PoisonPhoto(f"{reference} broke the model {MAX_TRIES} times; this worker does not try it again")
            tries = self._attempts.begin(reference)
            try:
                work = partial(self._examine, reference, data, inputs, model, stopwatch)
                examined = await in_thread(self._threads, work)
            except Exception:
                if tries >= MAX_TRIES:
                    self._metrics.given_up.inc()
                    log.error("%s broke the model %d times; this worker does not try it again", reference, tries)
                raise
            self._attempts.succeed(reference)
            return examined

    def close(self) -> None:
        """Start no further photo; those in the model run on."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextlib.asynccontextmanager
    async def _alone_if_suspect(self, reference: Reference) -> AsyncGenerator[None, None]:
        if self._attempts.is_suspect(reference):
            async with self._suspect_lock:
                yield
        else:
            yield

    def rejected(self, reference: Reference, rejection: PhotoRejected) -> Examined:
        """The decision about an upload that can't be read as a photo."""
        log.info("%s is rejected: %s", reference, rejection)
        return Examined(self._task.rejected(rejection.reason))

    def _examine(
        self, reference: Reference, data: bytes, inputs: Mapping[str, str], model: ImageModel, stopwatch: Stopwatch
    ) -> Examined:
        stopwatch.lap("wait")
        if (declined := self._task.declined_unseen(inputs)) is not None:
            return Examined(declined)
        try:
            photo = decode(data, max_pixels=self._max_pixels)
        except PhotoRejected as rejection:
            return self.rejected(reference, rejection)
        finally:
            stopwatch.lap("decode")
        [found] = model.detect([photo.image])
        stopwatch.lap("infer")
        decision = self._task.decide(reference, found, inputs)
        pictures = self._pictures(reference, decision, photo.image)
        if decision.training is DatasetTree.NONE:
            return Examined(decision, pictures=pictures)
        jpeg = photo.for_dataset()
        return Examined(decision, None if jpeg == data else jpeg, pictures)

    def _pictures(self, reference: Reference, decision: Decision, image: Image) -> Sequence[Picture]:
        drawn: list[Picture] = []
        try:
            drawn.extend(decision.pictures(image))  # one by one: those before one that fails stay
        except Exception:  # a picture beside the answer may not cost the answer
            self._metrics.failures.labels("picture").inc()
            log.exception("a picture can't be drawn for %s; its answer goes out without", reference)
        return drawn
