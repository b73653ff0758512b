"""The checked photos of the bucket, on disk: reviewed ones to fit on, golden ones to judge by.

A reviewed photo of a golden photo's moment, or with its bytes, is left out: what judges must not be fitted on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import InvalidLabelFile
from contracts.names import IMAGE_SUFFIX, Reference
from contracts.yolo import parse_labels
from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket, Pair, Tree, in_threads, stem
from retrain.bursts import burst_of
from retrain.judge.golden import GoldenPhoto
from retrain.progress import Say
from retrain.review.notes import read_notes


@dataclass(frozen=True, slots=True)
class CheckedPhotos:
    """Both in the order of their references. `digest` is of the reviewed photos and their labels."""

    reviewed: tuple[GoldenPhoto, ...]
    golden: tuple[GoldenPhoto, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class _Read:
    photo: GoldenPhoto
    sha256: str
    labels: str


def fetch(bucket: DatasetBucket, folder: Path, *, most: int, say: Say) -> CheckedPhotos:
    """Download golden and the newest `most` reviewed photos. One that is gone or has invalid labels is left out."""
    trees = {tree: bucket.pairs(tree) for tree in Tree}
    burst = burst_of(pair.reference for pairs in trees.values() for pair in pairs)
    golden = {pair.reference for pair in trees[Tree.GOLDEN]}
    golden_bursts = {burst[reference] for reference in golden}
    unclear = {reference for reference, note in read_notes(bucket).items() if note.cannot_tell}

    judging = [pair for pair in trees[Tree.GOLDEN] if pair.reference not in unclear]
    learning = [
        pair
        for pair in trees[Tree.REVIEWED]
        if pair.reference not in unclear and burst[pair.reference] not in golden_bursts
    ]
    # Ids begin with the time.
    newest = sorted(learning, key=lambda pair: (pair.reference.image_id, pair.reference))[-most:]
    learning = sorted(newest, key=lambda pair: pair.reference)

    to_judge = _download(bucket, judging, folder / "golden", burst, say)
    seen = {read.sha256 for read in to_judge}
    to_fit = [read for read in _download(bucket, learning, folder / "reviewed", burst, say) if read.sha256 not in seen]
    lines = (f"{read.photo.path.stem} {read.sha256} {read.labels!r}\n" for read in to_fit)
    return CheckedPhotos(
        reviewed=tuple(read.photo for read in to_fit),
        golden=tuple(read.photo for read in to_judge),
        digest=hashlib.sha256("".join(lines).encode()).hexdigest(),
    )


def _download(
    bucket: DatasetBucket, pairs: Sequence[Pair], folder: Path, burst: dict[Reference, Reference], say: Say
) -> list[_Read]:
    folder.mkdir(parents=True)

    def read(pair: Pair) -> _Read | None:
        jpeg, labels = bucket.image(pair), bucket.labels(pair)
        if jpeg is None or labels is None:
            return None
        try:
            people = parse_labels(labels, LABELS)
        except InvalidLabelFile:
            return None
        path = folder / f"{stem(pair.reference)}{IMAGE_SUFFIX}"
        path.write_bytes(jpeg)
        photo = GoldenPhoto(path, str(burst[pair.reference]), people)
        return _Read(photo, hashlib.sha256(jpeg).hexdigest(), labels)

    found = []
    with in_threads(read, pairs) as results:
        for done, result in enumerate(results, start=1):
            say(done, len(pairs), f"{folder.name} photos are fetched")
            if result is not None:
                found.append(result)
    return found
