"""A picture that a dataset can hold: whole, upright, a JPEG without metadata."""

from __future__ import annotations

from contracts.messages import Reason
from imaging import heic
from imaging.decoding import DECODE_SIDE, DecodedPhoto, PhotoRejected, decode


def upright(content: bytes, *, side: int | None = DECODE_SIDE) -> DecodedPhoto:
    """The decoded picture; PhotoRejected as the worker rejects it, and when EXIF turns it."""
    photo = decode(content, side=side)
    if photo.turned:
        raise PhotoRejected(
            Reason.NOT_AN_IMAGE,
            "EXIF turns it, and nothing says whether its boxes were drawn before or after; turn the picture itself, as "
            "with mogrify -auto-orient, and check its boxes",
        )
    return photo


def stored_form(content: bytes) -> bytes:
    """The picture as a dataset stores it: a JPEG's own pixels, bit for bit, without metadata; others become JPEG.

    Errors as `upright`.
    """
    return upright(heic.as_jpeg(content), side=None).for_dataset()
