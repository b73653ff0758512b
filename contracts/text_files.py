"""Text files of people: UTF-8 with or without a byte order mark, and UTF-16, as editors on Windows write them."""

from __future__ import annotations

import codecs
from typing import Final

from contracts.errors import InvalidText

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(content: bytes) -> str:
    """The text, without its byte order mark. InvalidText when it is neither UTF-8 nor UTF-16."""
    if content.startswith(codecs.BOM_UTF32_LE):
        raise InvalidText("it is UTF-32; save it as UTF-8")
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.removeprefix("\ufeff")
    raise InvalidText("it is not text in UTF-8 or UTF-16; save it as UTF-8")


def _encodings(content: bytes) -> tuple[str, ...]:
    if content.startswith(_UTF_16):
        return ("utf-16",)
    # Without a mark, ASCII in UTF-16 has a zero in every second byte.
    if content[:1] == b"\0":
        return ("utf-16-be",)
    return ("utf-16-le",) if content[1:2] == b"\0" else ("utf-8",)
