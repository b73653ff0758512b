"""The steps of `nunchi flywheel` over a local cloud: labelled pictures in, customers at the counter, the worker."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from PIL import Image

from contracts.boxes import LabelledBox, iou
from contracts.instants import now, to_text
from contracts.labels import LABELS, Label
from contracts.messages import DatasetTree, LabelMessage, Result
from contracts.names import Reference, new_image_id
from contracts.yolo import format_labels
from demo.drawn_people import DrawnPicture, draw
from kiosk.counter import Counter
from kiosk.upload import Uploader
from local import worker_socket
from local.errors import CloudError
from local.record import Record
from ops.commands.photo import CONNECT_S, subscriber_of
from retrain.bucket import DatasetBucket, Tree
from retrain.review.confidences import Results
from retrain.review.export import TASKS, export
from retrain.review.importing import ImportSummary, read, store
from retrain.review.label_studio import percent_of
from worker.models.day_0 import WARM_UP

SIZE: Final = (240, 240)  # pixels of a drawn photo
IMAGE_SIZE: Final = 128  # of what the network sees: heads of 40 to 60 pixels are left, and a step takes 0.1 s
# What a small network needs to learn a few hundred drawings in minutes: no mosaics, and colours nearly as they are.
HYPERPARAMETERS: Final[Mapping[str, float | str]] = {
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1,
    "mosaic": 0,
    "scale": 0.3,
    "hsv_h": 0,
    "hsv_s": 0.2,
    "hsv_v": 0.2,
}
ANSWER_S: Final = 30.0
SETTLED_S: Final = 30.0
RELOAD_S: Final = 90.0
EMPTY_EVERY: Final = 17  # a network that never saw an empty shop sees people in it
SAMPLE_SHARE: Final = 0.3  # of the sure photos, for a person's eyes
GOLDEN_SHARE: Final = 0.3  # of what a person has checked, to judge by
_SAME_HEAD: Final = 0.3  # least intersection over union of a box and the head that it means

Say = Callable[[int, int, str], None]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ServedPhoto:
    """A drawn photo that went through the cloud: who was in it, and what the kiosk was told."""

    drawn: DrawnPicture
    message: LabelMessage

    @property
    def customer_is_right(self) -> bool:
        """Whether the label is that of whoever stands where the customer's box is."""
        if self.message.label is None or self.message.customer is None:
            return False
        box = self.message.people[self.message.customer].box
        head = max(self.drawn.people, key=lambda person: iou(box, person.box))
        return iou(box, head.box) >= _SAME_HEAD and head.label is self.message.label


@dataclass(frozen=True, slots=True)
class AutoLabels:
    """What photos left in the dataset bucket: the pairs, and how many of them are right about everybody."""

    pairs: int
    right: int


def draw_folder(folder: Path, count: int, *, first_seed: int) -> Path:
    """A YOLO folder of drawn people, every label as often, and of a few shops without anybody; the folder."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        empty = number % EMPTY_EVERY == EMPTY_EVERY - 1
        drawn = draw(first_seed + number, size=SIZE, labels=[]) if empty else _one_of_many(first_seed, number)
        (folder / "images" / f"{number:05}.jpg").write_bytes(drawn.jpeg)
        (folder / "labels" / f"{number:05}.txt").write_text(format_labels(drawn.people))
    (folder / "data.yaml").write_text("names:\n" + "".join(f"  {at}: {one}\n" for at, one in enumerate(LABELS)))
    return folder


def draw_trial_picture(path: Path) -> Path:
    """What every model must see somebody in: the portrait for day 0, and a drawing beside it; the path."""
    drawing = path.with_suffix(".half.jpg")
    drawing.write_bytes(draw(0, size=SIZE, labels=[Label.ADULT_FEMALE]).jpeg)
    with Image.open(WARM_UP) as portrait, Image.open(drawing) as drawn:
        both = Image.new("RGB", (2 * drawn.width, drawn.height))
        both.paste(
            portrait.convert("RGB").resize((round(portrait.width * drawn.height / portrait.height), drawn.height))
        )
        both.paste(drawn, (drawn.width, 0))
    both.save(path, "JPEG", quality=95)
    drawing.unlink()
    return path


def serve(record: Record, count: int, *, first_seed: int, say: Say) -> list[ServedPhoto]:
    """Be the kiosk for `count` customers, a minute and more between them; CloudError when one gets no answer."""
    kiosk = _PatientKiosk(record.client("s3"), bucket=record.buckets["images"], kiosk_id=record.kiosk, customers=count)
    return asyncio.run(_serve(record, kiosk, count, first_seed, say))


async def _serve(record: Record, kiosk: _PatientKiosk, count: int, first_seed: int, say: Say) -> list[ServedPhoto]:
    served = []
    async with Counter(kiosk, subscriber_of(record, record.kiosk)).open(timeout_s=CONNECT_S) as counter:
        for number in range(count):
            drawn = _one_of_many(first_seed, number)
            answer = await counter.ask(drawn.jpeg, timeout_s=ANSWER_S)
            served.append(ServedPhoto(drawn, answer.message))
            say(number + 1, count, "customers served")
    return served


class _PatientKiosk(Uploader):
    """Names its photos as if its customers had come two minutes apart, the last one now: nobody waits for a demo."""

    def __init__(self, s3: Any, *, bucket: str, kiosk_id: str, customers: int) -> None:
        super().__init__(s3, bucket=bucket, kiosk_id=kiosk_id)
        self._kiosk = kiosk_id
        self._next = now() - timedelta(minutes=2 * customers)

    def name(self, captured_at: datetime | None = None) -> Reference:
        self._next += timedelta(minutes=2)
        return Reference(self._kiosk, new_image_id(captured_at or self._next))


def gathered(record: Record, served: Sequence[ServedPhoto]) -> AutoLabels:
    """What of these photos became training data; waits until each is settled. CloudError when one isn't in time."""
    bucket = DatasetBucket(record.client("s3"), record.buckets["dataset"])
    images = DatasetBucket(record.client("s3"), record.buckets["images"])
    pairs = right = 0
    for one in served:
        stored = images.get(one.message.reference.result_key)
        if stored is None or Result.from_json(stored).training is not DatasetTree.AUTO:
            continue
        _wait_for(bucket, one.message.reference.pair_keys(Tree.AUTO)[1])
        pairs += 1
        right += _all_right(one)
    return AutoLabels(pairs, right)


