"""Files that people write in TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from contracts.toml_file import parse_toml, read_toml


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    file = tmp_path / "from-windows.toml"
    file.write_bytes(b"\xef\xbb\xbfkey = 1\r\n")
    assert read_toml(file) == {"key": 1}


@pytest.mark.parametrize("text", ["key = " + "[" * 100_000, "key = " + "{a=" * 100_000])
def test_a_file_of_nothing_but_brackets_is_refused_as_one_that_is_no_toml(text: str) -> None:
    """Else every program that reads such a file would end with a trace of a thousand lines."""
    with pytest.raises(tomllib.TOMLDecodeError, match="nested too deeply"):
        parse_toml(text)
