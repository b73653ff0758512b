"""Photos of a burst: read, measured, and written anew without metadata. In memory only."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from kiosk.device.sharpness import sharpness

QUALITY: Final = 85
MOST_PIXELS: Final = 12_000_000
LONGEST_SIDE: Final = 1280  # more pixels only cost upload time (docs/kiosk-makers.md)


@dataclass(frozen=True, slots=True)
class Photo:
    """A JPEG without metadata, its height in pixels and its sharpness."""

    jpeg: bytes
    height: int
    sharpness: float


def read(jpeg: bytes) -> Photo | None:
    """The photo in these bytes, upright, at most 1280 pixels a side, without metadata; None when there is none.

    It is encoded anew: what a camera or a browser wrote beside the pixels does not leave the device.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # decodes at a fraction where that is enough
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    written = io.BytesIO()
    Image.fromarray(np.asarray(upright)).save(written, "JPEG", quality=QUALITY)
    return Photo(written.getvalue(), upright.height, sharpness(np.asarray(upright.convert("L"))))
