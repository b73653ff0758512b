"""Request and response of a device: a photo up to S3, its message down over MQTT; a kiosk's is a label."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from contracts.names import Reference
from kiosk.errors import NoAnswer

log = logging.getLogger(__name__)


class AboutPhoto(Protocol):
    """A message about one photo."""

    @property
    def reference(self) -> Reference: ...


M = TypeVar("M", bound=AboutPhoto)
Received_co = TypeVar("Received_co", bound=AboutPhoto, covariant=True)


class UploadsPhotos(Protocol):
    """Uploads photos; see kiosk.cloud.upload.Uploader."""

    def name(self, captured_at: datetime | None = None) -> Reference: ...

    def upload(self, reference: Reference, photo: bytes, inputs: Mapping[str, str] | None = None) -> None: ...


class ReceivesLabels(Protocol[Received_co]):
    """Receives labels; see kiosk.cloud.subscribe.Subscriber."""

    subscribed: asyncio.Event

    def labels(self) -> AsyncIterator[Received_co]: ...


@dataclass(frozen=True, slots=True)
class Answer(Generic[M]):
    """A photo's message. `upload_ms`: until the upload ended; `total_ms`: until the label arrived."""

    message: M
    upload_ms: float
    total_ms: float


class Counter(Generic[M]):
    """Uploads photos and waits for their labels. Labels of other photos, and late ones, are ignored.

    So a late label is never shown to the next customer. The wait is timed from the upload, and needs no correct clock.
    Uploads run in the threads of `executor`; None: in those of the event loop.
    """

    def __init__(
        self, uploader: UploadsPhotos, subscriber: ReceivesLabels[M], *, executor: Executor | None = None
    ) -> None:
        self._executor = executor
        self._uploader = uploader
        self._subscriber = subscriber
        self._pending: dict[Reference, asyncio.Future[M]] = {}

    async def run(self) -> None:
        """Receive labels until cancelled, whether the broker is there or not.

        SubscriptionRefused when the certificate may not subscribe.
        """
        await self._listen()

    @contextlib.asynccontextmanager
    async def open(self, *, timeout_s: float) -> AsyncGenerator[Counter[M], None]:
        """Receive labels during the block. NoAnswer when the subscription fails within `timeout_s` seconds."""
        listening = asyncio.create_task(self._listen(), name="labels")
        try:
            await self._until_subscribed(listening, timeout_s)
            yield self
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def ask(self, photo: bytes, *, timeout_s: float, inputs: Mapping[str, str] | None = None) -> Answer[M]:
        """Upload a photo and wait for its message; NoAnswer after `timeout_s` seconds.

        `inputs`: what the device says about the photo, for a recipe that asks for it.
        """
        reference = self._uploader.name()
        answer = self._pending[reference] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._executor, self._uploader.upload, reference, photo, inputs)
                uploaded = time.perf_counter()
                message = await answer
        except TimeoutError:
            raise NoAnswer(f"no label for {reference} within {timeout_s:g} s; it may still be stored later") from None
        finally:
            del self._pending[reference]
        return Answer(message, upload_ms=(uploaded - began) * 1e3, total_ms=(time.perf_counter() - began) * 1e3)

    async def _listen(self) -> None:
        async for message in self._subscriber.labels():
            answer = self._pending.get(message.reference)
            if answer is None:
                log.info("label of %s ignored: no photo of this kiosk waits for it", message.reference)
            elif not answer.done():
                answer.set_result(message)

    async def _until_subscribed(self, listening: asyncio.Task[None], timeout_s: float) -> None:
        subscribed = asyncio.create_task(self._subscriber.subscribed.wait())
        try:
            await asyncio.wait({subscribed, listening}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()  # raises the error that ended it
            if not subscribed.done():
                raise NoAnswer(f"the broker did not accept the subscription within {timeout_s:g} s; is the cloud up?")
        finally:
            subscribed.cancel()
