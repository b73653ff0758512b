"""The chunks of a PNG. Pillow does not look at the checksums of those that hold the pixels."""

from __future__ import annotations

import zlib
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def damaged_pixels(data: bytes) -> bool:
    """Whether a chunk of pixels differs from its checksum. One that the end of the file cuts has none."""
    at = len(SIGNATURE)
    while (body := at + 8) <= len(data):
        end = body + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            return False
        kind = data[at + 4 : body]
        if kind == b"IDAT" and zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return True
        at = end + 4
    return False