def review(record: Record, served: Sequence[ServedPhoto], folder: Path) -> ImportSummary:
    """What a person would do with Label Studio, between its import and its export: here the drawing tells the truth.

    All that was unsure, and a share of what was sure.
    """
    s3 = record.client("s3")
    bucket = DatasetBucket(s3, record.buckets["dataset"])
    results = Results(s3, record.buckets["images"])
    export(bucket, results, folder, sample_share=SAMPLE_SHARE, most=None)
    truth = {str(one.message.reference): one.drawn.people for one in served}
    tasks = json.loads((folder / TASKS).read_text())
    checked = [
        task | {"id": number, "annotations": [_annotation(truth[task["data"]["photo"]])]}
        for number, task in enumerate(tasks, start=1)
    ]
    exported = folder / "checked.json"
    exported.write_text(json.dumps(checked))
    return store(read(exported), bucket, results, golden_share=GOLDEN_SHARE)


def _annotation(people: Sequence[LabelledBox]) -> dict[str, Any]:
    """As Label Studio exports what somebody drew."""
    return {
        "id": 1,
        "was_cancelled": False,
        "updated_at": to_text(now()),
        "result": [
            {
                "id": str(number),
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "photo",
                "value": {**percent_of(person.box), "rotation": 0, "rectanglelabels": [person.label]},
            }
            for number, person in enumerate(people)
        ],
    }


def until_serves(record: Record, version: str) -> None:
    """Wait until the worker serves that version of a model; CloudError when it doesn't."""
    deadline = time.monotonic() + RELOAD_S
    while (model := worker_socket.model(record.worker.socket) or {}).get("version") != version:
        if time.monotonic() > deadline:
            raise CloudError(
                f"the worker serves {model.get('name')} {model.get('version')} and did not go over to {version} within "
                f"{RELOAD_S:g} s; its log says why"
            )
        time.sleep(0.2)


def _one_of_many(first_seed: int, number: int) -> DrawnPicture:
    """The labels in turn, so that none is missing by chance; every fourth picture has somebody else in it, too."""
    labels = [LABELS[number % 4]]
    if number % 16 >= 12:
        labels.append(LABELS[number // 16 % 4])
    return draw(first_seed + number, size=SIZE, labels=labels)


def _all_right(one: ServedPhoto) -> bool:
    """Whether the photo's people are just those who were drawn."""
    people, drawn = one.message.people, one.drawn.people
    return len(people) == len(drawn) and all(
        any(person.label is head.label and iou(person.box, head.box) >= _SAME_HEAD for person in people)
        for head in drawn
    )


def _wait_for(bucket: DatasetBucket, key: str) -> None:
    deadline = time.monotonic() + SETTLED_S
    while bucket.get(key) is None:
        if time.monotonic() > deadline:
            raise CloudError(f"{key} was not in {bucket.name} within {SETTLED_S:g} s; see the worker's log")
        time.sleep(0.05)
