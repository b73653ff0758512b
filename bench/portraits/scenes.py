"""Scenes composed of real faces: heads with soft rims on drawn shoulders, behind a drawn counter, in a drawn shop.

Each scene is drawn from a seed of its own: one to five heads, 40 to 240 pixels wide, tilted, in several lights, some
grey, out of focus, as a JPEG. The labels are those of the data set, the boxes follow from the composition.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from bench.portraits.people import Sitter
from contracts.boxes import Box, LabelledBox
from day0.scenes import background

FRAME: Final = (640, 480)  # pixels
HEADS: Final = (0.45, 0.27, 0.15, 0.08, 0.05)  # share of the scenes with one head, two, ...
FRONT: Final = (90, 240)  # pixels: width of the head of the customer
BEHIND: Final = (40, 130)  # of the others
TILT: Final = 8.0  # degrees, standard deviation
GREY: Final = 0.1  # share of the scenes
EMPTY_EVERY: Final = 20  # without empty shops, a network finds people in them
SHOULDERS: Final = 2.1  # half widths of the head
TRIES: Final = 40  # places for a head, before its person waits for the next scene
SHOPS: Final = 200

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Scene:
    """A JPEG and its people."""

    jpeg: bytes
    people: tuple[LabelledBox, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where what a photo shows of a head goes: centre and half axes of its ellipse, pixels; the tilt in degrees."""

    x: float
    y: float
    wide: float
    tall: float
    tilt: float

    def box(self, person: Sitter) -> Box:
        """The box around the whole head of the person, a tilted ellipse; clipped to the frame."""
        x0, y0, x1, y1 = person.whole
        zoom_x, zoom_y = 2 * self.wide / person.head_width, 2 * self.tall / person.head_height  # frame pixels a photo
        wide, tall = zoom_x * (x1 - x0) / 2, zoom_y * (y1 - y0) / 2
        off_x, off_y = zoom_x * ((x0 + x1) / 2 - person.centre[0]), zoom_y * ((y0 + y1) / 2 - person.centre[1])
        cos, sin = np.cos(np.radians(self.tilt)), np.sin(np.radians(self.tilt))
        x, y = self.x + off_x * cos + off_y * sin, self.y - off_x * sin + off_y * cos
        half_x, half_y = np.hypot(wide * cos, tall * sin), np.hypot(wide * sin, tall * cos)
        width, height = FRAME
        return Box(
            max(0.0, float(x - half_x) / width),
            max(0.0, float(y - half_y) / height),
            min(1.0, float(x + half_x) / width),
            min(1.0, float(y + half_y) / height),
        )

    def hides(self, other: Place) -> bool:
        """Whether the other head is behind this one, or behind its shoulders; with a little air."""
        across, below = abs(self.x - other.x), other.y - self.y
        behind_head = across < 1.1 * (self.wide + other.wide) and abs(below) < 1.1 * (self.tall + other.tall)
        behind_body = across < SHOULDERS * self.wide + other.wide and below + other.tall > 0.9 * self.tall
        return behind_head or (self.wide > other.wide and behind_body)


def scenes(people: Sequence[Sitter], *, seed: int) -> Iterator[Scene]:
    """Scenes until each person has been in one; every EMPTY_EVERY-th is empty."""
    waiting, number = list(people), 0
    while waiting:
        number += 1
        random = np.random.default_rng((seed, number))
        if number % EMPTY_EVERY == 0:
            yield compose([], random)
            continue
        count = 1 + random.choice(len(HEADS), p=HEADS)
        placed = list(zip(waiting, places(waiting[:count], random), strict=False))
        waiting = waiting[len(placed) :]
        yield compose(placed, random)


def places(people: Sequence[Sitter], random: Random) -> list[Place]:
    """A place for each person, the customer first; as many as there is room for, and at least one."""
    found: list[Place] = []
    for number, person in enumerate(people):
        narrow, broad = BEHIND if number else FRONT
        image_width, image_height = person.size
        aspect = person.head_height * image_height / (person.head_width * image_width)
        for _ in range(TRIES):
            wide = float(np.exp(random.uniform(np.log(narrow), np.log(broad)))) / 2
            tall = min(wide * aspect, 0.42 * FRAME[1])
            place = Place(
                float(random.uniform(0.8 * wide, FRAME[0] - 0.8 * wide)),
                float(random.uniform(tall, max(tall + 1, 0.8 * FRAME[1] - tall))),
                wide,
                tall,
                float(np.clip(random.normal(0, TILT), -2.5 * TILT, 2.5 * TILT)),
            )
            if not any(place.hides(other) or other.hides(place) for other in found):
                found.append(place)
                break
        else:
            break
    return found


def compose(placed: Sequence[tuple[Sitter, Place]], random: Random) -> Scene:
    """The scene: far people first, then the counter, then what a camera does."""
    frame = background(int(random.integers(SHOPS)), FRAME)
    for person, place in sorted(placed, key=lambda one: one[1].wide):
        _draw_shoulders(frame, person, place, random)
        _paste_head(frame, person, place)
    _draw_counter(frame, placed, random)
    return Scene(
        _photographed(frame, random), tuple(LabelledBox(person.label, place.box(person)) for person, place in placed)
    )


