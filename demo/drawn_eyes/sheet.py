"""Draws docs/recipes/eyes.png: every sign on four dogs and on four cats.

python -m demo.drawn_eyes.sheet
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demo.drawn_eyes.animal import SIGNS, Sign, Species, drawn_animal
from demo.drawn_eyes.photo import taken

SHEET: Final = Path(__file__).parents[2] / "docs" / "recipes" / "eyes.png"
ANIMALS: Final = 4  # of each species
SMALL: Final = 132  # pixels of a picture
LINE: Final = 22  # and of the title above a row


def main() -> None:
    """Write the sheet."""
    few = sheet().quantize(256, Image.Quantize.MEDIANCUT, kmeans=10, dither=Image.Dither.NONE)  # a third of the bytes
    few.save(SHEET, optimize=True)


def sheet() -> Image.Image:
    """A row for each sign; dogs on the left, cats on the right."""
    picture = Image.new("RGB", (2 * ANIMALS * SMALL, len(Sign) * (SMALL + LINE)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for row, sign in enumerate(Sign):
        top = row * (SMALL + LINE)
        for half, species in enumerate(Species):
            left = half * ANIMALS * SMALL
            drawn = sign in SIGNS[species]
            pen.text((left + 4, top + 3), f"{species}: {sign}" if drawn else f"{species}: not asked", "black", font)
            for number in range(ANIMALS if drawn else 0):
                animal = drawn_animal(species, np.random.default_rng((half, number)))
                jpeg = taken(animal, sign, np.random.default_rng((half, number, row)))
                with Image.open(io.BytesIO(jpeg)) as photo:
                    picture.paste(
                        photo.resize((SMALL, SMALL), Image.Resampling.LANCZOS), (left + number * SMALL, top + LINE)
                    )
    return picture


if __name__ == "__main__":
    main()
