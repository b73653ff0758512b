"""A dataset bucket as tests fill it: drawn people, each photo with a time and a label of its own."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from contracts.boxes import Box, LabelledBox
from contracts.classes import Classes
from contracts.names import Reference, new_image_id, parse_pair_key
from contracts.yolo import format_labels
from demo.drawn_people import draw
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import DatasetBucket, Pair, Tree
from retrain.dataset import DatasetManifest, DatasetSettings, build
from retrain.dataset.photos import DatasetPhoto
from retrain.judge.predictions import Predict
from retrain.review.confidences import Results

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIZE = (128, 96)
HEAD = Box(0.25, 0.2, 0.6, 0.8)


@contextmanager
def empty_bucket() -> Generator[DatasetBucket, None, None]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        yield DatasetBucket(s3, "dataset", classes=LABELS)


def photo_id(seconds: float = 0, *, kiosk: str = "k1", salt: int = 0) -> Reference:
    """A photo taken so long after noon; the same for the same arguments."""
    random_part = hashlib.sha256(f"{kiosk} {seconds} {salt}".encode()).digest()[:10]
    return Reference(kiosk, new_image_id(NOON + timedelta(seconds=seconds), random_part))


def put(
    bucket: DatasetBucket,
    reference: Reference,
    *,
    tree: Tree = Tree.AUTO,
    labels: Sequence[Label] | None = None,
    picture: int | None = None,
) -> Reference:
    """A drawn photo with its true labels. The same `picture` and labels draw the same; by default each has its own."""
    seed = int.from_bytes(hashlib.sha256(str(reference).encode()).digest()[:4]) if picture is None else picture
    drawn = draw(seed, size=SIZE, labels=labels)
    bucket.put_pair(tree, reference, jpeg=drawn.jpeg, labels=format_labels(drawn.people, LABELS))
    return reference


def fill(bucket: DatasetBucket, number: int, *, tree: Tree = Tree.AUTO, kiosk: str = "k1") -> list[Reference]:
    """So many photos, an hour apart, the labels in turn."""
    return [
        put(bucket, photo_id(3600 * one, kiosk=kiosk), tree=tree, labels=[LABELS[one % 4]]) for one in range(number)
    ]


class Shuffled(DatasetBucket):
    """A bucket in memory, whose listings come in an order of their own, and whose photos may go while they are read."""

    def __init__(self, order: int = 0) -> None:
        self.name = "dataset"
        self._classes: Classes = LABELS
        self.objects: dict[str, bytes] = {}
        self.vanish: set[str] = set()
        self.slow_s = 0.0
        self._order = order

    def pairs(self, tree: Tree) -> list[Pair]:
        found = []
        for key in self.objects:
            if key.startswith(f"{tree}/images/"):
                found.append(Pair(tree, parse_pair_key(key), NOON))
        random.Random(self._order).shuffle(found)
        return found

    def get(self, key: str) -> bytes | None:
        if key in self.vanish:
            return None
        time.sleep(self.slow_s)  # with 0, another thread may go first
        return self.objects.get(key)

    def put(self, key: str, content: bytes, content_type: str) -> None:
        del content_type
        self.objects[key] = content

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.objects if key.startswith(prefix)]


def built(
    bucket: DatasetBucket,
    folder: Path,
    *,
    predict: Predict | None = None,
    earlier: DatasetManifest | None = None,
    results: Results | None = None,
    name: str = "b1",
    **settings: Any,
) -> DatasetManifest:
    """A build with a page without pictures, which takes the longest."""
    chosen = DatasetSettings(**{"sheet_photos": 0, **settings})
    return build(
        bucket,
        folder,
        build=name,
        settings=chosen,
        earlier=earlier,
        predict=predict,
        at=NOON,
        results=results,
        detects=PEOPLE,
    )


def a_photo(
    number: int = 0, *, labels: Sequence[Label] = (Label.ADULT_MALE,), tree: Tree = Tree.AUTO, phash: str | None = None
) -> DatasetPhoto:
    """A photo as it was read, with a hash that is far from the others'."""
    reference = photo_id(3600 * number)
    phash = hashlib.sha256(str(reference).encode()).hexdigest() if phash is None else phash
    return DatasetPhoto(reference, tree, tuple(LabelledBox(label, HEAD) for label in labels), "", 1000, phash)


def counts(each: int = 0, *, pictures: int, nobody: int = 0, **others: int) -> dict[str, int]:
    """What a manifest counts in a split with so many people of each label, but for `others`."""
    return {**{str(label): each for label in LABELS}, **others, "pictures": pictures, "nobody": nobody}
