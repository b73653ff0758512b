"""Text files: what editors on any system write is read alike."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidText
from contracts.text_files import decoded

ROW = "0 0.5 0.5 0.4 0.4\r\n"
MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("encoding", MARKS)
def test_a_label_file_has_the_same_text_in_every_encoding(encoding: str, marked: bool) -> None:
    assert decoded((MARKS[encoding] if marked else b"") + ROW.encode(encoding)) == ROW


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=20))
def test_any_text_with_a_byte_order_mark_is_read(text: str) -> None:
    for encoding, mark in MARKS.items():
        assert decoded(mark + text.encode(encoding)) == text


@pytest.mark.parametrize(
    "content", [b"\xff\xff", b"\xe9l\xe8ve", b"a\0b", ROW.encode("utf-32"), b"\xff\xd8\xff\xe0\0\x10"]
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidText, match="save it as UTF-8"):
        decoded(content)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        assert "\0" not in decoded(content)
    except InvalidText:
        return
