"""From the bytes of an upload to the decision about it, in the model's own threads.

At most `model_threads` photos are pixels at a time. A photo that broke the model is a suspect (see attempts.py): it
goes in alone, and after a few tries no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from contracts.errors import NunchiError
from contracts.messages import DatasetTree, Status
from contracts.names import Reference
from worker.models.detector import Detector
from worker.photos.decision import Decision, Thresholds, decide
from worker.photos.decoding import PhotoRejected, decode, encode_jpeg
from worker.photos.timing import Stopwatch
from worker.recovery.poison import MOST_TRIES, AttemptCounter
from worker.telemetry.metrics import Metrics
from worker.threads import in_thread

log = logging.getLogger(__name__)


class PoisonPhoto(NunchiError):
    """The photo broke the model too often; this worker does not try it again."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The decision about a picture, and the picture as JPEG where the dataset can't take the upload itself."""

    decision: Decision
    jpeg: bytes | None = None


class Examiner:
    """Decides about pictures. One a process; `look` belongs to its event loop."""

    def __init__(
        self, *, thresholds: Thresholds, max_pixels: int, threads: int, attempts: AttemptCounter, metrics: Metrics
    ) -> None:
        self._thresholds = thresholds
        self._max_pixels = max_pixels
        self._attempts = attempts
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self._one_suspect = asyncio.Lock()

    def gave_up(self, reference: Reference) -> bool:
        """Whether this worker does not look at the photo any more."""
        return self._attempts.is_given_up(reference)

    async def look(self, reference: Reference, data: bytes, detector: Detector, watch: Stopwatch) -> Examined:
        """The decision; raises PoisonPhoto, or what the model raised."""
        async with self._alone_if_suspect(reference):
            if self.gave_up(reference):
                raise PoisonPhoto(f"{reference} broke the model {MOST_TRIES} times; this worker does not try it again")
            tries = self._attempts.begin(reference)
            try:
                seen = await in_thread(self._threads, partial(self._see, reference, data, detector, watch))
            except Exception:
                if tries >= MOST_TRIES:
                    self._metrics.given_up.inc()
                    log.error("%s broke the model %d times; this worker does not try it again", reference, tries)
                raise
            self._attempts.succeed(reference)
            return seen

    def close(self) -> None:
        """Begin nothing new; what runs is left to run."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextlib.asynccontextmanager
    async def _alone_if_suspect(self, reference: Reference) -> AsyncGenerator[None, None]:
        if self._attempts.is_suspect(reference):
            async with self._one_suspect:
                yield
        else:
            yield

    def _see(self, reference: Reference, data: bytes, detector: Detector, watch: Stopwatch) -> Examined:
        watch.lap("wait")
        try:
            photo = decode(data, max_pixels=self._max_pixels)
        except PhotoRejected as rejection:
            return Examined(rejected(reference, rejection))
        finally:
            watch.lap("decode")
        [detections] = detector.detect([photo.image])
        watch.lap("infer")
        decision = decide(reference, detections, self._thresholds)
        turned = decision.training is not DatasetTree.NONE and not photo.upright_jpeg
        return Examined(decision, encode_jpeg(photo.image) if turned else None)


def rejected(reference: Reference, rejection: PhotoRejected) -> Decision:
    """The decision about what is no photo."""
    log.info("%s is rejected: %s", reference, rejection)
    return Decision(Status.REJECTED, reason=rejection.reason)
