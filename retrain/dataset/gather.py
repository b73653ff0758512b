"""Every photo of the bucket that may enter a dataset, read once. Unusable photos are excluded, each with its reason."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import imagehash
from PIL import Image

from contracts.errors import InvalidLabelFile
from contracts.names import Reference
from contracts.yolo import parse_labels
from imaging.decoding import PhotoRejected
from retrain.bucket import DatasetBucket, Pair, Tree, in_threads
from retrain.dataset.photos import DatasetPhoto, Excluded, ExclusionReason
from retrain.dataset.pictures import upright
from retrain.dataset.vetting.sanity import check_sanity
from retrain.progress import Say
from retrain.review.notes import Note, read_notes

HASH_SIDE: Final = 16  # 256 bits: with 64, customers before the same counter look alike


@dataclass(frozen=True, slots=True)
class Gathered:
    """Each photo once, in the order of their references. `listed`: every reference in the bucket, with its tree.

    `notes`: the notes of the checked photos.
    """

    photos: list[DatasetPhoto]
    excluded: list[Excluded]
    listed: dict[Reference, Tree]
    notes: dict[Reference, Note]


def gather(bucket: DatasetBucket, say: Say) -> Gathered:
    """Read the bucket. Of a photo in several trees, golden takes precedence over reviewed, and reviewed over auto.

    That holds for an invalid pair too: a model's labels must not replace a person's.
    """
    pairs: dict[Reference, Pair] = {}
    for tree in (Tree.AUTO, Tree.REVIEWED, Tree.GOLDEN):
        pairs.update({pair.reference: pair for pair in bucket.pairs(tree)})
    notes = read_notes(bucket)
    cannot_tell = {reference for reference, note in notes.items() if note.cannot_tell} & pairs.keys()
    excluded = [
        Excluded(reference, pairs[reference].tree, ExclusionReason.CANNOT_TELL) for reference in sorted(cannot_tell)
    ]
    photos: list[DatasetPhoto] = []
    usable = [pairs[reference] for reference in sorted(pairs.keys() - cannot_tell)]
    with in_threads(lambda pair: _read(bucket, pair), usable) as results:
        for done, photo in enumerate(results, start=1):
            if isinstance(photo, DatasetPhoto):
                photos.append(photo)
            else:
                excluded.append(photo)
            say(done, len(usable), "photos read")
    return Gathered(photos, excluded, {reference: pair.tree for reference, pair in pairs.items()}, notes)


def _read(bucket: DatasetBucket, pair: Pair) -> DatasetPhoto | Excluded:
    def excluded(why: ExclusionReason, detail: str = "") -> Excluded:
        return Excluded(pair.reference, pair.tree, why, detail)

    jpeg, label_file = bucket.image(pair), bucket.labels(pair)
    if jpeg is None or label_file is None:
        return excluded(ExclusionReason.GONE)
    try:
        people = parse_labels(label_file, bucket.classes)
    except InvalidLabelFile as error:
        return excluded(ExclusionReason.BAD_LABELS, str(error))
    try:
        size, phash = _size_and_hash(jpeg)
    except PhotoRejected as error:
        return excluded(ExclusionReason.UNREADABLE, str(error)[:200])
    return DatasetPhoto(
        reference=pair.reference,
        source=pair.tree,
        people=people,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        bytes=len(jpeg),
        phash=phash,
        label_error=check_sanity(people, size),
    )


def _size_and_hash(jpeg: bytes) -> tuple[tuple[int, int], str]:
    """Width and height, and the perceptual hash. Errors as `upright`."""
    photo = upright(jpeg, side=8 * HASH_SIDE)  # decoded at a fraction of the size: several times as fast
    return photo.size, perceptual_hash(Image.fromarray(photo.image))


def perceptual_hash(picture: Image.Image) -> str:
    """The 256 bits that near-duplicates share (vetting/duplicates.py), in hexadecimal."""
    return str(imagehash.phash(picture, hash_size=HASH_SIDE))
