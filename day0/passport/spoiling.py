"""Light, sharpness and compression of a portrait, spoiled by known amounts. Pure but for what `random` draws."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from day0.mask.outline import Random
from worker.models.detector import Image

NOISE: Final = 4.0  # of a dark photo, in values of 0-255


def lit(image: Image, gain: float, random: Random) -> Image:
    """Every value times `gain`, cut off at white; a dark photo gets the noise of a camera."""
    values = image.astype(np.float32) * np.float32(gain)
    if gain < 1:
        values += random.normal(0, NOISE * (1 - gain), image.shape).astype(np.float32)
    return np.clip(values, 0, 255).astype(np.uint8)


def lit_from_a_side(image: Image, stops: float, middle: float, wide: float, *, from_left: bool) -> Image:
    """One side of the face darker by `stops`. `middle`, `wide`: where the face is, in pixels from the left."""
    across = np.clip((np.arange(image.shape[1]) - middle) / wide + 0.5, 0, 1)
    shade = across if from_left else 1 - across
    soft = shade * shade * (3 - 2 * shade)
    return np.clip(image * (2.0 ** (-stops * soft))[None, :, None], 0, 255).astype(np.uint8)


def blurred(image: Image, radius: float) -> Image:
    """Out of focus; the radius in pixels."""
    return np.asarray(Pillow.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def coarse(image: Image, scale: float) -> Image:
    """Made smaller by `scale` and enlarged again: a small picture on a large page."""
    height, width = image.shape[:2]
    small = Pillow.fromarray(image).resize(
        (max(8, round(width * scale)), max(8, round(height * scale))), Pillow.Resampling.BILINEAR, reducing_gap=2.0
    )
    return np.asarray(small.resize((width, height), Pillow.Resampling.BICUBIC))
