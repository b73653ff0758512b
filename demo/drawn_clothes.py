"""People in drawn clothes of known colours: a portrait's head on a drawn body. For figures about the recipe `lego`.

    python -m demo.drawn_clothes OUT            the samples' heads, each in clothes of several colours

The portraits are the samples of the US Congress (public domain). Clothes have folds, light from one side, and the noise
and compression of a camera; arms are bare below the sleeves. No garment is a photo, so types are not learned from them.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFilter

from recipes.colours import PALETTES, Palette

SAMPLES: Final = Path(__file__).parents[1] / "samples"
BOXES: Final = {  # of the head in each sample, from the chin to the hair, pixels
    "usg_B001232": (86, 76, 351, 375),
    "usg_D000601": (37, 32, 138, 147),
    "usg_H001044": (49, 28, 129, 118),
    "usg_H001062": (28, 30, 138, 154),
    "usg_K000305": (45, 14, 135, 116),
    "usg_L000261": (43, 15, 145, 129),
}
HEADS: Final = tuple(BOXES)
# What people call so; colours of CSS and of paint where one has the name. The worker's centres were not chosen by them.
SHADES: Final = {
    "black": ["#1c1c1c", "#141414"],
    "grey": ["#708090", "#c0c0c0", "#5a5a5a"],
    "white": ["#f8f8ff", "#faf0e6"],
    "beige": ["#f5f5dc", "#deb887", "#d8c3a5"],
    "brown": ["#654321", "#7b3f00", "#8b5a2b"],
    "red": ["#cd5c5c", "#8b0000", "#c41e3a"],
    "orange": ["#ffa500", "#ff7518", "#cc5500"],
    "yellow": ["#ffe135", "#fada5e", "#e4d00a"],
    "green": ["#006400", "#3cb371", "#6b8e23", "#98fb98"],
    "blue": ["#0000ff", "#6495ed", "#0f52ba", "#b0e0e6"],
    "navy": ["#0a1172", "#14213d", "#000066"],
    "purple": ["#9932cc", "#6a0dad", "#b57edc"],
    "pink": ["#ffb6c1", "#f4a6c0", "#ff1493"],
}
Colour = tuple[int, int, int]
SIZE: Final = 480, 960
HEAD: Final = 96  # pixels of its height in the picture
NAMES: Final = PALETTES[Palette.BASIC13]


@dataclass(frozen=True, slots=True)
class Dressed:
    """A drawn person: a JPEG, and the names of the colours of both garments."""

    jpeg: bytes
    head: str
    top: str
    bottom: str


def people(count: int, seed: int = 0) -> Iterator[Dressed]:
    """Each name of a colour in turn, for tops and for bottoms; the same seed draws the same."""
    for number in range(count):
        chance = random.Random(f"{seed} {number}")  # noqa: S311 - it only draws
        top, bottom = NAMES[number % len(NAMES)], NAMES[(number * 5 + 3) % len(NAMES)]
        head = HEADS[number % len(HEADS)]
        yield Dressed(_jpeg(_drawn(head, top, bottom, chance), chance), head, top, bottom)


def shade(name: str, chance: random.Random) -> Colour:
    """A colour that people call so."""
    red, green, blue = ImageColor.getrgb(chance.choice(SHADES[name]))[:3]
    return red, green, blue


def _drawn(head: str, top: str, bottom: str, chance: random.Random) -> Image.Image:
    wall = chance.choice([(196, 202, 206), (170, 186, 196), (214, 208, 196), (150, 158, 150)])
    picture = Image.new("RGB", SIZE, wall)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 880, *SIZE), fill=tuple(value - 60 for value in wall))
    skin = _skin(head)
    upper, lower = shade(top, chance), shade(bottom, chance)
    x, shoulder, hip, knee, foot = 240, 232, 470, 670, 872
    for side in (-1, 1):
        leg, near, far = x + side * 32, x + side * 4, x + side * 66
        pen.polygon(
            [(near, hip - 8), (far, hip - 8), (leg + side * 30, foot - 14), (leg - side * 18, foot - 14)], fill=lower
        )
        pen.line([(leg - side * 2, hip + 20), (leg + side * 4, knee)], fill=_darker(lower, 0.85), width=5)
        pen.ellipse((leg - 22 + side * 8, foot - 22, leg + 30 + side * 8, foot + 4), fill=(40, 36, 34))
    pen.rounded_rectangle((x - 20, 176, x + 20, 250), 14, fill=skin)
    for side in (-1, 1):
        pen.line(
            [(x + side * 90, shoulder + 24), (x + side * 116, 400), (x + side * 108, 490)],
            fill=skin,
            width=34,
            joint="curve",
        )
        pen.line(
            [(x + side * 84, shoulder + 18), (x + side * 112, 370)], fill=_darker(upper, 0.9), width=48, joint="curve"
        )
    pen.polygon(
        [
            (x - 92, shoulder + 6),
            (x - 34, shoulder - 12),
            (x + 34, shoulder - 12),
            (x + 92, shoulder + 6),
            (x + 72, 360),
            (x + 76, hip + 6),
            (x - 76, hip + 6),
            (x - 72, 360),
        ],
        fill=upper,
    )
    pen.ellipse((x - 30, shoulder - 26, x + 30, shoulder + 16), fill=skin)
    for _ in range(5):
        fold = x + chance.randint(-60, 60)
        pen.line(
            [(fold, chance.randint(290, 350)), (fold + chance.randint(-14, 14), chance.randint(380, 450))],
            fill=_darker(upper, 0.86),
            width=4,
        )
    picture = picture.filter(ImageFilter.GaussianBlur(1.6))
    portrait, mask = _head(head)
    picture.paste(portrait, (x - portrait.width // 2, 208 - portrait.height), mask)
    return picture


@cache
def _head(name: str) -> tuple[Image.Image, Image.Image]:
    """The head of a sample, cut out by an ellipse, HEAD pixels from the chin to the hair."""
    left, top, right, bottom = BOXES[name]
    with Image.open(SAMPLES / f"{name}.jpg") as file:
        cut = file.convert("RGB").crop((left, top, right, bottom))
    cut = cut.resize((round(cut.width * HEAD * 1.35 / cut.height), round(HEAD * 1.35)), Image.Resampling.LANCZOS)
    mask = Image.new("L", cut.size, 0)
    ImageDraw.Draw(mask).ellipse((3, 2, cut.width - 3, cut.height - 2), fill=255)
    return cut, mask.filter(ImageFilter.GaussianBlur(2))


@cache
def _skin(name: str) -> Colour:
    """The skin of a head: the middle of its face."""
    portrait = np.asarray(_head(name)[0])
    height, width = portrait.shape[:2]
    red, green, blue = np.median(
        portrait[height * 55 // 100 : height * 70 // 100, width * 3 // 10 : width * 7 // 10], axis=(0, 1)
    )
    return int(red), int(green), int(blue)


def _darker(colour: Colour, by: float) -> Colour:
    red, green, blue = colour
    return round(red * by), round(green * by), round(blue * by)


def _jpeg(picture: Image.Image, chance: random.Random) -> bytes:
    """As a camera takes it: light from one side, brighter or darker, noise, compression."""
    pixels = np.asarray(picture, dtype=np.float32)
    random_numbers = np.random.default_rng(chance.randrange(2**32))
    side = np.linspace(chance.uniform(0.85, 1), chance.uniform(0.85, 1), SIZE[0], dtype=np.float32)
    lit = pixels * side[None, :, None] * chance.uniform(0.85, 1.1)
    noisy = lit + random_numbers.normal(0, 5, pixels.shape)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=chance.randint(60, 92))
    return file.getvalue()


def main() -> None:
    """Write the pictures, each under the colours of its clothes."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.drawn_clothes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    parser.add_argument("--people", type=int, default=26, help="how many (%(default)s)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True)
    for number, person in enumerate(people(arguments.people)):
        (arguments.out / f"{number:03}-{person.top}-{person.bottom}.jpg").write_bytes(person.jpeg)


if __name__ == "__main__":
    main()
