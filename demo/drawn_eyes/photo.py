"""One picture of an animal's eye, as a phone takes it: pose, light, blur, noise, JPEG."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from demo.drawn_eyes.animal import Animal, Sign, Species
from demo.drawn_eyes.canvas import SIDE, Canvas, Colours, Random, noise, over
from demo.drawn_eyes.eye import Look, Parts, eyeball, fur, parts_of, with_hairs, with_light, with_rim
from demo.drawn_eyes.signs import clouded, discharging, reddened, slightly, sore_rim, with_mass

FAINT: Final = 0.45  # the least strength of a sign


def pose(animal: Animal, random: Random) -> Parts:
    """The eye somewhere in the picture's middle."""
    degrees = random.normal(0, 9)
    canvas = Canvas.posed(
        random.uniform(88, 128), 0.5 + random.normal(0, 0.03), 0.5 + random.normal(0, 0.03), np.radians(degrees)
    )
    return parts_of(animal, Look.drawn(random), canvas)


def painted(parts: Parts, sign: Sign, strength: float, random: Random) -> Colours:
    """The eye with a sign, before the camera: (SIDE, SIDE, 3), 0-1. ValueError for a sign of no cat."""
    if sign is Sign.LID_MASS and parts.animal.species is Species.CAT:
        raise ValueError("cats are drawn, and asked about, without lid masses")
    picture = fur(parts, random)
    ball = slightly(parts, eyeball(parts, random), random)
    if sign is Sign.CLOUDY:
        ball = clouded(parts, ball, strength, random)
    elif sign is Sign.RED:
        ball = reddened(parts, ball, strength, random)
    picture = with_rim(parts, over(picture, with_light(parts, ball, random), parts.inside), random)
    if sign is Sign.RED:
        picture = sore_rim(parts, picture, strength, random)
    picture = with_hairs(parts, picture, random)
    if sign is Sign.DISCHARGE:
        picture = discharging(parts, picture, strength, random)
    elif sign is Sign.LID_MASS:
        picture = with_mass(parts, picture, strength, random)
    return np.clip(picture, 0, 1)


def taken(animal: Animal, sign: Sign, random: Random) -> bytes:
    """A picture with the sign, plain or faint, as a JPEG."""
    parts = pose(animal, random)
    return photographed(painted(parts, sign, random.uniform(FAINT, 1.0), random), random)


def photographed(picture: Colours, random: Random) -> bytes:
    """A phone's JPEG: its light, tint, vignette, blur and noise."""
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    tilt = 1 + random.normal(0, 0.10) * columns + random.normal(0, 0.10) * rows
    vignette = 1 - random.uniform(0, 0.3) * np.clip(np.hypot(rows, columns) - 0.5, 0, 1)
    tint = np.exp(random.normal(0, 0.05, 3))
    lit = np.clip(picture, 0, 1) ** random.uniform(0.8, 1.25) * (tilt * vignette)[..., None] * tint
    lit = lit * np.exp(random.normal(0.03, 0.17))
    soft = Image.fromarray((np.clip(lit, 0, 1) * 255).astype(np.uint8))
    draw = random.random()
    soft = soft.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 0.8) if draw < 0.8 else random.uniform(1.0, 2.2)))
    grain = random.uniform(0.5, 5.0) * (random.normal(0, 1, (SIDE, SIDE, 3)) + 0.5 * noise(random, 3)[..., None])
    pixels = np.clip(np.asarray(soft, np.float32) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(random.integers(55, 93)))
    return file.getvalue()
