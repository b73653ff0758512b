"""The colours that a head may measure, by name. What each looks like is the worker's (worker/models/colour.py)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Palette(StrEnum):
    """A set of colour names."""

    BASIC13 = "basic13"


PALETTES: Final[Mapping[Palette, tuple[str, ...]]] = {
    Palette.BASIC13: (
        "black",
        "grey",
        "white",
        "beige",
        "brown",
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "navy",
        "purple",
        "pink",
    )
}
