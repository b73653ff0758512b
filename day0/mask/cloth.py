"""The cloth of a mask: its colour, pleats, seams, pattern and wrinkles, flat and without light."""

from __future__ import annotations

from typing import Final

import numpy as np

from day0.mask.head import Plane, Surface
from day0.mask.light import Colours
from day0.mask.outline import Make, Outline, Random

PALE: Final = ((168, 204, 226), (150, 190, 222), (246, 247, 247), (236, 240, 243), (176, 216, 196), (240, 196, 206))
PLAIN: Final = ((248, 248, 247), (238, 239, 240), (32, 32, 35), (128, 132, 138), (222, 208, 188), (48, 58, 88))
DYED: Final = (
    *((150, 40, 52), (34, 62, 112), (62, 110, 88), (214, 176, 96), (120, 84, 132)),
    *((226, 222, 214), (36, 36, 40), (112, 146, 186), (206, 128, 142), (92, 84, 78)),
)
COLOURS: Final = {Make.SURGICAL: (*PALE, *PALE, (38, 38, 42)), Make.PANELS: PLAIN, Make.BEAK: PLAIN, Make.CLOTH: DYED}


def drawn_cloth(make: Make, outline: Outline, surface: Surface, random: Random) -> tuple[Colours, Colours]:
    """The colour of each pixel as if all of the photo were cloth, and the colour of the loops, (3,)."""
    top, bottom = outline.edges(surface.angle)
    along = surface.angle / np.float32(outline.side)  # -1 to 1, from side to side
    height = (surface.down - top) / np.maximum(bottom - top, 1e-3)  # 0 at the upper edge, 1 at the lower
    choices = COLOURS[make]
    base = np.clip(np.array(choices[int(random.integers(len(choices)))]) + random.normal(0, 7, 3), 12, 252)
    colours = np.broadcast_to(base, (*height.shape, 3)).astype(np.float32)
    if make is Make.CLOTH and random.random() < 0.75:
        colours = _pattern(colours, surface, random)
    relief = {Make.SURGICAL: _pleats, Make.PANELS: _panels, Make.BEAK: _beak, Make.CLOTH: _hem}[make](
        along, height, random
    )
    relief = relief * _wrinkles(along, height, random)
    # On dark cloth light edges show as much as dark ones do on pale cloth.
    lift = (relief - 1)[..., None] * np.maximum(colours, 90)
    loops = base if make is Make.CLOTH or random.random() < 0.4 else np.array((238, 238, 236))
    return np.clip(colours + lift, 0, 255).astype(np.float32), np.asarray(loops, dtype=np.float32)


def _line(position: Plane, at: Plane | float, wide: float) -> Plane:
    return np.exp(-(((position - at) / wide) ** 2))


def _pleats(along: Plane, height: Plane, random: Random) -> Plane:
    relief = np.ones_like(height)
    first, last = random.uniform(0.26, 0.34), random.uniform(0.66, 0.76)
    for at in np.linspace(first, last, int(random.integers(3, 5))):
        relief += 0.09 * _line(height, at + 0.035, 0.03) - random.uniform(0.16, 0.26) * _line(height, at, 0.018)
    relief -= 0.16 * (_line(height, 0.09, 0.012) + _line(height, 0.93, 0.012) + _line(np.abs(along), 0.92, 0.012))
    relief += 0.06 * (height < 0.09)
    return np.asarray(relief + 0.05 * _line(height, 0.045, 0.02) * _line(along, 0, 0.3))  # the wire over the nose


def _panels(along: Plane, height: Plane, random: Random) -> Plane:
    bow = np.sqrt(np.clip(1 - along**2, 0, 1)) * random.uniform(0.16, 0.23)
    middle = random.uniform(0.47, 0.55)
    upper, lower = middle - bow, middle + bow
    relief = np.where(height < upper, 0.93, np.where(height < lower, 1.03, 0.84))
    relief += 0.06 * _line(height, upper + 0.03, 0.025)
    relief -= random.uniform(0.06, 0.14) * (_line(height, upper, 0.014) + _line(height, lower, 0.014))
    return np.asarray(relief - 0.12 * _line(height, 0.06, 0.012))


def _beak(along: Plane, height: Plane, random: Random) -> Plane:
    lit = random.choice((-1, 1)) * random.uniform(0.03, 0.1)
    relief = 1 + lit * np.tanh(along / 0.03) * np.exp(-np.abs(along) / 0.5) - 0.12 * np.abs(along)
    relief += 0.09 * _line(along, 0.02, 0.02) - random.uniform(0.2, 0.32) * _line(along, 0, 0.013)
    relief -= 0.1 * (_line(height, 0.05, 0.012) + _line(height, 0.95, 0.012) + _line(np.abs(along), 0.9, 0.012))
    return np.asarray(relief)


def _hem(along: Plane, height: Plane, random: Random) -> Plane:
    relief = 1 - 0.14 * (_line(height, 0.06, 0.012) + _line(height, 0.94, 0.012))
    if random.random() < 0.5:
        relief = relief - 0.18 * _line(along, 0, 0.014)
    return np.asarray(relief)


def _wrinkles(along: Plane, height: Plane, random: Random) -> Plane:
    """Soft folds that start at the sides."""
    relief = np.ones_like(height)
    for _ in range(int(random.integers(2, 6))):
        side, start, slope = random.choice((-1.0, 1.0)), random.uniform(0.1, 0.9), random.uniform(-0.4, 0.4)
        inwards = 1 - side * along  # 0 at that side
        fold = _line(height, start + slope * inwards, random.uniform(0.02, 0.06)) * np.exp(-inwards / 0.5)
        relief += random.uniform(-0.13, 0.09) * fold
    return np.asarray(relief)


def _pattern(colours: Colours, surface: Surface, random: Random) -> Colours:
    """Stripes, checks, dots or blotches in a second colour."""
    second = np.array(DYED[int(random.integers(len(DYED)))], np.float32)
    step = random.uniform(0.07, 0.16)
    tilt = random.uniform(-0.5, 0.5)
    u = (surface.angle * 0.5 * np.cos(tilt) - surface.down * np.sin(tilt)) / step
    v = (surface.angle * 0.5 * np.sin(tilt) + surface.down * np.cos(tilt)) / step
    way = int(random.integers(4))
    if way == 0:
        share = np.clip(np.sin(2 * np.pi * v) * 3 + 0.5, 0, 1)
    elif way == 1:
        share = 0.5 * np.clip(np.sin(2 * np.pi * v) * 4 + 0.5, 0, 1) + 0.5 * np.clip(
            np.sin(2 * np.pi * u) * 4 + 0.5, 0, 1
        )
    elif way == 2:
        share = np.clip(6 * (0.3 - np.hypot(u - np.round(u), v - np.round(v))) + 0.5, 0, 1)
    else:
        waves = [random.normal(0, 1.1, 2) for _ in range(6)]
        phases = random.uniform(0, 2 * np.pi, 6)
        share = sum(np.sin(2 * a * u + 2 * b * v + phase) for (a, b), phase in zip(waves, phases, strict=True))
        share = np.clip(share * 1.5, 0, 1)
    return np.asarray(colours + (second - colours) * share[..., None], dtype=np.float32)
