"""Draws a mask on a face: worn, below the nose, or at the chin. Pure; all chance is in the generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from day0.mask.cloth import Colours, drawn_cloth
from day0.mask.head import Head, Plane, Surface
from day0.mask.outline import Kind, Make, Outline, Random, drawn_outline
from worker.models.detector import Image
from worker.models.faces import Face

MAKES: Final = (Make.SURGICAL, Make.SURGICAL, Make.PANELS, Make.BEAK, Make.CLOTH)
FINER: Final = 4  # loops are drawn on a grid so much finer than the photo's
LUMA: Final = np.array((0.299, 0.587, 0.114), np.float32)


def masked(image: Image, face: Face, kind: Kind, random: Random, make: Make | None = None) -> Image:
    """The photo, (height, width, 3) 8-bit RGB, with a mask on that face; the same pixels for `none`.

    `make`: drawn, too, when not given. Landmarks that are visible stay visible: eyes always, the nose below `nose_out`.
    """
    if kind is Kind.NONE:
        return image.copy()
    if make is None:
        make = MAKES[int(random.integers(len(MAKES)))]
    head = _misplaced(Head.of(face), random)
    surface = head.surface(*image.shape[:2])
    outline = drawn_outline(kind, make, head, random)
    cover = np.clip(outline.inside(surface, head) + 0.5, 0, 1)
    cloth, loops = drawn_cloth(make, outline, surface, random)
    photo = image.astype(np.float32)
    cloth = _lit(cloth, photo, face, surface, head)
    if _is_grey(photo):
        cloth = np.repeat((cloth @ LUMA)[..., None], 3, axis=2)
        loops = (round(float(np.array(loops) @ LUMA)),) * 3
    # As soft as a camera's lens and JPEG leave an edge.
    soft = max(0.4, 0.006 * head.wide)
    cover, cloth = _blurred(cover, soft), _blurred(cloth, soft)
    cloth = cloth + random.normal(0, _noise(photo), image.shape)
    pixels = photo * (1 - _shadow(cover, head, random))[..., None]
    if random.random() < 0.85:
        loop = _loops(image, head, outline, random)[..., None]
        pixels += (np.array(loops) * _exposure(photo, face) - pixels) * loop
    pixels += (cloth - pixels) * cover[..., None]
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _misplaced(head: Head, random: Random) -> Head:
    """A mask sits a little askew, and landmarks err."""
    x, y = random.normal(0, 0.012, 2)
    turn = complex(*head.right) * np.exp(1j * random.normal(0, 0.03))
    return replace(head, middle=head.pixel(x, y), right=(turn.real, turn.imag))


def _lit(cloth: Colours, photo: Colours, face: Face, surface: Surface, head: Head) -> Colours:
    """The cloth in the photo's light: its exposure, its bright and dark side, rounded at the rim and below."""
    grey = _blurred(photo @ LUMA, 0.16 * head.wide)
    x0, y0, x1, y1 = _inside(face, photo)
    light = np.clip(grey / max(1.0, float(grey[y0:y1, x0:x1].mean())), 0.5, 1.4) ** 0.6
    round_off = 0.62 + 0.38 * np.sqrt(surface.facing)
    below = 1 - 0.28 / (1 + np.exp(-(surface.down - 0.86) / 0.05))  # the chin's underside looks down
    return np.asarray(cloth * (light * round_off * below * _exposure(photo, face))[..., None], dtype=np.float32)


def _exposure(photo: Colours, face: Face) -> float:
    """How bright white is in this photo, 0-1."""
    x0, y0, x1, y1 = _inside(face, photo)
    grey = photo @ LUMA
    brightest = max(float(np.percentile(grey, 95)), float(np.percentile(grey[y0:y1, x0:x1], 98)))
    return float(np.clip(brightest / 235, 0.35, 1.05))


def _inside(face: Face, photo: Colours) -> tuple[int, int, int, int]:
    """The face's box inside the photo, at least one pixel."""
    height, width = photo.shape[:2]
    x0, y0 = (min(max(0, round(value)), limit - 1) for value, limit in zip(face.corners[:2], (width, height), strict=True))
    return x0, y0, max(x0 + 1, round(face.corners[2])), max(y0 + 1, round(face.corners[3]))


def _shadow(cover: Plane, head: Head, random: Random) -> Plane:
    """The mask's shadow on the skin: all around it, most below."""
    away = max(1, round(0.035 * head.tall))
    near = _blurred(cover, 0.025 * head.wide)
    below = np.pad(near, ((away, 0), (0, 0)))[: cover.shape[0]]
    return np.asarray(random.uniform(0.25, 0.5) * np.maximum(below, 0.5 * near))


def _loops(image: Image, head: Head, outline: Outline, random: Random) -> Plane:
    """How much of each pixel the loops around the ears cover, on the visible side of the head."""
    height, width = image.shape[:2]
    canvas = Pillow.new("L", (width * FINER, height * FINER), 0)
    draw = ImageDraw.Draw(canvas)
    thick = max(1, round(random.uniform(0.012, 0.026) * head.wide * FINER))
    ear, top, bottom = random.uniform(1.5, 1.62), random.uniform(-0.02, 0.08), random.uniform(0.28, 0.36)
    for side in (-1, 1):
        if not head.faces_camera(side * ear, top):
            continue
        for start, end, bend in ((outline.side_top + 0.03, top, -0.02), (outline.side_bottom - 0.03, bottom, 0.03)):
            edge, tip = side * outline.side * 0.97, side * ear
            ways = np.linspace(0, 1, 9)
            line = [
                head.place(edge + (tip - edge) * float(way), start + (end - start) * float(way) + bend * np.sin(np.pi * way))
                for way in ways
            ]
            draw.line([(x * FINER, y * FINER) for x, y in line], fill=255, width=thick, joint="curve")
    return np.asarray(canvas.resize((width, height), Pillow.Resampling.BOX), dtype=np.float32) / 255


def _noise(photo: Colours) -> float:
    """The standard deviation of the photo's noise, from what a small blur takes away."""
    grey = photo @ LUMA
    return float(np.clip(1.5 * np.median(np.abs(grey - _blurred(grey, 1.0))), 0.3, 5))


def _is_grey(photo: Colours) -> bool:
    return bool(np.abs(photo - photo.mean(axis=2, keepdims=True)).mean() < 2)


def _blurred(values: Plane | Colours, radius: float) -> Plane:
    """Blurred by a Gaussian of that standard deviation in pixels; one plane, or each of three."""
    if values.ndim == 3:
        return np.stack([_blurred(values[..., channel], radius) for channel in range(values.shape[2])], axis=2)
    plane = Pillow.fromarray(values.astype(np.float32))
    return _gaussian(np.asarray(plane), radius)


def _gaussian(plane: Plane, radius: float) -> Plane:
    reach = max(1, int(np.ceil(3 * radius)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        edges = [(reach, reach) if each == axis else (0, 0) for each in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(plane, edges, mode="edge"), len(kernel), axis=axis)
        plane = windows @ kernel.astype(np.float32)
    return np.asarray(plane, dtype=np.float32)
