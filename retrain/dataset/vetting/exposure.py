"""Prevents train/golden leakage: the photos that a training may have learned from, which never become golden."""

from __future__ import annotations

import json
from typing import Any, Final

from contracts.names import BUILDS, Reference
from retrain.bucket import DatasetBucket
from retrain.dataset.manifest import MANIFEST
from retrain.dataset.photos import Split
from retrain.errors import InvalidReview

_EXPOSED: Final = frozenset({Split.TRAIN, Split.VAL})  # val chose the epoch, and fitted the calibration


def exposed(bucket: DatasetBucket) -> set[tuple[Reference, str]]:
    """Every photo that a training may have learned from, and its JPEG's SHA-256: a picture may have several names.

    InvalidReview when a manifest can't be read.
    """
    found = set()
    for key in bucket.keys(BUILDS):
        if not key.endswith(f"/{MANIFEST}"):
            continue
        try:
            items: list[Any] = json.loads(bucket.get(key) or b"")["items"]
            found |= {
                (Reference.parse(item["photo"]), str(item["sha256"])) for item in items if item["split"] in _EXPOSED
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:  # InvalidName is a ValueError
            raise InvalidReview(
                f"s3://{bucket.name}/{key} is not a valid manifest of a build ({error!r}), so the photos that a "
                "training has learned from are unknown; nothing was stored. Restore the manifest, or delete that build "
                "if no training used it"
            ) from error
    return found
