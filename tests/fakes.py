"""In-memory fakes of our own ports. S3's answers are tested with moto, the whole path end to end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from contracts.boxes import Box
from contracts.instants import now
from contracts.messages import Model
from contracts.names import Reference
from recipes.kiosk.labels import Label
from recipes.kiosk.message import LabelMessage, Person
from worker.messages import Message, result_from_json
from worker.models.detector import Image
from worker.photos.publisher import PublishOutcome
from worker.photos.sqs_queue import ReceivedMessage
from worker.photos.store import RejectedUpload, Upload, UploadMissing
from worker.photos.task import LabelFile, Picture
from worker.recovery.sweep import ListedUpload

MODEL = Model("fake", "1", "0" * 64)
FACE = Person(Label.ELDER_FEMALE, 0.97, Box(0.4, 0.3, 0.6, 0.6))


class FakeDetector:
    """A detector that finds the given people, or subjects of another recipe, in every image, and counts images."""

    model = MODEL

    def __init__(self, *people: Any, before: Callable[[], None] = lambda: None) -> None:
        self.people, self.before, self.calls = list(people), before, 0
        self._lock = threading.Lock()

    def detect(self, images: Sequence[Image]) -> list[list[Any]]:
        with self._lock:
            self.calls += len(images)
        self.before()
        return [list(self.people) for _ in images]


class MemoryStore:
    """A store in dictionaries, with S3's rules: a result is written once, keys are listed in order."""

    def __init__(self) -> None:
        self.files: dict[Reference, Upload | RejectedUpload] = {}
        self.stored: dict[Reference, str] = {}
        self.pairs: dict[tuple[str, Reference], tuple[bytes | None, str]] = {}
        self.pictures: dict[tuple[Reference, str], bytes] = {}
        self.failing: dict[str, int] = {}  # method → how many of its next calls fail
        self._lock = threading.Lock()

    def upload(self, reference: Reference, data: bytes, *, at: datetime | None = None) -> None:
        self.files[reference] = Upload(data, f'"{hash(data):x}"', at or now())

    def fetch(self, reference: Reference) -> Upload | RejectedUpload:
        self._may_fail("fetch")
        if reference not in self.files:
            raise UploadMissing(str(reference))
        return self.files[reference]

    def save_result(self, reference: Reference, result: str) -> bool:
        self._may_fail("save_result")
        with self._lock:
            return self.stored.setdefault(reference, result) is result

    def result(self, reference: Reference) -> Any:
        return result_from_json(self.stored[reference]) if reference in self.stored else None

    def save_pair(self, reference: Reference, *, tree: str, etag: str, jpeg: bytes | None, labels: LabelFile) -> None:
        self._may_fail("save_pair")
        if self.files[reference].etag == etag:
            self.pairs[tree, reference] = (jpeg, labels.text)

    def save_picture(self, reference: Reference, picture: Picture, *, link_s: float) -> str:
        self._may_fail("save_picture")
        self.pictures[reference, picture.name] = picture.content
        return f"https://pictures/{reference}/{picture.name}?for={link_s:.0f}"

    def delete_upload(self, reference: Reference) -> None:
        self._may_fail("delete_upload")
        self.files.pop(reference, None)

    def uploads(self) -> Iterator[ListedUpload]:
        return iter([ListedUpload(key, self.files[key].uploaded_at) for key in sorted(self.files, key=str)])

    def results_from(self, first: Reference) -> Iterator[Reference]:
        return iter(sorted(key for key in self.stored if key.kiosk_id == first.kiosk_id and key >= first))

    def _may_fail(self, method: str) -> None:
        with self._lock:
            if self.failing.get(method, 0) > 0:
                self.failing[method] -= 1
                raise ConnectionError(f"{method} fails on purpose")


class MemoryQueue:
    """A queue with SQS's visibility timeout: a received message is hidden, then redelivered; old receipts do nothing.

    Its time passes only by `pass_time`.
    """

    def __init__(self, *, visibility_s: float = 15) -> None:
        self.now_s = 0.0
        self.failing: dict[str, int] = {}  # method → how many of its next calls fail
        self._visibility_s = visibility_s
        self._bodies: dict[int, str] = {}
        self._visible_at: dict[int, float] = {}
        self._receive_counts: dict[int, int] = {}
        self._lock = threading.Lock()

    def send(self, body: str) -> None:
        with self._lock:
            number = len(self._receive_counts)
            self._bodies[number], self._visible_at[number], self._receive_counts[number] = body, self.now_s, 0

    def pass_time(self) -> bool:
        """Let a tenth of a second pass; True, so that a wait's condition can call it."""
        self.now_s += 0.1
        return True

    @property
    def left(self) -> list[tuple[float, int]]:
        """For each message not deleted: seconds until it is visible, and its receive count."""
        with self._lock:
            return [
                (max(0.0, self._visible_at[number] - self.now_s), self._receive_counts[number])
                for number in self._bodies
            ]

    def receive(self, limit: int) -> list[ReceivedMessage]:
        self._may_fail("receive")
        with self._lock:
            visible = [number for number in self._bodies if self._visible_at[number] <= self.now_s][:limit]
            for number in visible:
                self._receive_counts[number] += 1
                self._visible_at[number] = self.now_s + self._visibility_s
            received = [
                ReceivedMessage(f"{number}/{count}", f"m{number}", self._bodies[number], count)
                for number in visible
                for count in [self._receive_counts[number]]
            ]
        if not received:
            time.sleep(0.01)  # a short long poll
        return received

    def extend(self, receipts: Sequence[str]) -> int:
        self._may_fail("extend")
        with self._lock:
            held = [number for receipt in receipts if (number := self._held(receipt)) is not None]
            self._visible_at |= dict.fromkeys(held, self.now_s + self._visibility_s)
            return len(receipts) - len(held)

    def release(self, receipt: str, *, after_s: int) -> None:
        self._may_fail("release")
        with self._lock:
            if (number := self._held(receipt)) is not None:
                self._visible_at[number] = self.now_s + after_s

    def delete(self, receipt: str) -> None:
        self._may_fail("delete")
        with self._lock:
            if (number := self._held(receipt)) is not None:
                del self._bodies[number]

    def _held(self, receipt: str) -> int | None:
        number, count = map(int, receipt.split("/"))
        return number if number in self._bodies and self._receive_counts[number] == count else None

    def _may_fail(self, method: str) -> None:
        with self._lock:
            if self.failing.get(method, 0) > 0:
                self.failing[method] -= 1
                raise ConnectionError(f"{method} fails on purpose")


class MemoryPublisher:
    """A broker that is always connected: keeps published messages in order, and drops expired ones."""

    def __init__(self) -> None:
        self.published: list[Message] = []

    @property
    def messages(self) -> list[LabelMessage]:
        """The kiosk's messages."""
        return [message for message in self.published if isinstance(message, LabelMessage)]

    async def publish(self, message: Message) -> PublishOutcome:
        await asyncio.sleep(0.02)  # as with a broker, the acknowledgement is not immediate
        if message.expires_at <= now():
            return PublishOutcome.EXPIRED
        self.published.append(message)
        return PublishOutcome.DELIVERED
