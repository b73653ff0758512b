"""Upload bytes → an upright picture, or the reason why they are none. Limits come before any decoding."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from contracts.errors import NunchiError
from contracts.messages import Reason
from worker.detector import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP")
# The shorter side a picture keeps while it is decoded. A face worth reading in a frame wider than this is found in the
# halved frame too, and JPEG gives halves, quarters and eighths for less than the price of the whole.
DECODE_SIDE: Final = 1080
LEAST_SIDE: Final = 16  # pixels; no network of ours sees anything in less
JPEG_QUALITY: Final = 95
_ORIENTATION: Final = 0x0112  # the EXIF tag; 1 is upright


class PhotoRejected(NunchiError):
    """The upload can't be read as a photo. The kiosk is told `reason`; the next photo is not affected."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded picture. `upright_jpeg` tells that its bytes can enter a dataset as they are."""

    image: Image
    upright_jpeg: bool


def decode(data: bytes, *, max_pixels: int) -> Photo:
    """The upright RGB picture of a JPEG, PNG or WebP, shrunk while decoding when it is far larger than needed.

    The format is told from the bytes, never from a name. Raises PhotoRejected.
    """
    if not data:
        raise PhotoRejected(Reason.EMPTY_FILE, "the upload has 0 bytes")
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures over its own limit; ours is checked below, before a pixel is decoded.
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            picture = Pillow.open(io.BytesIO(data), formats=FORMATS)
    except Pillow.DecompressionBombError as error:
        raise PhotoRejected(Reason.TOO_MANY_PIXELS, str(error)) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise PhotoRejected(Reason.NOT_AN_IMAGE, f"no JPEG, PNG or WebP: {error}") from None
    with picture:
        width, height = picture.size
        if width * height > max_pixels:
            raise PhotoRejected(Reason.TOO_MANY_PIXELS, f"{width} × {height} is over {max_pixels} pixels")
        if min(width, height) < LEAST_SIDE:
            raise PhotoRejected(Reason.TOO_SMALL, f"{width} × {height}; each side needs {LEAST_SIDE} pixels")
        return _pixels(picture)


def _pixels(picture: Pillow.Image) -> Photo:
    try:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # noqa: BLE001 - broken EXIF raises a dozen kinds; a photo is not lost over it
        del error
        orientation = 1
    try:
        upright_jpeg = picture.format == "JPEG" and picture.mode in ("RGB", "L") and orientation in (0, 1)
        scale = min(picture.size) / DECODE_SIDE
        if scale >= 2:
            picture.draft("RGB", (round(picture.width / scale), round(picture.height / scale)))
        upright = ImageOps.exif_transpose(picture) if orientation not in (0, 1) else picture
        return Photo(np.ascontiguousarray(_rgb(upright), dtype=np.uint8), upright_jpeg)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # The header was good and the pixels were not: half an upload, nearly always.
        raise PhotoRejected(Reason.TRUNCATED, f"the picture breaks off: {error}") from None


def _rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.has_transparency_data:
        # What is see-through would decode to whatever colour lies underneath, often black.
        canvas = Pillow.new("RGBA", picture.size, "white")
        canvas.alpha_composite(picture.convert("RGBA"))
        return canvas.convert("RGB")
    return picture.convert("RGB")


def encode_jpeg(image: Image) -> bytes:
    """The picture as JPEG bytes, for datasets whose original was turned by EXIF or is no JPEG."""
    target = io.BytesIO()
    Pillow.fromarray(image).save(target, "JPEG", quality=JPEG_QUALITY)
    return target.getvalue()
