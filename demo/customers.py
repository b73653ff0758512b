"""Drawn customers of a local cloud: their photos are uploaded, auto-labelled, and reviewed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from contracts.boxes import LabelledBox, iou
from contracts.instants import now, to_text
from contracts.messages import DatasetTree
from contracts.names import Reference, new_image_id
from demo.drawn_people import DrawnPicture, draw_in_turn
from kiosk.cloud.counter import Counter
from kiosk.cloud.upload import Uploader
from local.record import Record
from ops.commands.demo import when_stored
from ops.commands.photo import CONNECT_S, subscriber_of
from ops.display import Say
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS
from recipes.kiosk.message import LabelMessage
from retrain.bucket import DatasetBucket, Tree
from retrain.review.confidences import Results
from retrain.review.export import TASKS, export
from retrain.review.importing import ImportSummary, read, store
from retrain.review.label_studio import percent_of

ANSWER_S: Final = 30.0
SAMPLE_SHARE: Final = 0.3  # of the sure photos, for review
GOLDEN_SHARE: Final = 0.3  # of the reviewed photos, for judgement
_MIN_IOU: Final = 0.3  # of a predicted box and the drawn head that it matches


@dataclass(frozen=True, slots=True)
class ServedPhoto:
    """A drawn photo and its label message."""

    drawn: DrawnPicture
    message: LabelMessage

    @property
    def label_is_right(self) -> bool:
        """Whether the label is that of the drawn person at the customer's box."""
        if self.message.label is None or self.message.customer is None:
            return False
        box = self.message.people[self.message.customer].box
        head = max(self.drawn.people, key=lambda person: iou(box, person.box))
        return iou(box, head.box) >= _MIN_IOU and head.label == self.message.label


def serve(record: Record, count: int, *, first_seed: int, say: Say) -> list[ServedPhoto]:
    """Upload photos of `count` drawn customers as the kiosk does; NoAnswer when one gets no label message."""
    return asyncio.run(_serve(record, count, first_seed, say))


async def _serve(record: Record, count: int, first_seed: int, say: Say) -> list[ServedPhoto]:
    uploader = _SpacedUploader(record, customers=count)
    served = []
    async with Counter(uploader, subscriber_of(record, record.kiosk)).open(timeout_s=CONNECT_S) as counter:
        for number in range(count):
            drawn = draw_in_turn(first_seed, number)
            answer = await counter.ask(drawn.jpeg, timeout_s=ANSWER_S)
            served.append(ServedPhoto(drawn, answer.message))
            say(number + 1, count, "customers served")
    return served


class _SpacedUploader(Uploader):
    """Dates the photos two minutes apart, the last one now: each is a moment of its own, without the wait."""

    def __init__(self, record: Record, *, customers: int) -> None:
        super().__init__(record.client("s3"), bucket=record.buckets["images"], kiosk_id=record.kiosk)
        self._kiosk = record.kiosk
        self._next = now() - timedelta(minutes=2 * customers)

    def name(self, captured_at: datetime | None = None) -> Reference:
        self._next += timedelta(minutes=2)
        return Reference(self._kiosk, new_image_id(captured_at or self._next))


def count_auto_labels(record: Record, served: Sequence[ServedPhoto]) -> tuple[int, int]:
    """The number of photos that became training data, and of those with the right label for every person.

    Waits for each training pair; CloudError when one is missing after STORED_S.
    """
    s3 = record.client("s3")
    results = Results(s3, record.buckets["images"]).of(photo.message.reference for photo in served)
    auto = {reference for reference, result in results.items() if result.training is DatasetTree.AUTO}
    for reference in auto:
        when_stored(s3, record.buckets["dataset"], reference.pair_keys(Tree.AUTO)[1])
    return len(auto), sum(_all_right(photo) for photo in served if photo.message.reference in auto)


def review(record: Record, served: Sequence[ServedPhoto], folder: Path) -> ImportSummary:
    """Review the unsure photos and a sample of the sure ones, as a person does in Label Studio.

    The labels of the drawing stand in for the person's.
    """
    s3 = record.client("s3")
    bucket = DatasetBucket(s3, record.buckets["dataset"], classes=PEOPLE.classes)
    results = Results(s3, record.buckets["images"])
    export(bucket, results, folder, sample_share=SAMPLE_SHARE, most=None, weigh=PEOPLE.weigh)
    truth = {str(photo.message.reference): photo.drawn.people for photo in served}
    tasks = json.loads((folder / TASKS).read_text())
    checked = [
        task | {"id": number, "annotations": [_annotation(truth[task["data"]["photo"]])]}
        for number, task in enumerate(tasks, start=1)
    ]
    exported = folder / "checked.json"
    exported.write_text(json.dumps(checked))
    return store(read(exported, classes=LABELS), bucket, results, golden_share=GOLDEN_SHARE)


def _annotation(people: Sequence[LabelledBox]) -> dict[str, Any]:
    """An annotation as Label Studio exports it."""
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


def _all_right(photo: ServedPhoto) -> bool:
    """Whether the labels and boxes of the message match the drawn people, one to one."""
    people = photo.message.people
    return len(people) == len(photo.drawn.people) and all(
        any(head.label == person.label and iou(person.box, head.box) >= _MIN_IOU for person in people)
        for head in photo.drawn.people
    )
