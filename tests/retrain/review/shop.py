"""A dataset bucket with photos in it, and somebody who answers in Label Studio."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.boxes import Box, LabelledBox
from contracts.instants import to_text
from contracts.messages import DatasetTree, Model, Reason, Status
from contracts.names import Reference, new_image_id
from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import LabelMessage, Person, Result
from retrain.bucket import DatasetBucket, Tree
from retrain.review.confidences import Results
from retrain.review.label_studio import percent_of
from tests.pictures import encoded, gradient

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)  # Monday of week 47
LEFT, RIGHT = Box(0.1, 0.2, 0.3, 0.6), Box(0.6, 0.2, 0.8, 0.6)

HER, HIM = LabelledBox(Label.ELDER_FEMALE, LEFT), LabelledBox(Label.ADULT_MALE, RIGHT)
JPEG = encoded(gradient())
CHECKED_AT = datetime(2026, 11, 20, 9, tzinfo=UTC)

People = Sequence[LabelledBox]


def photo(number: int, *, kiosk: str = "lobby", minutes: float = 0) -> Reference:
    """Photos of the same `minutes` at one kiosk are of one moment."""
    return Reference(kiosk, new_image_id(NOON + timedelta(minutes=minutes), number.to_bytes(10)))


@dataclass(frozen=True)
class Shop:
    """The buckets."""

    s3: S3Client
    bucket: DatasetBucket
    results: Results

    def put(self, tree: Tree, reference: Reference, people: People = (HER,), jpeg: bytes = JPEG) -> Reference:
        self.bucket.put_pair(tree, reference, jpeg=jpeg, labels=format_labels(people, LABELS))
        return reference

    def decide(self, reference: Reference, *people: Person) -> None:
        message = LabelMessage(
            reference=reference,
            status=Status.UNSURE,
            label=None,
            confidence=people[0].confidence,
            reason=Reason.LOW_CONFIDENCE,
            people=people,
            customer=0,
            model=Model("cascade", "day-0", "0" * 64),
            captured_at=NOON,
            expires_at=NOON,
        )
        result = Result(message, DatasetTree.REVIEW, "i-1", '"etag"', NOON)
        self.s3.put_object(Bucket="images", Key=reference.result_key, Body=result.to_json().encode())

    def keys(self) -> dict[str, bytes | None]:
        """Everything in the dataset bucket."""
        return {key: self.bucket.get(key) for key in self.bucket.keys("")}


def regions(people: People) -> list[dict[str, Any]]:
    return [
        {"type": "rectanglelabels", "value": {**percent_of(one.box), "rotation": 0, "rectanglelabels": [one.label]}}
        for one in people
    ]


def annotation(result: list[dict[str, Any]], *, at: datetime = CHECKED_AT, **fields: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": 1, "was_cancelled": False, "updated_at": to_text(at), "result": result, **fields}


def answered(
    file: Path,
    answers: Mapping[Reference, People | str],
    *,
    source: Tree = Tree.AUTO,
    sample: bool = True,
    at: datetime = CHECKED_AT,
) -> Path:
    """Label Studio's JSON export, in which somebody drew these people; a text is a choice instead."""
    tasks = []
    for number, (reference, people) in enumerate(answers.items(), start=1):
        doubt = [{"type": "choices", "value": {"choices": [people]}}] if isinstance(people, str) else None
        drawn = doubt or regions([one for one in people if not isinstance(one, str)])
        data = {"image": "…", "photo": str(reference), "tree": source, "sample": sample}
        tasks.append({"id": number, "data": data, "annotations": [annotation(drawn, at=at)]})
    file.write_text(json.dumps(tasks))
    return file
