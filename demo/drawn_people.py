"""Drawn people at a counter: pictures with known labels and without personal data, for demonstrations and tests.

Age shows in hair (grey, white; one in twenty dyes it) and wrinkles, gender in the length of the hair, brows, lips and
beard. This says nothing about real people: it is a task of the same form, which a small network learns in minutes.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from contracts.boxes import Box, LabelledBox
from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS, Label
from worker.models.day_0 import WARM_UP

SIZE: Final = (240, 240)  # pixels of a photo of the demonstration
EMPTY_EVERY: Final = 17  # without empty shops in training, a network finds people in them
_SUPERSAMPLING: Final = 3  # drawn larger by this factor and shrunk, for smooth edges

_Colour = tuple[int, int, int]

_SKINS: Final[Sequence[_Colour]] = ((255, 224, 196), (241, 194, 155), (224, 172, 125), (176, 120, 80), (120, 78, 52))
_DARK_HAIR: Final[Sequence[_Colour]] = ((28, 22, 20), (62, 40, 28), (104, 66, 36), (150, 70, 30), (196, 150, 80))
_GREY_HAIR: Final[Sequence[_Colour]] = ((244, 244, 240), (222, 222, 220), (198, 198, 196), (176, 176, 178))
_CLOTHES: Final[Sequence[_Colour]] = (
    (40, 60, 110),
    (130, 30, 40),
    (40, 100, 70),
    (90, 90, 96),
    (200, 180, 60),
    (60, 30, 80),
)


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """A picture and its people: the label of each, and the box of the head with its hair."""

    jpeg: bytes
    people: tuple[LabelledBox, ...]


def draw(seed: int, *, size: tuple[int, int] = (320, 240), labels: Sequence[Label] | None = None) -> DrawnPicture:
    """Draw a picture; deterministic. `labels` of its people, left to right, up to three; None: random, from the seed.

    `size` is width and height in pixels.
    """
    chance = random.Random(seed)  # noqa: S311 - a drawing, not a secret
    if labels is None:
        labels = chance.choices(LABELS, k=chance.choices((1, 2), weights=(3, 1))[0])
    width, height = (_SUPERSAMPLING * side for side in size)
    image = Image.new("RGB", (width, height))
    pen = ImageDraw.Draw(image)
    _shop(pen, chance, width, height)
    people = []
    for place, label in enumerate(labels):
        tall = height * chance.uniform(0.30, 0.48) / (1 if len(labels) == 1 else 1.25)
        middle_x = width * ((place + 0.5) / len(labels) + chance.uniform(-0.12, 0.12) / len(labels))
        middle_y = height * chance.uniform(0.36, 0.52)
        head = _Head(pen, chance, label, x=middle_x, y=middle_y, tall=tall)
        people.append(LabelledBox(label, head.draw(width, height)))
    image = image.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(chance.uniform(0, 0.6)))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=chance.randint(70, 92))
    return DrawnPicture(data.getvalue(), tuple(people))


def draw_in_turn(first_seed: int, number: int) -> DrawnPicture:
    """A picture with the labels in turn, so that none is missing by chance; every fourth one has a second person."""
    labels = [LABELS[number % 4]]
    if number % 16 >= 12:
        labels.append(LABELS[number // 16 % 4])
    return draw(first_seed + number, size=SIZE, labels=labels)


def draw_folder(folder: Path, count: int, *, first_seed: int) -> Path:
    """Write a YOLO folder of drawn people, all labels equally often, and some empty shops; returns the folder.

    The same pictures drawn again change nothing. FileExistsError when a file exists with another content.
    """
    files = {
        "data.yaml": ("names:\n" + "".join(f"  {index}: {label}\n" for index, label in enumerate(LABELS))).encode()
    }
    for number in range(count):
        empty = number % EMPTY_EVERY == EMPTY_EVERY - 1
        drawn = draw(first_seed + number, size=SIZE, labels=[]) if empty else draw_in_turn(first_seed, number)
        files[f"images/{number:05}.jpg"] = drawn.jpeg
        files[f"labels/{number:05}.txt"] = format_labels(drawn.people, LABELS).encode()
    for name, content in files.items():
        path = folder / name
        if path.exists() and path.read_bytes() != content:
            raise FileExistsError(f"{path} exists with another content")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def draw_trial_picture(path: Path) -> Path:
    """Write the picture in which every model must find a person: a portrait for day 0, and a drawing.

    The drawing fills most of it: a network that was trained for minutes misses heads smaller than it learned.
    """
    drawing = draw(0, size=SIZE, labels=[Label.ADULT_FEMALE]).jpeg
    with Image.open(WARM_UP) as portrait, Image.open(io.BytesIO(drawing)) as drawn:
        both = Image.new("RGB", (drawn.width * 4 // 3, drawn.height * 4 // 3), "grey")
        both.paste(
            portrait.convert("RGB").resize((drawn.width // 3, drawn.width // 3 * portrait.height // portrait.width))
        )
        both.paste(drawn, (both.width - drawn.width, both.height - drawn.height))
    both.save(path, "JPEG", quality=95)
    return path


class _Head:
    """A head. Centre `x`, `y` and height `tall` are in pixels of the large picture, without the rim of the hair."""

    def __init__(
        self, pen: ImageDraw.ImageDraw, chance: random.Random, label: Label, *, x: float, y: float, tall: float
    ) -> None:
        self._pen = pen
        self._chance = chance
        self._elder = label in (Label.ELDER_MALE, Label.ELDER_FEMALE)
        self._female = label in (Label.ELDER_FEMALE, Label.ADULT_FEMALE)
        self._x, self._y = x, y
        self._high, self._wide = tall / 2, tall / 2 * chance.uniform(0.72, 0.84)
        self._skin = chance.choice(_SKINS)
        grey = self._elder and chance.random() > 1 / 20
        self._hair = _near(chance, chance.choice(_GREY_HAIR if grey else _DARK_HAIR), 12)

    def draw(self, width: int, height: int) -> Box:
        """Draw it; returns its box in fractions of the picture."""
        chance, hair_rim = self._chance, 0.14
        self._ellipse(0, 2.35, 2.1, 1.25, fill=_near(chance, chance.choice(_CLOTHES), 20))  # shoulders
        if self._female:
            long = chance.uniform(0.75, 1.15)
            self._ellipse(0, long - 0.3, 1.0 + hair_rim + 0.12, 1.0 + hair_rim - 0.05, fill=self._hair)
        self._ellipse(0, 0.9, 0.42, 0.6, fill=_near(chance, self._skin, 4))  # neck
        self._ellipse(0, -0.12, 1 + hair_rim, 1 + hair_rim * 0.8, fill=self._hair)
        self._ellipse(0, 0.08, 0.94, 0.94, fill=self._skin)
        self._pen.chord(self._frame(0, -0.08, 1.02, 1.02), 205, 335, fill=self._hair)  # the fringe
        self._features()
        x0, x1 = self._x - self._wide * (1 + hair_rim), self._x + self._wide * (1 + hair_rim)
        y0, y1 = self._y - self._high * (1.12 + hair_rim * 0.8), self._y + self._high * 1.02
        return Box(max(x0, 0) / width, max(y0, 0) / height, min(x1, width) / width, min(y1, height) / height)

    def _features(self) -> None:
        chance = self._chance
        shade = _darker(self._skin, 0.72)
        gaze = chance.uniform(-0.04, 0.04)
        for side in (-1, 1):
            x = side * 0.38 + gaze
            self._ellipse(x, -0.05, 0.15, 0.075, fill=(250, 250, 250))
            self._ellipse(x + gaze, -0.05, 0.07, 0.07, fill=(40, 30, 25))
            brow = 0.05 if self._female else 0.1
            self._line([(x - 0.18, -0.24), (x + 0.18, -0.26)], brow, _darker(self._hair, 0.8))
            if self._elder:  # crow's feet, bags, the fold from nose to mouth
                for tilt in (-0.12, 0.0, 0.12):
                    self._line([(x + side * 0.2, -0.05 + tilt / 3), (x + side * 0.4, -0.05 + tilt)], 0.035, shade)
                self._line([(x - 0.12, 0.09), (x, 0.12), (x + 0.12, 0.09)], 0.035, shade)
                self._line([(side * 0.2, 0.25), (side * 0.42, 0.62)], 0.045, shade)
        if self._elder:
            for y in (-0.38, -0.46):
                self._line([(-0.4, y), (0, y - 0.03), (0.4, y)], 0.035, shade)
        self._line([(0, -0.02), (0.09 * (1 if gaze > 0 else -1), 0.26), (-0.05, 0.28)], 0.05, _darker(self._skin, 0.8))
        if not self._female and chance.random() < 0.35:
            self._pen.chord(self._frame(0, 0.42, 0.62, 0.58), 10, 170, fill=_darker(self._hair, 0.9))
        lips = (190, 40, 60) if self._female else _darker(self._skin, 0.6)
        self._line([(-0.22, 0.55), (0, 0.6), (0.22, 0.55)], 0.11 if self._female else 0.06, lips)
        if chance.random() < (0.4 if self._elder else 0.15):  # spectacles
            for side in (-1, 1):
                frame = self._frame(side * 0.38 + gaze, -0.05, 0.26, 0.2)
                self._pen.ellipse(frame, outline=(30, 30, 30), width=int(self._high * 0.04) + 1)

    def _frame(self, x: float, y: float, wide: float, high: float) -> tuple[float, float, float, float]:
        middle_x, middle_y = self._x + x * self._wide, self._y + y * self._high
        reach_x, reach_y = wide * self._wide, high * self._high
        return middle_x - reach_x, middle_y - reach_y, middle_x + reach_x, middle_y + reach_y

    def _ellipse(self, x: float, y: float, wide: float, high: float, *, fill: _Colour) -> None:
        self._pen.ellipse(self._frame(x, y, wide, high), fill=fill)

    def _line(self, points: Sequence[tuple[float, float]], wide: float, fill: _Colour) -> None:
        self._pen.line(
            [(self._x + x * self._wide, self._y + y * self._high) for x, y in points],
            fill=fill,
            width=max(1, round(wide * self._high)),
            joint="curve",
        )


def _shop(pen: ImageDraw.ImageDraw, chance: random.Random, width: int, height: int) -> None:
    """Draw the background: a wall, boards, lamps, a counter."""
    pen.rectangle((0, 0, width, height), fill=_any_colour(chance, 90, 235))
    for _ in range(chance.randint(3, 8)):
        x, y = chance.uniform(-0.1, 1) * width, chance.uniform(-0.1, 0.9) * height
        frame = (x, y, x + chance.uniform(0.05, 0.35) * width, y + chance.uniform(0.05, 0.35) * height)
        (pen.ellipse if chance.random() < 0.3 else pen.rectangle)(frame, fill=_any_colour(chance, 30, 250))


def _any_colour(chance: random.Random, low: int, high: int) -> _Colour:
    return chance.randint(low, high), chance.randint(low, high), chance.randint(low, high)


def _near(chance: random.Random, colour: _Colour, max_shift: int) -> _Colour:
    shift = chance.randint(-max_shift, max_shift)
    red, green, blue = (max(0, min(255, part + shift)) for part in colour)
    return red, green, blue


def _darker(colour: _Colour, share: float) -> _Colour:
    red, green, blue = (round(part * share) for part in colour)
    return red, green, blue
