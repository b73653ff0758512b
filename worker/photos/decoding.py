"""Upload bytes → an upright RGB image, or the reason why the photo is rejected. Limits are checked before decoding."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import PngImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from contracts.errors import NunchiError
from contracts.messages import Reason
from worker.models.detector import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP")
# The shorter side a picture keeps while it is decoded. A face worth reading in a frame wider than this is found in the
# halved frame too, and JPEG gives halves, quarters and eighths for less than the price of the whole.
DECODE_SIDE: Final = 1080
MAX_SIDE: Final = 3840  # pixels of the longer side after shrinking: a panorama too must fit in memory
MIN_SIDE: Final = 16  # pixels; the networks detect nothing in less
# The most pixels of a file that can only be decoded whole. A camera of 12 megapixels gives 4032 × 3024; WebP takes the
# most memory, 16 bytes for each.
MAX_WHOLE_PIXELS: Final = 12_200_000
JPEG_QUALITY: Final = 95
# Characters in all texts of a PNG. Pillow allows 64 million, which 100 KB of upload can turn into 250 MB.
PngImagePlugin.MAX_TEXT_MEMORY = 4 << 20  # pyrefly: ignore[bad-assignment]  # inferred to be Pillow's own number
# Pillow joins EXIF segments in quadratic time: 40,000 tiny ones, in 8 MB, would keep a processor for 24 s.
MAX_EXIF_SEGMENTS: Final = 64
# A progressive JPEG has ten. A scan of 15 bytes makes libjpeg process the whole picture again: 8 MB take it minutes.
MAX_SCANS: Final = 100
_START_OF_SCAN: Final = b"\xff\xda"  # never occurs within a scan
_ORIENTATION: Final = 0x0112  # the EXIF tag; 1 is upright, and 0 is written by cameras that don't know
_TURNS: Final[Mapping[object, Pillow.Transpose]] = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}


class PhotoRejected(NunchiError):
    """The upload can't be read as a photo. The kiosk gets `reason`; the next photo is not affected."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A decoded photo. `upright_jpeg`: the upload's bytes can enter a dataset as they are."""

    image: Image
    upright_jpeg: bool


def decode(data: bytes, *, max_pixels: int) -> DecodedPhoto:
    """The upright RGB picture of a JPEG, PNG or WebP, shrunk while decoding when it is far larger than needed.

    The format is detected from the bytes, never from a name. Raises PhotoRejected. A file that can't be shrunk while it
    is decoded may have at most MAX_WHOLE_PIXELS, so that no upload takes more than 220 MB.
    """
    if not data:
        raise PhotoRejected(Reason.EMPTY_FILE, "the upload has 0 bytes")
    if data.count(b"Exif\0\0") > MAX_EXIF_SEGMENTS:
        raise PhotoRejected(Reason.NOT_AN_IMAGE, f"more than {MAX_EXIF_SEGMENTS} EXIF segments")
    try:
        with warnings.catch_warnings():
            # Pillow warns of broken metadata, and of pictures over a limit of its own; ours is checked before decoding.
            warnings.filterwarnings("ignore", module="PIL")
            with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(picture, data, max_pixels)
                return _photo(picture)
    except (PhotoRejected, MemoryError):
        raise
    except Pillow.DecompressionBombError as error:
        raise PhotoRejected(Reason.TOO_MANY_PIXELS, str(error)) from None
    except Exception as error:  # noqa: BLE001 - damaged bytes raise a dozen kinds in Pillow, from struct.error to AssertionError
        if _has_photo_signature(data):
            # Nearly always an incomplete upload.
            raise PhotoRejected(Reason.TRUNCATED, f"the file is truncated or damaged: {error!r}") from None
        raise PhotoRejected(Reason.NOT_AN_IMAGE, f"not a JPEG, PNG or WebP: {error!r}") from None


def encode_jpeg(image: Image) -> bytes:
    """The image as JPEG bytes, for the dataset where the upload is rotated by EXIF or is not a JPEG."""
    target = io.BytesIO()
    Pillow.fromarray(image).save(target, "JPEG", quality=JPEG_QUALITY)
    return target.getvalue()


def _has_photo_signature(data: bytes) -> bool:
    return data.startswith((b"\xff\xd8", b"\x89PNG")) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")


def _check_size(picture: Pillow.Image, data: bytes, max_pixels: int) -> None:
    width, height = picture.size
    in_rows = _decodes_in_rows(picture, data)
    limit = max_pixels if in_rows else min(max_pixels, MAX_WHOLE_PIXELS)
    if width * height > limit:
        raise PhotoRejected(Reason.TOO_MANY_PIXELS, f"{width} × {height} is over {limit} pixels")
    if min(width, height) < MIN_SIDE:
        raise PhotoRejected(Reason.TOO_SMALL, f"{width} × {height}; each side needs {MIN_SIDE} pixels")
    if not in_rows and isinstance(picture, JpegImageFile) and data.count(_START_OF_SCAN) > MAX_SCANS:
        raise PhotoRejected(Reason.NOT_AN_IMAGE, f"more than {MAX_SCANS} scans")


def _decodes_in_rows(picture: Pillow.Image, data: bytes) -> bool:
    """Whether the decoder needs only some rows at a time: a JPEG with all of its components in one scan.

    With several scans, of which a progressive JPEG has many, libjpeg holds every coefficient of the picture, even
    when it shrinks.
    """
    if not isinstance(picture, JpegImageFile) or "progressive" in picture.info:
        return False
    at = 2
    # Segment by segment, as libjpeg reads, up to the first scan. Markers without a length (D0-D9) end the search.
    while data[at] == 0xFF and 0xC0 <= (marker := data[at + 1]) <= 0xFE and not 0xD0 <= marker <= 0xD9:
        if marker == 0xDA:
            return data[at + 4] == picture.layers
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return False


def _photo(picture: Pillow.Image) -> DecodedPhoto:
    if (factor := _shrink_factor(picture)) > 1:
        # Only JPEG is shrunk here, and only by powers of two; `_rgb` does the rest.
        picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))
    picture.load()
    orientation = _orientation(picture)
    upright_jpeg = picture.format == "JPEG" and picture.mode in ("RGB", "L") and orientation in (0, 1)
    upright = _rgb(picture, _shrink_factor(picture))
    if (turn := _TURNS.get(orientation)) is not None:  # FLIP_LEFT_RIGHT is 0
        upright = upright.transpose(turn)
    return DecodedPhoto(np.ascontiguousarray(upright, dtype=np.uint8), upright_jpeg)


def _shrink_factor(picture: Pillow.Image) -> int:
    """The whole number by which the picture can be shrunk."""
    return max(1, min(picture.size) // DECODE_SIDE, -(-max(picture.size) // MAX_SIDE))


def _orientation(picture: Pillow.Image) -> object:
    try:
        return picture.getexif().get(_ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - broken EXIF raises a dozen kinds; a photo is not lost over it
        return None


def _rgb(picture: Pillow.Image, factor: int) -> Pillow.Image:
    """The picture in RGB, shrunk by `factor`. Shrunk first: each copy at full size costs 4 bytes a pixel."""
    if picture.mode == "I;16":
        # Pillow's own conversion clips at 255, to white; the high byte is the picture.
        picture = picture.point(lambda value: value / 256).convert("L")
        picture.info.pop("transparency", None)  # a colour in 16 bits, which L can't represent
    if picture.has_transparency_data:
        # Transparent pixels would get the colour underneath, often black.
        transparent = (picture if picture.mode == "RGBA" else picture.convert("RGBA")).reduce(factor)
        canvas = Pillow.new("RGB", transparent.size, "white")
        canvas.paste(transparent, mask=transparent)
        return canvas
    return (picture if picture.mode in ("RGB", "L", "CMYK") else picture.convert("RGB")).reduce(factor).convert("RGB")
