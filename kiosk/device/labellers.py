"""Where labels come from: the cloud, the model on the box, or the box when the cloud is late."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from kiosk.cloud.counter import Counter, ReceivesLabels, UploadsPhotos
from kiosk.device.health import Part, Trouble, connecting, explain
from kiosk.errors import (
    CredentialsRefused,
    CredentialsUnavailable,
    KioskError,
    NoAnswer,
    NoLabeller,
    SubscriptionRefused,
)
from kiosk.together import run_together
from recipes.kiosk.message import LabelMessage

log = logging.getLogger(__name__)

UPLOADS_AT_ONCE: Final = 4  # threads; a photo that finds none free is not asked about: the network hangs
AGAIN_S: Final = 30.0  # until a refused key is tried again: the operator may have replaced it
TWIN_SHOWN_S: Final = 90.0  # two devices with one key take turns: a turn is not the end of it


class Labeller(Protocol):
    """Answers about photos. Errors are KioskErrors; an answer that never comes costs nothing but its photo."""

    @property
    def troubles(self) -> list[Trouble]:
        """What is wrong now."""
        ...

    async def ask(self, photo: bytes, *, timeout_s: float) -> LabelMessage:
        """The label message of a JPEG. NoAnswer after `timeout_s` seconds, NoLabeller when it can't be asked."""
        ...

    async def run(self) -> None:
        """Keep it ready, until cancelled."""
        ...


class Nobody:
    """No labeller: the shop has no camera. The usual screen, and easy by a touch."""

    troubles: list[Trouble] = []  # noqa: RUF012 - never changed

    async def ask(self, photo: bytes, *, timeout_s: float) -> LabelMessage:  # noqa: ARG002
        raise NoLabeller("this kiosk has no labeller")

    async def run(self) -> None:
        await asyncio.Event().wait()


class CloudLabeller:
    """The cloud: a photo up to S3, its label down over MQTT.

    `fetch_credentials` makes them ready before a customer comes. Without a subscription no photo is uploaded: its label
    could not arrive. `where` names the cloud in sentences.
    """

    def __init__(
        self,
        uploader: UploadsPhotos,
        subscriber: ReceivesLabels[LabelMessage],
        *,
        kiosk: str,
        where: str,
        fetch_credentials: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._threads = ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="upload")
        self._counter = Counter(uploader, subscriber, executor=self._threads)
        self._subscriber = subscriber
        self._fetch_credentials = fetch_credentials
        self._sleep = sleep
        self._kiosk, self._where = kiosk, where
        self._uploading = 0
        self._troubles: dict[str, Trouble] = {}  # by the path that failed: "labels", "photos", "answers"

    @property
    def troubles(self) -> list[Trouble]:
        if not self._subscriber.subscribed.is_set() and "labels" not in self._troubles:
            return [connecting(self._where), *self._troubles.values()]
        return list(self._troubles.values())

    def connection_failed(self, error: BaseException) -> None:
        """The connection to the broker broke, or could not be made."""
        self._note("labels", error)

    async def ask(self, photo: bytes, *, timeout_s: float) -> LabelMessage:
        if not self._subscriber.subscribed.is_set():
            raise NoLabeller("the broker is not connected; no photo was uploaded")
        if self._uploading >= UPLOADS_AT_ONCE:
            raise NoLabeller(f"{UPLOADS_AT_ONCE} uploads hang; no further photo was uploaded")
        self._uploading += 1
        try:
            answer = await self._counter.ask(photo, timeout_s=timeout_s)
        except NoAnswer as error:
            self._note("answers", error)
            raise
        except (KioskError, BotoCoreError, ClientError, OSError) as error:
            self._note("photos", error)
            raise NoLabeller(f"the photo was not uploaded: {error}") from error
        finally:
            self._uploading -= 1
        self._troubles.pop("photos", None)
        self._troubles.pop("answers", None)
        return answer.message

    async def run(self) -> None:
        try:
            await run_together(self._receive(), self._keep_credentials(), self._notice_connection())
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _receive(self) -> None:
        while True:
            try:
                await self._counter.run()
            except SubscriptionRefused as error:
                self._note("labels", error)
            except Exception as error:  # a certificate's file that is no certificate, say: the shop sells all the same
                log.exception("labels can't be received")
                self._note("labels", error)
            await self._sleep(AGAIN_S)

    async def _keep_credentials(self) -> None:
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._fetch_credentials)
            except (CredentialsRefused, CredentialsUnavailable, BotoCoreError) as error:
                self._note("photos", error)
            else:
                if (trouble := self._troubles.get("photos")) and trouble.part in (Part.KEY, Part.NETWORK, Part.STORAGE):
                    self._troubles.pop("photos")
            await self._sleep(AGAIN_S)  # cheap: they are renewed only shortly before they expire

    async def _notice_connection(self) -> None:
        while True:
            await self._subscriber.subscribed.wait()
            twin = "labels" in self._troubles and self._troubles["labels"].part is Part.KEY
            steady_s = TWIN_SHOWN_S if twin else 0.0
            while self._subscriber.subscribed.is_set():
                if steady_s <= 0:
                    self._troubles.pop("labels", None)
                await self._sleep(1.0)
                steady_s -= 1.0

    def _note(self, path: str, error: BaseException) -> None:
        trouble = explain(error, kiosk=self._kiosk, where=self._where)
        if self._troubles.get(path) != trouble:
            log.warning("%s: %s", trouble.part, trouble.sentence)
        self._troubles[path] = trouble


class DeviceWhenLate:
    """The cloud, and after `patience_s` seconds without its answer the model on the box."""

    def __init__(self, cloud: Labeller, device: Labeller, *, patience_s: float) -> None:
        self._cloud, self._device, self._patience_s = cloud, device, patience_s

    @property
    def troubles(self) -> list[Trouble]:
        return [*self._cloud.troubles, *self._device.troubles]

    async def ask(self, photo: bytes, *, timeout_s: float) -> LabelMessage:
        started = asyncio.get_running_loop().time()
        try:
            return await self._cloud.ask(photo, timeout_s=min(self._patience_s, timeout_s))
        except (NoAnswer, NoLabeller):
            left = timeout_s - (asyncio.get_running_loop().time() - started)
            return await self._device.ask(photo, timeout_s=max(0.0, left))

    async def run(self) -> None:
        await run_together(self._cloud.run(), self._device.run())
