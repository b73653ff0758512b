"""Opening a picture: of a known format, not too large, upright."""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from PIL import Image
from PIL.ImageFile import ImageFile

_MAX_PIXELS: Final = 64_000_000
_ORIENTATION: Final = 0x0112


@contextmanager
def opened(content: bytes, formats: Sequence[str]) -> Generator[ImageFile, None, None]:
    """The picture, not decoded yet. ValueError when it is too large or turned by EXIF; else whatever Pillow raises."""
    with Image.open(io.BytesIO(content), formats=list(formats)) as picture:
        if picture.width * picture.height > _MAX_PIXELS:
            raise ValueError(f"{picture.width} × {picture.height} pixels are too many")
        if picture.getexif().get(_ORIENTATION, 1) not in (0, 1):
            raise ValueError(
                "EXIF turns it, and nothing says whether its boxes were drawn before or after; turn the picture "
                "itself, as with mogrify -auto-orient, and check its boxes"
            )
        yield picture
