"""The picture that shows why: what the head saw of each subject, bright where it speaks for the answer. Pure.

Brightness compares the places of one subject with each other; it is no amount of certainty, and no cause.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from worker.models.detector import Image
from worker.models.evidence import Evidence, Places
from worker.models.regions import crop

MOST_SUBJECTS: Final = 4  # more would be too small to see
PIXELS: Final = 130_000  # of all squares together
SIDE: Final = 320  # pixels of a square, at most
COLOURS: Final = 256  # a byte a pixel at most, so the file stays under 150 KB whatever it shows
GAP: Final = 8
PAPER: Final = (251, 246, 236)
GLOW: Final = (246, 196, 69)


def draw(image: Image, evidence: Sequence[Evidence | None]) -> bytes:
    """A PNG of squares side by side: the first MOST_SUBJECTS subjects of a message, in its order.

    `evidence`: of each subject; the square of one that was not asked (None) stays empty. ValueError without a subject.
    """
    shown = evidence[:MOST_SUBJECTS]
    side = min(SIDE, int((PIXELS / len(shown)) ** 0.5)) if shown else 0
    canvas = Pillow.new("RGB", (len(shown) * (side + GAP) - GAP, side), PAPER)
    for number, each in enumerate(shown):
        if each is not None:
            square = lit(crop(image, each.subject, each.region, side), each.places)
            canvas.paste(Pillow.fromarray(square), (number * (side + GAP), 0))
    written = io.BytesIO()
    palette = canvas.quantize(COLOURS, method=Pillow.Quantize.FASTOCTREE)
    canvas.quantize(palette=palette, dither=Pillow.Dither.FLOYDSTEINBERG).save(written, "PNG")
    return written.getvalue()


def lit(square: Image, places: Places) -> Image:
    """A square picture, dim where the places say least, bright and warm where they say most."""
    heat = brightness(places, square.shape[0])[..., None]
    picture = square.astype(np.float32)
    grey = picture.mean(axis=2, keepdims=True)
    dim = 40 + 0.35 * picture + 0.25 * grey
    warm = 0.85 * picture + 0.15 * np.array(GLOW, np.float32)
    return np.asarray(dim * (1 - heat) + warm * heat).round().clip(0, 255).astype(np.uint8)


def brightness(places: Places, side: int) -> NDArray[np.float32]:
    """The places as a smooth square of side × side, 0-1: 0 up to their median, 1 at the highest."""
    smooth = Pillow.fromarray(places).resize((side, side), Pillow.Resampling.BICUBIC)
    values = np.asarray(smooth, dtype=np.float32)
    low, high = float(np.median(values)), float(values.max())
    if high - low < 1e-6:
        return np.zeros_like(values)  # every place says the same
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), dtype=np.float32)
