"""Labelled pictures of a folder into the dataset bucket: what teaches a recipe's heads, or what judges them.

The folder is that of a training: `images/**.jpg`, `labels/**.json` under the same names. A picture's name in the bucket
derives from its bytes, so importing a folder twice changes nothing. Pictures are stored as photos of customers are:
upright, without metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.names import Reference, check_kiosk_id, new_image_id
from contracts.subject_labels import SubjectLabels
from imaging.decoding import PhotoRejected
from recipes.recipe import Recipe
from retrain.bucket import DatasetBucket, Tree, in_threads
from retrain.dataset.pictures import stored_form
from retrain.heads.examples import read_labels
from retrain.progress import Say, silent

# Where no device's clock is, a minute apart: no two of them are taken for one burst.
_FAR: Final = datetime(6000, 1, 1, tzinfo=UTC)
_MINUTES: Final = 1 << 29


@dataclass(frozen=True, slots=True)
class Imported:
    """How many pictures were stored, and why others were not."""

    stored: int
    left_out: Mapping[str, int]


def import_folder(
    bucket: DatasetBucket, recipe: Recipe, folder: Path, tree: Tree, *, device: str, say: Say = silent
) -> Imported:
    """Store the pictures of a folder under `tree`, as of a device; InvalidDataset for an invalid label file.

    `bucket` stores label files in JSON. Nothing is stored if a label file is invalid.
    """
    check_kiosk_id(device)
    labels, left_out = read_labels(recipe, folder)
    stored, rejected = store(bucket, list(labels.items()), tree, device=device, say=say)
    if rejected:
        left_out["pictures that can't be read"] += rejected
    return Imported(stored, dict(left_out))


def store(
    bucket: DatasetBucket, pictures: Sequence[tuple[Path, SubjectLabels]], tree: Tree, *, device: str, say: Say = silent
) -> tuple[int, int]:
    """Store pictures with their labels; how many were stored, and how many can't be read."""

    def put(picture: tuple[Path, SubjectLabels]) -> bool:
        path, labels = picture
        content = path.read_bytes()
        try:
            jpeg = stored_form(content)
        except PhotoRejected:
            return False
        bucket.put_pair(tree, reference_of(content, device), jpeg=jpeg, labels=labels.to_json() + "\n")
        return True

    with in_threads(put, pictures) as results:
        kept = 0
        for done, whether in enumerate(results, start=1):
            kept += whether
            say(done, len(pictures), "pictures stored")
    return kept, len(pictures) - kept


def reference_of(content: bytes, device: str) -> Reference:
    """The name of a picture with these bytes."""
    digest = hashlib.sha256(content).digest()
    at = _FAR + timedelta(minutes=int.from_bytes(digest[:4]) % _MINUTES)
    return Reference(device, new_image_id(at, digest[4:14]))
