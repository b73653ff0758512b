"""Files that people write in TOML: settings, menus, recipes and their texts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def read_toml(file: Path) -> dict[str, Any]:
    """The tables of a file. OSError, UnicodeDecodeError; TOMLDecodeError, also when brackets nest too deeply."""
    return parse_toml(file.read_text(encoding="utf-8-sig"))  # editors on Windows write a byte order mark


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a text. TOMLDecodeError, also when brackets nest too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("its brackets are nested too deeply") from None
