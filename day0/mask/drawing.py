"""Draws a mask on a face: worn, below the nose, or at the chin. Pure; all chance is in the generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from day0.mask.cloth import drawn_cloth
from day0.mask.head import Head, Plane, Surface
from day0.mask.light import Light, blurred, pixels_of
from day0.mask.outline import Kind, Make, Outline, Random, drawn_outline
from worker.models.detector import Image
from worker.models.faces import Face

MAKES: Final = (Make.SURGICAL, Make.SURGICAL, Make.PANELS, Make.BEAK, Make.CLOTH)
FINER: Final = 2  # cloth is drawn on a grid so much finer than the photo's, or its lines would break up
LOOP_FINER: Final = 4  # and loops, which are thinner
MOST_PIXELS: Final = 4_000_000  # of a photo


def masked(image: Image, face: Face, kind: Kind, random: Random, make: Make | None = None) -> Image:
    """The photo, (height, width, 3) 8-bit RGB, with a mask on that face; the same pixels for `none`.

    `make`: drawn, too, when not given. ValueError for a photo of more than MOST_PIXELS: it would fill the memory.
    """
    height, width = image.shape[:2]
    if height * width > MOST_PIXELS:
        raise ValueError(f"a photo of {width} x {height} pixels is too large to draw on; make it smaller first")
    if kind is Kind.NONE:
        return image.copy()
    if make is None:
        make = MAKES[int(random.integers(len(MAKES)))]
    head = _misplaced(Head.of(face), random)
    outline = drawn_outline(kind, make, head, random)
    fine = _finer(head)
    surface = fine.surface(height * FINER, width * FINER)
    cloth, loops = drawn_cloth(make, outline, surface, random)
    cloth = cloth * _rounded(surface, head.nose)[..., None]
    cover = _coarser(np.clip(outline.inside(surface, fine) + 0.5, 0, 1))
    light = Light(image, face, head.wide)
    pixels = image * (1 - _shadow(cover, head, random))[..., None]
    if random.random() < 0.85:
        loop = _loops(height, width, head, outline, random)[..., None]
        pixels += (light.tinted(loops) * light.white - pixels) * loop
    return pixels_of(light.laid(pixels, _coarser(cloth), cover, random))


def _misplaced(head: Head, random: Random) -> Head:
    """A mask sits a little askew, and landmarks err."""
    x, y = random.normal(0, 0.012, 2)
    turn = complex(*head.right) * np.exp(1j * random.normal(0, 0.03))
    return replace(head, middle=head.pixel(x, y), right=(turn.real, turn.imag))


def _finer(head: Head) -> Head:
    x, y = head.middle
    return replace(head, middle=(x * FINER, y * FINER), wide=head.wide * FINER, tall=head.tall * FINER)


def _coarser(values: Plane) -> Plane:
    height, width, *rest = values.shape
    blocks = values.reshape(height // FINER, FINER, width // FINER, FINER, *rest)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _rounded(surface: Surface, nose: float) -> Plane:
    """How much light the cloth takes: less at the rim and on the chin's underside, most on the ridge over the nose."""
    rim = 0.62 + 0.38 * np.sqrt(surface.facing)
    below = 0.86 - 0.14 * np.tanh((surface.down - 0.86) / 0.1)
    here = np.exp(-(((surface.down - nose) / 0.16) ** 2))
    ridge = np.exp(-((surface.angle / 0.15) ** 2)) - 0.8 * np.exp(-(((np.abs(surface.angle) - 0.4) / 0.15) ** 2))
    return np.asarray(rim * below * (1 + 0.09 * ridge * here), dtype=np.float32)


def _shadow(cover: Plane, head: Head, random: Random) -> Plane:
    """The mask's shadow on the skin: all around it, most below."""
    away = max(1, round(0.035 * head.tall))
    near = blurred(cover, 0.025 * head.wide)
    below = np.pad(near, ((away, 0), (0, 0)))[: cover.shape[0]]
    return np.asarray(random.uniform(0.25, 0.5) * np.maximum(below, 0.5 * near), dtype=np.float32)


def _loops(height: int, width: int, head: Head, outline: Outline, random: Random) -> Plane:
    """How much of each pixel the loops around the ears cover, on the visible side of the head."""
    canvas = Pillow.new("L", (width * LOOP_FINER, height * LOOP_FINER), 0)
    draw = ImageDraw.Draw(canvas)
    thick = max(1, round(random.uniform(0.012, 0.026) * head.wide * LOOP_FINER))
    ear, top, bottom = random.uniform(1.5, 1.62), random.uniform(-0.02, 0.08), random.uniform(0.28, 0.36)
    ways = [(way, np.sin(np.pi * way)) for way in np.linspace(0, 1, 9).tolist()]
    for side in (-1, 1):
        if not head.faces_camera(side * ear, top):
            continue
        edge, tip = side * outline.side * 0.97, side * ear
        for start, end, bend in ((outline.side_top + 0.03, top, -0.02), (outline.side_bottom - 0.03, bottom, 0.03)):
            line = [
                head.place(edge + (tip - edge) * way, start + (end - start) * way + bend * bow) for way, bow in ways
            ]
            draw.line([(x * LOOP_FINER, y * LOOP_FINER) for x, y in line], fill=255, width=thick, joint="curve")
    return np.asarray(canvas.resize((width, height), Pillow.Resampling.BOX), dtype=np.float32) / 255
