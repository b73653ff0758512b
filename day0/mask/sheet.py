"""Draws docs/recipes/masks.png: each kind of mask on six of the public-domain portraits of `samples/`.

python -m day0.mask.sheet
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from day0.evidence import central
from day0.finder import face_finder
from day0.mask.drawing import masked
from day0.mask.outline import Kind, Make
from worker.models.detector import Image
from worker.models.faces import Face

ROOT: Final = Path(__file__).parents[2]
SHEET: Final = ROOT / "docs" / "recipes" / "masks.png"
PEOPLE: Final = ("B001232", "G000569", "D000601", "L000261", "H001062", "H001048")
TITLES: Final = {
    Kind.WORN: "worn",
    Kind.NOSE_OUT: "incorrect: below the nose",
    Kind.CHIN: "incorrect: at the chin",
    Kind.NONE: "none",
}
SIDE: Final = 150  # pixels of a portrait
LINE: Final = 22  # and of the title above a row


def main() -> None:
    """Write the sheet."""
    SHEET.parent.mkdir(exist_ok=True)
    few = sheet().quantize(256, Pillow.Quantize.MEDIANCUT, kmeans=10, dither=Pillow.Dither.NONE)  # a third of the bytes
    few.save(SHEET, optimize=True)
    print(f"wrote {SHEET}, {SHEET.stat().st_size:,} bytes")


def sheet() -> Pillow.Image:
    """A row for each kind, a column for each person."""
    picture = Pillow.new("RGB", (len(PEOPLE) * SIDE, len(Kind) * (SIDE + LINE)), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    makes = list(Make)
    for column, name in enumerate(PEOPLE):
        image, face = _portrait(ROOT / "samples" / f"usg_{name}.jpg")
        for row, kind in enumerate(Kind):
            drawn = masked(image, face, kind, np.random.default_rng((column, row)), makes[(column + row) % len(makes)])
            picture.paste(_cut(drawn, face), (column * SIDE, row * (SIDE + LINE) + LINE))
    for row, kind in enumerate(Kind):
        draw.text((4, row * (SIDE + LINE) + 3), TITLES[kind], "black", font)
    return picture


def _portrait(path: Path) -> tuple[Image, Face]:
    with Pillow.open(path) as file:
        image = np.ascontiguousarray(np.asarray(file.convert("RGB")))
    face = central(face_finder().find(image), image)
    assert face is not None
    return image, face


def _cut(image: Image, face: Face) -> Pillow.Image:
    """Head and neck."""
    x0, y0, x1, y1 = face.corners
    half, x, y = 0.78 * (x1 - x0), (x0 + x1) / 2, y0 + 0.5 * (y1 - y0)
    box = (max(0.0, x - half), max(0.0, y - half), min(image.shape[1], x + half), min(image.shape[0], y + half))
    return Pillow.fromarray(image).resize((SIDE, SIDE), Pillow.Resampling.LANCZOS, box)


if __name__ == "__main__":
    main()
