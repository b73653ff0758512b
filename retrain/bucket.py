"""The dataset bucket as a training sees it: trees of pictures and labels, and small files beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from contracts.errors import InvalidName
from contracts.names import IMAGE_SUFFIX, Reference, parse_pair_key

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MISSING: Final = frozenset({"NoSuchKey", "404"})
_THERE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


class Tree(StrEnum):
    """Where a pair lies, which says who labelled it."""

    AUTO = "auto"  # the model, sure of everybody in the picture
    REVIEW = "review"  # the model, unsure: waits for a person, and expires
    REVIEWED = "reviewed"  # a person; may be trained on
    GOLDEN = "golden"  # a person; judges, and is never trained on


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its label file, both there. `etag` is the picture's; `added_at` is when the later of them came."""

    tree: Tree
    reference: Reference
    etag: str
    added_at: datetime


class DatasetBucket:
    """What AWS refuses passes through as botocore's ClientError. May be used from several threads."""

    def __init__(self, s3: S3Client, name: str) -> None:
        self._s3 = s3
        self.name = name

    def pairs(self, tree: Tree) -> list[Pair]:
        """The whole pairs of a tree, in the order of their references; a picture without labels is none."""
        labels = {one["Key"]: one for one in self._listed(f"{tree}/labels/")}
        found = []
        for one in self._listed(f"{tree}/images/"):
            try:
                reference = parse_pair_key(one["Key"])
            except InvalidName:
                continue
            text = labels.get(reference.pair_keys(tree)[1])
            if text is not None:
                added_at = max(one["LastModified"], text["LastModified"])
                found.append(Pair(tree, reference, one["ETag"], added_at))
        return sorted(found, key=lambda pair: pair.reference)

    def image(self, pair: Pair) -> bytes | None:
        """The JPEG; None when it has gone since it was listed."""
        return self.get(pair.reference.pair_keys(pair.tree)[0])

    def labels(self, pair: Pair) -> str | None:
        """The label file's text; None when it has gone since it was listed."""
        content = self.get(pair.reference.pair_keys(pair.tree)[1])
        return None if content is None else content.decode(errors="replace")

    def put_pair(self, tree: Tree, reference: Reference, *, jpeg: bytes, labels: str, note: str | None = None) -> None:
        """Store a pair, over one of the same name; the labels last, which make it whole."""
        image_key, labels_key = reference.pair_keys(tree)
        self.put(image_key, jpeg, "image/jpeg")
        if note is not None:
            self.put(reference.note_key(tree), note.encode(), "application/json")
        self.put(labels_key, labels.encode(), "text/plain")

    def get(self, key: str) -> bytes | None:
        """The bytes of an object; None when there is none."""
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _MISSING:
                return None
            raise
        with closing(answer["Body"]) as body:
            return body.read()

    def put(self, key: str, content: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type)

    def put_once(self, key: str, content: bytes, content_type: str) -> bool:
        """False when there is such an object already; it stays as it is."""
        try:
            self._s3.put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _THERE:
                return False
            raise
        return True

    def keys(self, prefix: str) -> list[str]:
        """Every key under the prefix, in order."""
        return [one["Key"] for one in self._listed(prefix)]

    def _listed(self, prefix: str) -> Iterator[Any]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            yield from page.get("Contents", [])


def stem(reference: Reference) -> str:
    """The name of a photo's files in a dataset's folder: kiosk ids hold no `_`, so it says both."""
    return f"{reference.kiosk_id}_{reference.image_id}"


def reference_of(name: str) -> Reference:
    """The photo that a dataset's file is of; InvalidName when it is none's."""
    kiosk_id, _, image_id = name.removesuffix(".txt").removesuffix(IMAGE_SUFFIX).partition("_")
    return Reference(kiosk_id, image_id)
