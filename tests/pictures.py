"""Pictures for tests: valid, malformed and hostile uploads."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image


def gradient(width: int = 64, height: int = 48) -> Image.Image:
    """Red grows to the right, green downwards; blue is the same everywhere."""
    x = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, 0)
    y = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, 1)
    return Image.fromarray(np.dstack([x, y, np.full_like(x, 90)]))


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def turned_by_exif(picture: Image.Image, orientation: int) -> bytes:
    """JPEG bytes with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, quality=95, exif=exif)


def with_exif(picture: Image.Image, entries: Sequence[tuple[int, int, int, bytes]], rest: bytes, kind: str) -> bytes:
    """A picture with one EXIF directory of entries (tag, type, count, four bytes of value or offset), then `rest`."""
    directory = b"".join(struct.pack("<HHI", tag, type_, count) + value for tag, type_, count, value in entries)
    tiff = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + rest
    return encoded(picture, kind, exif=b"Exif\0\0" + tiff)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(png: bytes, *chunks: bytes, header: bytes | None = None) -> bytes:
    """The PNG with more chunks before its pixels and, if given, another header; all checksums are valid."""
    signature, rest = png[:8], png[33:]
    return signature + png_chunk(b"IHDR", header or png[16:29]) + b"".join(chunks) + rest


def bomb_png(side: int) -> bytes:
    """A decompression bomb: a PNG of a few hundred bytes whose header claims `side` × `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * min(side, 64)) * 4)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def in_several_scans(jpeg: bytes) -> bytes:
    """A non-interleaved baseline JPEG: its first scan has one of three components; the others are missing."""
    scan = jpeg.index(b"\xff\xda\x00\x0c\x03")
    return jpeg[:scan] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + jpeg[scan + 14 :]
