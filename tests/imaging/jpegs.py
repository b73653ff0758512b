"""JPEGs for tests, damaged as people's files are. Built from bytes here; no photo of a person."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from imaging.jpeg import END, kinds
from tests.pictures import encoded

EXIF_MARKER: Final = 0xE1


def scene(width: int = 320, height: int = 240, *, seed: int = 1) -> Image.Image:
    """A picture with as much detail as a photo: soft noise of three sizes, so that every part takes bytes."""
    random = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(random.integers(0, 256, (height // cell + 1, width // cell + 1, 3), dtype=np.uint8)).resize(
                (width, height), Image.Resampling.BICUBIC
            ),
            dtype=np.float32,
        )
        for cell in (64, 16, 4)
    ]
    mixed = 0.5 * layers[0] + 0.35 * layers[1] + 0.15 * layers[2]
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def jpeg(*, progressive: bool = False, **options: object) -> bytes:
    return encoded(scene(), quality=92, progressive=progressive, **options)


def scan_starts(data: bytes) -> list[int]:
    """Where the entropy-coded data of each scan begins, in a file without metadata, as Pillow writes it."""
    starts, at = [], 2
    while data[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == 0xDA:
            starts.append(end)
            while data[end] != 0xFF or data[end + 1] == 0 or 0xD0 <= data[end + 1] <= 0xD7:
                end += 1
        at = end
    return starts


def without_end(data: bytes) -> bytes:
    return data[: -len(END)]


def cut(data: bytes, share: float, *, end: bool) -> bytes:
    """A share of the file's bytes, and an end mark if `end`."""
    return data[: int(share * len(data))] + (END if end else b"")


def hole(data: bytes, start: float, length: float, *, zeros: bool = False) -> bytes:
    """The file without, or with zeros in the place of, a part of its last scan."""
    first = scan_starts(data)[-1]
    room = len(data) - 2 - first
    at, size = first + int(start * room), max(16, int(length * room))
    return data[:at] + (bytes(size) if zeros else b"") + data[at + size :]


def with_camera_metadata(picture: Image.Image, **options: object) -> bytes:
    """What a phone writes beside the pixels: where it was, whose it is, a thumbnail, a comment, a colour profile."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0xA431] = "SERIAL-4711"
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 59.0)
    return encoded(
        picture,
        quality=92,
        exif=exif.tobytes() + b"GPS-PLACE",
        comment=b"OWNER-NAME",
        icc_profile=b"PROFILE" * 99,
        xmp=b"<x:xmpmeta>SERIAL-4711</x:xmpmeta>",
        **options,
    )


def pixels(data: bytes) -> np.ndarray:
    """The stored pixels, by Pillow alone: not turned, not shrunk, nothing checked."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def metadata_of(data: bytes) -> set[int]:
    """The markers of the segments that hold metadata; JFIF's own is none."""
    return {marker for marker in kinds(data) if 0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE)}
