"""Labelled pictures into the dataset bucket: what teaches a recipe's heads, and what judges them.

The pictures and their labels come from the folder of a training (examples.py), or from a set's own layout (aihub.py). A
picture's name in the bucket derives from its bytes, so importing it twice changes nothing. Pictures are stored as
photos of customers are: upright, without metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.names import Reference, check_kiosk_id, new_image_id
from contracts.subject_labels import SubjectLabels
from imaging.decoding import PhotoRejected
from retrain.bucket import DatasetBucket, Tree, in_threads
from retrain.dataset.pictures import stored_form
from retrain.progress import Say, silent

# Where no device's clock is, a minute apart: no two of them are taken for one burst.
FAR: Final = datetime(6000, 1, 1, tzinfo=UTC)
_MINUTES: Final = 1 << 29


Pictures = Sequence[tuple[Path, SubjectLabels]]


def split_by_group(pictures: Pictures, golden_share: float) -> dict[Tree, list[tuple[Path, SubjectLabels]]]:
    """What judges and what teaches: about `golden_share` (0-1) of the persons or animals, each with all its pictures.

    Which ones hangs on their names alone, so a later import of more pictures of them splits them alike. A picture that
    names none is its own.
    """
    split: dict[Tree, list[tuple[Path, SubjectLabels]]] = {Tree.REVIEWED: [], Tree.GOLDEN: []}
    for path, labels in pictures:
        group = next((subject.group for subject in labels.subjects if subject.group is not None), path.name)
        place = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) / 2**64
        split[Tree.GOLDEN if place < golden_share else Tree.REVIEWED].append((path, labels))
    return split


def store(bucket: DatasetBucket, pictures: Pictures, tree: Tree, *, device: str, say: Say = silent) -> tuple[int, int]:
    """Store pictures with their labels, as of a device; how many were stored, and how many can't be read."""
    check_kiosk_id(device)

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
    at = FAR + timedelta(minutes=int.from_bytes(digest[:4]) % _MINUTES)
    return Reference(device, new_image_id(at, digest[4:14]))