def _draw_shoulders(frame: Pillow.Image, person: Sitter, place: Place, random: Random) -> None:
    clothes = tuple(int(value) for value in random.integers(25, 220, 3))
    layer = Pillow.new("RGB", frame.size, clothes)
    mask = Pillow.new("L", frame.size, 0)
    draw = ImageDraw.Draw(mask)
    x, y, wide, tall = place.x, place.y, place.wide, place.tall
    draw.rounded_rectangle(
        (x - SHOULDERS * wide, y + 0.95 * tall, x + SHOULDERS * wide, frame.height + 4 * tall),
        radius=1.2 * wide,
        fill=255,
    )
    frame.paste(layer, (0, 0), mask.filter(ImageFilter.GaussianBlur(max(1.0, wide / 25))))
    neck = Pillow.new("L", frame.size, 0)
    ImageDraw.Draw(neck).ellipse((x - 0.5 * wide, y + 0.4 * tall, x + 0.5 * wide, y + 1.25 * tall), fill=255)
    skin = Pillow.new("RGB", frame.size, person.skin)
    frame.paste(skin, (0, 0), neck.filter(ImageFilter.GaussianBlur(max(1.0, wide / 25))))


def _paste_head(frame: Pillow.Image, person: Sitter, place: Place) -> None:
    """The head of the photo, its ellipse on that of the place; the rim a little outside, for hair and chin."""
    photo = Pillow.fromarray(person.photo.read())
    zoom = 2 * place.wide / (person.head_width * photo.width), 2 * place.tall / (person.head_height * photo.height)
    size = max(4, round(photo.width * zoom[0])), max(4, round(photo.height * zoom[1]))
    photo = photo.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=3.0)
    centre_x, centre_y = person.centre[0] * size[0], person.centre[1] * size[1]
    mask = Pillow.new("L", size, 0)
    blur = max(1.0, place.wide / 14)
    rim_x, rim_y = 1.12 * place.wide, 1.08 * place.tall
    ellipse = Pillow.new("L", size, 0)
    ImageDraw.Draw(ellipse).ellipse((centre_x - rim_x, centre_y - rim_y, centre_x + rim_x, centre_y + rim_y), fill=255)
    # Crops end at the forehead or the chin: the rim fades there, too.
    inside = (2 * blur, 2 * blur, size[0] - 2 * blur, size[1] - 2 * blur)
    whole = Pillow.new("L", size, 0)
    ImageDraw.Draw(whole).rounded_rectangle(inside, radius=3 * blur, fill=255)
    mask.paste(ellipse, (0, 0), whole)
    mask = mask.filter(ImageFilter.GaussianBlur(blur))
    corner = (centre_x, centre_y)
    turned = photo.rotate(place.tilt, Pillow.Resampling.BICUBIC, center=corner)
    frame.paste(
        turned,
        (round(place.x - centre_x), round(place.y - centre_y)),
        mask.rotate(place.tilt, Pillow.Resampling.BILINEAR, center=corner),
    )


def _draw_counter(frame: Pillow.Image, placed: Sequence[tuple[Sitter, Place]], random: Random) -> None:
    """A counter with some things on it, below every chin."""
    chin = max((place.y + 1.05 * place.tall for _, place in placed), default=0.0)
    top = max(chin, frame.height * random.uniform(0.78, 0.95))
    draw = ImageDraw.Draw(frame)
    wood = tuple(int(value) for value in random.integers(50, 190, 3))
    draw.rectangle((0, top, frame.width, frame.height), fill=wood)
    draw.rectangle((0, top, frame.width, top + 5), fill=tuple(min(255, value + 40) for value in wood))
    for _ in range(int(random.integers(0, 4))):
        left, wide, tall = random.uniform(0, frame.width), random.uniform(15, 60), random.uniform(10, 40)
        colour = tuple(int(value) for value in random.integers(20, 240, 3))
        draw.rectangle((left, max(top + 6, frame.height - tall), left + wide, frame.height), fill=colour)


def _photographed(frame: Pillow.Image, random: Random) -> bytes:
    """Exposure, tint, noise, focus, at times grey; a JPEG of quality 55 to 95."""
    pixels = np.asarray(frame, dtype=np.float32)
    light = 2.0 ** random.uniform(-0.8, 0.6) * random.uniform(0.93, 1.07, 3)
    pixels = pixels * light + random.normal(0, random.uniform(0, 6), pixels.shape)
    photo = Pillow.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    photo = photo.filter(ImageFilter.GaussianBlur(float(random.choice((0.0, 0.5, 0.9)))))
    if random.random() < GREY:
        photo = photo.convert("L").convert("RGB")
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=int(random.integers(55, 96)))
    return file.getvalue()
