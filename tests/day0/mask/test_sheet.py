"""The sheet in the documentation shows what the code draws."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from day0.mask.sheet import SHEET, sheet


def test_the_documented_sheet_is_what_is_drawn_now() -> None:
    """But for its 256 colours."""
    with Pillow.open(SHEET) as file:
        stored = np.asarray(file.convert("RGB")).astype(int)
    assert np.abs(stored - np.asarray(sheet())).mean() < 6
    assert SHEET.stat().st_size < 500_000
