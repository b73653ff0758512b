"""All that there is to learn from and to judge by, read once; what can't be used is left out, with the reason."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import imagehash
from PIL import Image

from contracts.errors import InvalidLabelFile
from contracts.names import Reference
from contracts.yolo import parse_labels
from retrain.bucket import DatasetBucket, Pair, Tree
from retrain.dataset.photos import DatasetPhoto, Excluded, ExclusionReason
from retrain.dataset.reading import Say, in_threads
from retrain.dataset.vetting.sanity import odd
from retrain.review.notes import read_notes, untellable

HASH_SIDE: Final = 16  # 256 bits: with 64, customers before one and the same counter look alike
_MOST_PIXELS: Final = 64_000_000
_ORIENTATION: Final = 0x0112


@dataclass(frozen=True, slots=True)
class Gathered:
    """Each photo once, in the order of their references, and every reference that was listed, with its tree."""

    photos: list[DatasetPhoto]
    left_out: list[Excluded]
    listed: dict[Reference, Tree]


def gather(bucket: DatasetBucket, say: Say) -> Gathered:
    """A photo in several trees is what the most careful look made of it: golden, then reviewed, then auto.

    That holds for a broken one too: what a model said must not stand in for what a person said.
    """
    found: dict[Reference, Pair] = {}
    for tree in (Tree.AUTO, Tree.REVIEWED, Tree.GOLDEN):
        found.update({pair.reference: pair for pair in bucket.pairs(tree)})
    photos: list[DatasetPhoto] = []
    cannot_tell = untellable(read_notes(bucket))
    left_out = [
        Excluded(reference, pair.tree, ExclusionReason.CANNOT_TELL)
        for reference, pair in found.items()
        if reference in cannot_tell
    ]
    out = {one.reference for one in left_out}
    pairs = [found[reference] for reference in sorted(found.keys() - out)]
    with in_threads(lambda pair: _read(bucket, pair), pairs) as results:
        for done, read in enumerate(results, start=1):
            if isinstance(read, DatasetPhoto):
                photos.append(read)
            else:
                left_out.append(read)
            say(done, len(pairs), "photos read")
    return Gathered(photos, left_out, {reference: pair.tree for reference, pair in found.items()})


def _read(bucket: DatasetBucket, pair: Pair) -> DatasetPhoto | Excluded:
    def without(why: ExclusionReason, detail: str = "") -> Excluded:
        return Excluded(pair.reference, pair.tree, why, detail)

    jpeg, text = bucket.image(pair), bucket.labels(pair)
    if jpeg is None or text is None:
        return without(ExclusionReason.GONE)
    try:
        people = tuple(parse_labels(text))
    except InvalidLabelFile as error:
        return without(ExclusionReason.BAD_LABELS, str(error))
    try:
        size, phash = _look(jpeg)
    except Exception as error:  # noqa: BLE001 - broken pictures raise a dozen kinds; a build is not lost over one
        return without(ExclusionReason.UNREADABLE, f"{type(error).__name__}: {error}"[:200])
    return DatasetPhoto(
        reference=pair.reference,
        source=pair.tree,
        people=people,
        size=size,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        bytes=len(jpeg),
        phash=phash,
        odd=odd(people, size),
    )


def _look(jpeg: bytes) -> tuple[tuple[int, int], str]:
    """Width and height, and the perceptual hash; whatever Pillow raises when it is no whole upright JPEG."""
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        size = picture.size
        if size[0] * size[1] > _MOST_PIXELS:
            raise ValueError(f"{size[0]} × {size[1]} pixels")
        if picture.getexif().get(_ORIENTATION, 1) not in (0, 1):
            raise ValueError("EXIF turns it, and nothing says whether its boxes were drawn before or after")
        picture.draft("L", (8 * HASH_SIDE, 8 * HASH_SIDE))  # decodes at a fraction of the size: several times as fast
        return size, str(imagehash.phash(picture, hash_size=HASH_SIDE))
