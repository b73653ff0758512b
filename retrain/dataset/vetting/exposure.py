"""Exposure: the photos that a training may have learned from, by the manifests of builds. They never become golden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from contracts.names import BUILDS, Reference
from retrain.bucket import DatasetBucket
from retrain.dataset.manifest import MANIFEST
from retrain.dataset.photos import Split
from retrain.errors import InvalidReview

_EXPOSED: Final = frozenset({Split.TRAIN, Split.VAL})  # val chose the epoch, and fitted the calibration


def exposed(bucket: DatasetBucket) -> set[Reference]:
    """Every photo that a training may have learned from. InvalidReview when a manifest can't be read."""
    return {reference for reference, _ in _items(bucket)}


def exposed_pictures(bucket: DatasetBucket) -> set[str]:
    """The same by the SHA-256 of their JPEGs, whatever their names. InvalidReview as above."""
    return {sha256 for _, sha256 in _items(bucket)}


def _items(bucket: DatasetBucket) -> Iterator[tuple[Reference, str]]:
    for key in bucket.keys(BUILDS):
        if not key.endswith(f"/{MANIFEST}"):
            continue
        try:
            items: list[Any] = json.loads(bucket.get(key) or b"")["items"]
            yield from [
                (Reference.parse(item["photo"]), str(item["sha256"])) for item in items if item["split"] in _EXPOSED
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:  # InvalidName is a ValueError
            raise InvalidReview(
                f"s3://{bucket.name}/{key} is not a valid manifest of a build ({error!r}), so the photos that a "
                "training has learned from are unknown; nothing was stored. Restore the manifest, or delete that build "
                "if no training used it"
            ) from error
