"""The segments of a JPEG (ITU-T T.81, annex B), walked as libjpeg walks them; no byte is searched for in a segment.

What is left of a file here is what its pixels need: no metadata, no bytes between segments, nothing after the end, and
an end marker. So a decoder's warnings about that are about pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts.errors import NunchiError

START: Final = b"\xff\xd8"
END: Final = b"\xff\xd9"
MAX_SEGMENTS: Final = 4096  # a phone's depth map takes some hundreds
_EXIF: Final = b"Exif\0\0"
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_START, _SCAN, _END, _JFIF, _EXIF_OR_XMP, _ADOBE, _COMMENT = 0xD8, 0xDA, 0xD9, 0xE0, 0xE1, 0xEE, 0xFE
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})
# A marker within entropy-coded data: neither a stuffed byte, nor a restart, nor the fill before a marker.
_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
# JFIF 1.02 without density and thumbnail. That it is there says that three components are YCbCr.
_PLAIN_JFIF: Final = b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"
_ADOBE_LENGTH: Final = 12
_COEFFICIENTS: Final = 64


class InvalidJpeg(NunchiError):
    """The bytes are not a JPEG that can be decoded; `hostile`: because it has more segments than any camera writes."""

    def __init__(self, text: str, *, hostile: bool = False) -> None:
        super().__init__(text)
        self.hostile = hostile


@dataclass(slots=True)
class Jpeg:
    """A JPEG by its segments. `exif`: the TIFF structure of its first EXIF segment, or b"".

    `bare`: the file without metadata, which decodes to the same pixels, bit for bit.
    """

    width: int = 0
    height: int = 0
    components: int = 0
    progressive: bool = False
    scans: int = 0
    interleaved: bool = False  # all components are in the first scan
    exif: bytes = b""
    bare: bytes = b""
    # For each component the bit, for each coefficient, from which on it was sent; None: not at all.
    _sent: dict[int, list[int | None]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the scans together send every coefficient in full. libjpeg doesn't warn of a scan that is missing."""
        return bool(self._sent) and all(bit == 0 for bits in self._sent.values() for bit in bits)

    def start_frame(self, body: bytes, marker: int) -> None:
        if self._sent or len(body) < 6 or len(body) != 6 + 3 * body[5]:
            raise InvalidJpeg("its frame header is damaged, or is there twice")
        self.height, self.width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
        self.components, self.progressive = body[5], marker in _PROGRESSIVE
        self._sent = {number: [None] * _COEFFICIENTS for number in body[6::3]}
        if not self.width or not self.height or not self._sent:
            raise InvalidJpeg("its frame header has no pixels")

    def start_scan(self, body: bytes) -> bytes:
        """Note what the scan sends; its header, with the numbers that a sequential JPEG's decoder should find."""
        count = body[0] if body else 0
        if not self._sent or not count or len(body) != 4 + 2 * count:
            raise InvalidJpeg("the header of a scan is damaged, or is before the frame header")
        self.scans += 1
        if self.scans == 1:
            self.interleaved = count == self.components
        if not self.progressive:
            body = body[:-3] + bytes([0, _COEFFICIENTS - 1, 0])
        first, last, bits = body[-3:]
        for number in body[1:-3:2]:
            if number not in self._sent or not first <= last < _COEFFICIENTS:
                raise InvalidJpeg("the header of a scan is damaged")
            self._sent[number][first : last + 1] = [bits & 15] * (last + 1 - first)
        return body


def parse(data: bytes) -> Jpeg:
    """The JPEG at the start of `data`; what follows it, such as a motion photo's video, is left out.

    A missing end marker is added. InvalidJpeg when no picture can be decoded from it.
    """
    if not data.startswith(START):
        raise InvalidJpeg("it does not start as a JPEG")
    jpeg = Jpeg()
    parts: list[bytes] = [START]
    adobe = 0
    for number, (marker, body, scan) in enumerate(_segments(data)):
        if number == MAX_SEGMENTS:
            raise InvalidJpeg(f"more than {MAX_SEGMENTS} segments", hostile=True)
        if marker in _FRAMES:
            jpeg.start_frame(body, marker)
        elif marker == _SCAN:
            body = jpeg.start_scan(body)  # noqa: PLW2901 - the header as it is written
        elif marker == _EXIF_OR_XMP and not jpeg.exif and body.startswith(_EXIF):
            jpeg.exif = body[len(_EXIF) :]
        if (kept := _kept(marker, body)) is not None:
            adobe = len(parts) + 2 if marker == _ADOBE else adobe
            parts += [bytes([0xFF, marker]), (len(kept) + 2).to_bytes(2), kept, scan]
    if not jpeg.scans:
        raise InvalidJpeg("it ends before its first scan")
    if adobe and parts[adobe][-1]:  # whatever its number: libjpeg takes three components for YCbCr, four for YCCK
        parts[adobe] = parts[adobe][:-1] + (b"\2" if jpeg.components == 4 else b"\1")
    jpeg.bare = b"".join([*parts, END])
    return jpeg


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Each segment: its marker, its body, and after a scan's header the entropy-coded data. Ends with the data."""
    at = len(START)
    while True:
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) and data[at] == 0xFF:  # fill bytes
            at += 1
        if not 0 <= at < len(data) or data[at] in (_END, _START):  # a second start: the end mark is lost
            return
        marker, at = data[at], at + 1
        if marker == 0 or marker in _WITHOUT_LENGTH:
            continue
        end = at + int.from_bytes(data[at : at + 2])
        if end < at + 2 or end > len(data):
            if marker == _SCAN or end < at + 2:
                raise InvalidJpeg(
                    "it ends within a header" if end > len(data) else "a segment has an impossible length"
                )
            return
        body, at = data[at + 2 : end], end
        if marker == _SCAN:
            after = _MARKER.search(data, end)
            at = after.start() if after else len(data)
        # Fill bytes may precede the marker; a lone one may be the first half of an end marker.
        yield marker, body, data[end:at].rstrip(b"\xff") if marker == _SCAN else b""


def _kept(marker: int, body: bytes) -> bytes | None:
    """The body of a segment as the bare file has it; None when it is left out."""
    if marker == _JFIF:
        if not body.startswith(b"JFIF\0") or len(body) < len(_PLAIN_JFIF):
            return None
        return body[:12] + b"\0\0" if body[5] == 1 else _PLAIN_JFIF  # without its thumbnail
    if marker == _ADOBE:
        # Whether three components are RGB or YCbCr, and four CMYK or YCCK.
        return body[:_ADOBE_LENGTH] if body.startswith(b"Adobe") and len(body) >= _ADOBE_LENGTH else None
    return None if 0xE0 <= marker <= 0xEF or marker == _COMMENT else body


def without_padding(bare: bytes) -> bytes:
    """The bare file without zeros between its last scan and its end marker.

    Some cameras pad a file so. An incomplete upload ends so too; its pixels are missing then.
    """
    return bare[: -len(END)].rstrip(b"\0") + END


def kinds(data: bytes) -> Sequence[int]:
    """The markers of the segments of a JPEG, in order: what a test, or a person, asks about metadata."""
    return [marker for marker, _, _ in _segments(data)]
