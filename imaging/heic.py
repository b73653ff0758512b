"""A phone's HEIC, as a JPEG. Only the operator's side installs pi-heif: kiosks and workers take JPEG, PNG and WebP."""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np

from contracts.messages import Reason
from imaging.decoding import MIN_SIDE, PhotoRejected, encode_jpeg

MAX_PIXELS_READ: Final = 50_000_000  # a phone of 48 megapixels; the operator's machine has the memory
REMEDY: Final = (
    "send JPEG, PNG or WebP; on an iPhone: Settings > Camera > Formats > Most Compatible. Or install pi-heif here"
)
_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})


def is_heic(data: bytes) -> bool:
    """Whether the bytes say that they are HEIC, whatever the file is called."""
    return data[4:8] == b"ftyp" and data[8:12] in _BRANDS


def as_jpeg(data: bytes, *, side: int | None = None) -> bytes:
    """The picture of a HEIC as an upright JPEG without metadata; other bytes as they are.

    `side`: the shorter one that is needed, None for the full size. PhotoRejected when it can't be read, or pi-heif
    is not installed.
    """
    if not is_heic(data):
        return data
    try:
        import pi_heif  # noqa: PLC0415 - see above
    except ImportError:
        raise PhotoRejected(Reason.NOT_AN_IMAGE, f"a HEIC is not read here: {REMEDY}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not for a user's terminal
            file = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
            width, height = file.size
            if width * height > MAX_PIXELS_READ:
                raise PhotoRejected(Reason.TOO_MANY_PIXELS, f"{width} × {height} is over {MAX_PIXELS_READ} pixels")
            if min(width, height) < MIN_SIDE:
                raise PhotoRejected(Reason.TOO_SMALL, f"{width} × {height}; each side needs {MIN_SIDE} pixels")
            picture = file.to_pillow().convert("RGB")
    except (PhotoRejected, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - libheif's errors, as ValueError, RuntimeError, EOFError
        raise PhotoRejected(Reason.TRUNCATED, f"the HEIC is truncated or damaged: {error}; {REMEDY}") from None
    if side is not None:
        picture = picture.reduce(max(1, min(picture.size) // side))
    return encode_jpeg(np.asarray(picture))
