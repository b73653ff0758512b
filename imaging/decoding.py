"""Picture bytes → an upright RGB image, or the reason why the picture is rejected. Limits are checked before decoding.

The worker, the import of somebody's pictures, the build of a dataset, review, judgement and `nunchi send` all ask here.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import PngImagePlugin

from contracts.errors import NunchiError
from contracts.messages import Reason
from imaging.jpeg import START, InvalidJpeg, Jpeg, parse, without_padding
from imaging.png import SIGNATURE, damaged_pixels

Image: TypeAlias = NDArray[np.uint8]  # (height, width, 3), RGB, C-contiguous

MAX_PIXELS: Final = 40_000_000  # of a JPEG that is decoded row by row; NUNCHI_MAX_PIXELS sets the worker's
# The shorter side a picture keeps while it is decoded. A face worth reading in a frame wider than this is found in the
# halved frame too, and JPEG gives halves, quarters and eighths for less than the price of the whole.
DECODE_SIDE: Final = 1080
MAX_SIDE: Final = 3840  # pixels of the longer side after shrinking: a panorama too must fit in memory
MIN_SIDE: Final = 32  # pixels; the face finder detects nothing in less
# The most pixels of a file that can only be decoded whole. A camera of 12 megapixels gives 4032 × 3024; WebP takes the
# most memory, 16 bytes for each.
MAX_WHOLE_PIXELS: Final = 12_200_000
JPEG_QUALITY: Final = 95
# Characters in all texts of a PNG. Pillow allows 64 million, which 100 KB of upload can turn into 250 MB.
PngImagePlugin.MAX_TEXT_MEMORY = 4 << 20  # pyrefly: ignore[bad-assignment]  # inferred to be Pillow's own number
# A progressive JPEG has ten. A scan of 15 bytes makes libjpeg process the whole picture again: 8 MB take it minutes.
MAX_SCANS: Final = 100
_WHOLE_FORMATS: Final = ("PNG", "WEBP")
_COLOURS: Final[Mapping[int, str]] = {1: "GRAY", 3: "RGB", 4: "CMYK"}  # by the components of a JPEG
_EIGHTH: Final = 8  # the smallest fraction that libjpeg decodes at
_EXTRANEOUS: Final = re.compile(r"\d+ extraneous bytes before marker 0xd9")
_UNUSUAL: Final = "subsampling"  # in TurboJPEG's refusal of sampling factors that libjpeg knows, and it doesn't
_PILLOW: Final = r"PIL\."
_QUIET: Final = ("ignore", None, Warning, re.compile(_PILLOW), 0)
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
_SIDEWAYS: Final = (5, 6, 7, 8)


class PhotoRejected(NunchiError):
    """The bytes can't be read as a photo. A kiosk gets `reason`; `detail` is for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A decoded photo. `size`: width and height of the upright picture before it was shrunk. `turned`: by its EXIF.

    `jpeg`: the file without metadata, of the same pixels, if it is an upright RGB or grey JPEG; else None.
    """

    image: Image
    size: tuple[int, int]
    turned: bool
    jpeg: bytes | None

    def for_dataset(self) -> bytes:
        """The photo as a dataset stores it: an upright JPEG without metadata, encoded anew only if it must be."""
        return self.jpeg if self.jpeg is not None else encode_jpeg(self.image)


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, side: int | None = DECODE_SIDE) -> DecodedPhoto:
    """The upright RGB picture of a JPEG, PNG or WebP. `side`: the shorter one that is needed, None for the full size.

    The format is detected from the bytes, never from a name. Raises PhotoRejected, also for a picture of which pixels
    are missing or damaged. A file that can't be shrunk while it is decoded may have at most MAX_WHOLE_PIXELS, so that
    no upload takes more than 220 MB.
    """
    if not data:
        raise PhotoRejected(Reason.EMPTY_FILE, "the file has 0 bytes")
    _silence_pillow()
    try:
        return _jpeg(data, max_pixels, side) if data.startswith(START) else _png_or_webp(data, max_pixels, side)
    except (PhotoRejected, MemoryError):
        raise
    except Pillow.DecompressionBombError as error:
        raise PhotoRejected(Reason.TOO_MANY_PIXELS, str(error)) from None
    except Exception as error:  # noqa: BLE001 - damaged bytes raise a dozen kinds in Pillow, from struct.error to AssertionError
        if _has_photo_signature(data):
            # Nearly always an incomplete upload.
            raise PhotoRejected(Reason.TRUNCATED, f"the file is truncated or damaged: {error}") from None
        raise PhotoRejected(Reason.NOT_AN_IMAGE, "the file is not a JPEG, PNG or WebP") from None


def encode_jpeg(image: Image) -> bytes:
    """The image as JPEG bytes, for the dataset where the picture is rotated by EXIF or is not a JPEG."""
    target = io.BytesIO()
    Pillow.fromarray(image).save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return target.getvalue()


def _silence_pillow() -> None:
    """Pillow warns of broken metadata, and of pictures over a limit of its own; ours is checked before decoding.

    For the whole process: `catch_warnings` would let threads undo each other's filters.
    """
    if warnings.filters[:1] != [_QUIET]:
        warnings.filterwarnings("ignore", module=_PILLOW)


def _has_photo_signature(data: bytes) -> bool:
    return data.startswith((START, SIGNATURE[:4])) or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")


def _check_size(width: int, height: int, limit: int) -> None:
    if width * height > limit:
        raise PhotoRejected(Reason.TOO_MANY_PIXELS, f"{width} × {height} is over {limit} pixels")
    if min(width, height) < MIN_SIDE:
        raise PhotoRejected(Reason.TOO_SMALL, f"{width} × {height}; each side needs {MIN_SIDE} pixels")


def _jpeg(data: bytes, max_pixels: int, side: int | None) -> DecodedPhoto:
    try:
        jpeg = parse(data)
    except InvalidJpeg as error:
        reason = Reason.NOT_AN_IMAGE if error.hostile else Reason.TRUNCATED
        raise PhotoRejected(reason, f"the file is truncated or damaged: {error}") from None
    # With several scans, of which a progressive JPEG has many, libjpeg holds every coefficient of the picture.
    in_rows = jpeg.interleaved and not jpeg.progressive
    _check_size(jpeg.width, jpeg.height, max_pixels if in_rows else min(max_pixels, MAX_WHOLE_PIXELS))
    if jpeg.scans > MAX_SCANS:
        raise PhotoRejected(Reason.NOT_AN_IMAGE, f"more than {MAX_SCANS} scans")
    if not jpeg.complete:
        raise PhotoRejected(Reason.TRUNCATED, "the file is truncated: a scan is missing")
    size = (jpeg.width, jpeg.height)
    pixels, bare = _whole_pixels(jpeg, _fraction(size, side))
    orientation = _orientation_of(jpeg.exif)
    keeps = jpeg.components != 4 and orientation not in _TURNS
    if keeps and pixels.ndim == 3 and _shrink_factor((pixels.shape[1], pixels.shape[0]), side) == 1:
        return DecodedPhoto(np.ascontiguousarray(pixels), size, False, bare)  # Pillow would copy them four times
    picture = Pillow.fromarray(pixels, "CMYK" if jpeg.components == 4 else None)
    return _photo(picture, size, orientation, side, bare if keeps else None)


def _whole_pixels(jpeg: Jpeg, fraction: int) -> tuple[NDArray[np.uint8], bytes]:
    """The pixels at a fraction of the size, and the bare file that they are decoded from.

    TRUNCATED where libjpeg warns: it fills what is missing with grey, and Pillow does not tell.
    """
    try:
        return _pixels(jpeg, jpeg.bare, fraction), jpeg.bare
    except ValueError as error:
        if _UNUSUAL in str(error):
            return _pixels_by_pillow(jpeg, fraction), jpeg.bare
        if not _EXTRANEOUS.search(str(error)):
            raise
    bare = without_padding(jpeg.bare)
    return _pixels(jpeg, bare, fraction), bare


def _pixels(jpeg: Jpeg, bare: bytes, fraction: int) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        bare,
        colorspace=_COLOURS[jpeg.components],
        min_height=-(-jpeg.height // fraction),
        min_width=-(-jpeg.width // fraction),
        min_factor=1,
        strict=True,
    )
    # CMYK is stored inverted, as Adobe does.
    return 255 - pixels if jpeg.components == 4 else pixels.squeeze(axis=2) if jpeg.components == 1 else pixels


def _pixels_by_pillow(jpeg: Jpeg, fraction: int) -> NDArray[np.uint8]:
    """As `_pixels`, for a JPEG of unusual sampling. Its missing scans are known; a sequential one's rows run out here.

    Without an end mark Pillow waits for more bytes, instead of filling up; a few let it finish the last row.
    """
    data = jpeg.bare if jpeg.progressive else jpeg.bare[:-2] + bytes(64)
    with Pillow.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        picture.draft(None, (-(-jpeg.width // fraction), -(-jpeg.height // fraction)))
        return np.asarray(picture)


def _png_or_webp(data: bytes, max_pixels: int, side: int | None) -> DecodedPhoto:
    with Pillow.open(io.BytesIO(data), formats=_WHOLE_FORMATS) as picture:
        _check_size(*picture.size, min(max_pixels, MAX_WHOLE_PIXELS))
        if data.startswith(SIGNATURE) and damaged_pixels(data):
            raise PhotoRejected(Reason.TRUNCATED, "the file is damaged: a checksum of its pixels is wrong")
        picture.load()
        return _photo(picture, picture.size, _orientation(picture), side, None)


def _photo(
    picture: Pillow.Image, size: tuple[int, int], orientation: object, side: int | None, jpeg: bytes | None
) -> DecodedPhoto:
    upright = _rgb(picture, _shrink_factor(picture.size, side))
    turn = _TURNS.get(orientation)
    if turn is not None:  # FLIP_LEFT_RIGHT is 0
        upright = upright.transpose(turn)
    if orientation in _SIDEWAYS:
        size = (size[1], size[0])
    return DecodedPhoto(np.ascontiguousarray(upright, dtype=np.uint8), size, turn is not None, jpeg)


def _shrink_factor(size: tuple[int, int], side: int | None) -> int:
    """The whole number by which a picture of that size can be shrunk."""
    return 1 if side is None else max(1, min(size) // side, -(-max(size) // MAX_SIDE))


def _fraction(size: tuple[int, int], side: int | None) -> int:
    """The part of its size that a JPEG is decoded at: 1, 2, 4 or 8. `_rgb` does the rest."""
    return min(_EIGHTH, 1 << (_shrink_factor(size, side).bit_length() - 1))


def _orientation_of(exif: bytes) -> object:
    directory = Pillow.Exif()
    try:
        directory.load(exif)
        return directory.get(_ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - broken EXIF raises a dozen kinds; a photo is not lost over it
        return None


def _orientation(picture: Pillow.Image) -> object:
    exif: Any = picture.info.get("exif", b"")
    return _orientation_of(exif.removeprefix(b"Exif\0\0"))


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
