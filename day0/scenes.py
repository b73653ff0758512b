"""Drawn scenes with portraits in them, for the detection rate by distance and for `samples/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from worker.models.detector import Image

FRAME = (1280, 720)  # pixels of a kiosk's photo


def background(seed: int, size: tuple[int, int] = FRAME) -> Pillow.Image:
    """An empty shop, drawn: wall, floor, shelves with boxes and jars, lamps; a little blur and noise of a camera."""
    random = np.random.default_rng(seed)
    width, height = size

    def colour(low: int, high: int) -> tuple[int, int, int]:
        red, green, blue = random.integers(low, high, 3)
        return int(red), int(green), int(blue)

    scene = Pillow.new("RGB", size, colour(150, 220))
    draw = ImageDraw.Draw(scene)
    draw.rectangle((0, int(height * 0.72), width, height), fill=colour(70, 130))
    for shelf in range(3):
        y = int(height * (0.2 + 0.17 * shelf))
        draw.rectangle((0, y, width, y + 8), fill=colour(80, 120))
        x = int(random.integers(0, 60))
        while x < width:
            wide, tall = (int(side) for side in random.integers(25, 80, 2))
            shape = draw.ellipse if random.random() < 0.4 else draw.rectangle
            shape((x, y - tall, x + wide, y), fill=colour(40, 230), outline=colour(20, 90))
            x += wide + int(random.integers(8, 90))
    for x in random.integers(0, width, 3):
        draw.ellipse((int(x), 10, int(x) + 90, 40), fill=(250, 248, 230))
    noisy = np.asarray(scene.filter(ImageFilter.GaussianBlur(1.5))) + random.normal(0, 4, (height, width, 3))
    return Pillow.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def with_people(scene: Pillow.Image, people: Sequence[tuple[Pillow.Image, int, int]]) -> Image:
    """The scene with portraits pasted at (left, top), their rims faded into it. Returns the frame's pixels."""
    frame = scene.copy()
    for portrait, left, top in people:
        rim = max(4, portrait.width // 12)
        mask = Pillow.new("L", portrait.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle(
            (rim, rim, portrait.width - rim, portrait.height), radius=2 * rim, fill=255
        )
        frame.paste(portrait, (left, top), mask.filter(ImageFilter.GaussianBlur(rim / 2)))
    return np.asarray(frame)


def enlarged(portrait: Path, zoom: float) -> Pillow.Image:
    """The portrait, `zoom` times its size."""
    with Pillow.open(portrait) as file:
        width, height = file.size
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        return file.convert("RGB").resize(size, Pillow.Resampling.BICUBIC)
