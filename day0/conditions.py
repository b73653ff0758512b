"""Photos as a shop's camera takes them: in a counter's frame, too bright, too dark, blurred, under a mask.

Each is drawn from a seed of its own. The masks are not those of the training (`day0.network.augment`): other outlines,
other colours, drawn on the photo before the face is cut out.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from day0.scenes import FRAME, background
from worker.models.chips import CANONICAL, similarity
from worker.models.detector import Image
from worker.models.faces import Face

Random = np.random.Generator
AS_IT_IS: Final = "as it is"
SHOP: Final = "in a shop"
MASK: Final = "under a mask"
BRIGHT: Final = "too bright"
BRIGHTER: Final = 1.8
SCENES: Final = 40


def in_a_shop(image: Image, face: Face, random: Random) -> Image:
    """In a drawn shop of 1280 x 720 pixels, the face 70 to 260 pixels wide, as a JPEG."""
    return placed(image, face, float(np.exp(random.uniform(np.log(70), np.log(260)))), random)


def placed(image: Image, face: Face, width: float, random: Random) -> Image:
    """In a drawn shop, the face `width` pixels wide."""
    zoom = width / max(1.0, face.corners[2] - face.corners[0])
    size = max(8, round(image.shape[1] * zoom)), max(8, round(image.shape[0] * zoom))
    resample = Pillow.Resampling.BICUBIC if zoom > 1 else Pillow.Resampling.LANCZOS
    person = Pillow.fromarray(image).resize(size, resample)
    scene = _scene(int(random.integers(SCENES))).copy()
    rim = max(2, size[0] // 40)
    mask = Pillow.new("L", size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((rim, rim, size[0] - rim, size[1] - rim), radius=2 * rim, fill=255)
    left = int(random.uniform(0, max(1, FRAME[0] - size[0])))
    top = int(random.uniform(0, max(1, FRAME[1] - size[1])))
    scene.paste(person, (left, top), mask.filter(ImageFilter.GaussianBlur(rim / 2)))
    return jpeg(np.asarray(scene), int(random.integers(70, 95)))


def too_bright(image: Image, _: Face, __: Random) -> Image:
    """Over-exposed: every value times 1.8, cut off at white."""
    return np.asarray(np.clip(image.astype(np.float32) * BRIGHTER, 0, 255), dtype=np.uint8)


def too_dark(image: Image, _: Face, random: Random) -> Image:
    """Under-exposed by 1.3 to 2.3 stops, with noise."""
    dark = image * 2.0 ** -random.uniform(1.3, 2.3) + random.normal(0, 4, image.shape)
    return np.asarray(np.clip(dark, 0, 255), dtype=np.uint8)


def blurred(image: Image, face: Face, random: Random) -> Image:
    """Out of focus by 3 to 6 % of the face, as a poor JPEG."""
    radius = (face.corners[2] - face.corners[0]) * random.uniform(0.03, 0.06) / 2
    soft = Pillow.fromarray(image).filter(ImageFilter.GaussianBlur(radius))
    return jpeg(np.asarray(soft), int(random.integers(25, 50)))


def masked(image: Image, face: Face, random: Random) -> Image:
    """Under a drawn face mask, from the bridge of the nose to below the chin."""
    (a, b), (x, y) = similarity(CANONICAL, np.array(face.landmarks))
    top, chin, side = random.uniform(0.38, 0.48), random.uniform(1.08, 1.16), random.uniform(0.0, 0.06)
    outline = [
        (side, top + 0.08),
        (0.25, top + 0.02),
        (0.5, top - 0.03),
        (0.75, top + 0.02),
        (1 - side, top + 0.08),
        (0.93 - side, 0.78),
        (0.8, chin - 0.1),
        (0.5, chin),
        (0.2, chin - 0.1),
        (0.07 + side, 0.78),
    ]
    places = [(a * u - b * v + x, b * u + a * v + y) for u, v in outline]
    colours = ((250, 250, 248), (172, 205, 226), (25, 25, 28), (205, 208, 210), (120, 140, 170))
    colour = colours[int(random.integers(len(colours)))]
    cloth = Pillow.new("L", (image.shape[1], image.shape[0]), 0)
    ImageDraw.Draw(cloth).polygon(places, fill=255)
    width = float(np.hypot(a, b))
    cover = np.asarray(cloth.filter(ImageFilter.GaussianBlur(max(0.5, width / 120))), dtype=np.float32)[..., None] / 255
    grey = Pillow.fromarray(image).convert("L").filter(ImageFilter.GaussianBlur(width / 10))
    light = np.asarray(grey, dtype=np.float32)[..., None]
    light = np.clip(light / max(1.0, float(light.mean())), 0.45, 1.25)
    pixels = image * (1 - cover) + np.array(colour, np.float32) * light * cover
    drawn = Pillow.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(drawn)
    for corner, ear in ((places[0], -0.08), (places[4], 1.08)):
        draw.line(
            (*corner, a * ear - b * 0.25 + x, b * ear + a * 0.25 + y), fill=colour, width=max(1, round(width / 60))
        )
    return np.ascontiguousarray(np.asarray(drawn))


@cache
def _scene(seed: int) -> Pillow.Image:
    return background(seed)


def jpeg(image: Image, quality: int) -> Image:
    """The image after a JPEG encoder."""
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "JPEG", quality=quality)
    return np.ascontiguousarray(np.asarray(Pillow.open(file)))


CONDITIONS: Final[Mapping[str, Callable[[Image, Face, Random], Image]]] = {
    AS_IT_IS: lambda image, _, __: image,
    SHOP: in_a_shop,
    MASK: masked,
    BRIGHT: too_bright,
    "too dark": too_dark,
    "blurred": blurred,
}
