"""The dataset bucket as a training sees it: trees of pictures and labels, and small files beside them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import ClientError

from contracts.aws.s3 import get_or_none
from contracts.classes import Classes
from contracts.errors import InvalidName, InvalidText
from contracts.names import IMAGE_SUFFIX, YOLO_LABELS, Reference, parse_pair_key
from contracts.text_files import decoded

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

AT_ONCE: Final = 8  # objects read side by side; botocore keeps ten connections
_EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Tree(StrEnum):
    """The part of the bucket that a pair is stored in: by the source of its labels."""

    AUTO = "auto"  # the model, sure of each person in the picture
    REVIEW = "review"  # the model, unsure: waits for a person, and expires
    REVIEWED = "reviewed"  # a person; may be trained on
    GOLDEN = "golden"  # a person; for judging, never trained on


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its label file; both exist. `added_at` is the time of the later of them."""

    tree: Tree
    reference: Reference
    added_at: datetime


class DatasetBucket:
    """What AWS refuses passes through as botocore's ClientError. May be used from several threads."""

    _suffix = YOLO_LABELS

    def __init__(self, s3: S3Client, name: str, *, label_suffix: str = YOLO_LABELS, classes: Classes = ()) -> None:
        """`label_suffix`: of the pairs' label files; YOLO's where a detector is taught, .json for other recipes.

        `classes`: whose numbers are in YOLO's label files, in their order; who reads or writes such files names them.
        """
        self._s3 = s3
        self.name = name
        self._suffix = label_suffix
        self._classes = classes

    @property
    def classes(self) -> Classes:
        """Whose numbers are in its label files. ValueError if it was made without."""
        if not self._classes:
            raise ValueError(f"the bucket {self.name} was opened without classes; a label file needs them")
        return self._classes

    def _keys(self, pair: Pair) -> tuple[str, str]:
        return pair.reference.pair_keys(pair.tree, self._suffix)

    def pairs(self, tree: Tree) -> list[Pair]:
        """The complete pairs of a tree, in the order of their references. A picture without a label file is ignored."""
        labels = {item["Key"]: item for item in self._listed(f"{tree}/labels/")}
        pairs = []
        for image in self._listed(f"{tree}/images/"):
            try:
                reference = parse_pair_key(image["Key"])
            except InvalidName:
                continue
            label_file = labels.get(reference.pair_keys(tree, self._suffix)[1])
            if label_file is not None:
                pairs.append(Pair(tree, reference, max(image["LastModified"], label_file["LastModified"])))
        return sorted(pairs, key=lambda pair: pair.reference)

    def image(self, pair: Pair) -> bytes | None:
        """The JPEG; None when it was deleted since it was listed."""
        return self.get(self._keys(pair)[0])

    def labels(self, pair: Pair) -> str | None:
        """The text of the label file; None when it was deleted since it was listed.

        Of a file that is not text, one that no reader of label files accepts.
        """
        content = self.get(self._keys(pair)[1])
        return None if content is None else label_text(content)

    def put_pair(self, tree: Tree, reference: Reference, *, jpeg: bytes, labels: str, note: str | None = None) -> None:
        """Store a pair, over one of the same name. The label file is last: it makes the pair complete."""
        image_key, labels_key = reference.pair_keys(tree, self._suffix)
        self.put(image_key, jpeg, "image/jpeg")
        if note is not None:
            self.put(reference.note_key(tree), note.encode(), "application/json")
        self.put(labels_key, labels.encode(), "text/plain" if self._suffix == YOLO_LABELS else "application/json")

    def get(self, key: str) -> bytes | None:
        """The bytes of an object; None when it is missing."""
        stored = get_or_none(self._s3, bucket=self.name, key=key)
        return stored.content if stored else None

    def put(self, key: str, content: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type)

    def put_once(self, key: str, content: bytes, content_type: str) -> bool:
        """Store an object unless the key exists: then False, and the stored object stays as it is."""
        try:
            self._s3.put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _EXISTS:
                return False
            raise
        return True

    def keys(self, prefix: str) -> list[str]:
        """Every key under the prefix, in order."""
        return [item["Key"] for item in self._listed(prefix)]

    def _listed(self, prefix: str) -> Iterator[Any]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            yield from page.get("Contents", [])


@contextmanager
def in_threads(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> Generator[Iterator[_Result], None, None]:
    """The results of `work` in the order of `items`: S3 answers a request in tens of ms, and hundreds a second.

    When the block ends early, work that has not begun is cancelled.
    """
    pool = ThreadPoolExecutor(AT_ONCE, "dataset")
    try:
        yield pool.map(work, items)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def label_text(content: bytes) -> str:
    """The text of a label file in the bucket; of one that is not text, a text that `parse_labels` refuses."""
    try:
        return decoded(content)
    except InvalidText as error:
        return f"not a label file: {error}"


def stem(reference: Reference) -> str:
    """The name of a photo's files in a dataset's folder, without suffix. Kiosk ids hold no `_`, so it is unique."""
    return f"{reference.kiosk_id}_{reference.image_id}"


def reference_of(name: str) -> Reference:
    """The photo of a file in a dataset's folder; InvalidName when the name is not that of a photo."""
    kiosk_id, _, image_id = name.removesuffix(".txt").removesuffix(IMAGE_SUFFIX).partition("_")
    return Reference(kiosk_id, image_id)
