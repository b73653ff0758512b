"""Things near a face that are no mask: a scarf below the chin, a sheet of paper beside the face. Pure.

Masks must not be told by pale or patterned cloth anywhere in the photo; so these come with every kind equally often.
"""

from __future__ import annotations

import numpy as np

from day0.mask.cloth import DYED, PALE
from day0.mask.head import Head, Plane, Surface
from day0.mask.light import Colours, Light, pixels_of
from day0.mask.outline import Random
from worker.models.detector import Image
from worker.models.faces import Face

CHIN = 0.98  # a height on the head below every chin


def with_something(image: Image, face: Face, random: Random) -> Image:
    """The photo with a scarf or a sheet of paper; no pixel of the face changes, from the forehead to the chin."""
    head = Head.of(face)
    surface = head.surface(*image.shape[:2])
    outside = np.clip(np.maximum(-surface.rim * head.wide, (surface.down - CHIN) * head.tall) - 3, 0, 1)
    draw = _scarf if random.random() < 0.5 else _paper
    colours, cover = draw(surface, head, random)
    light = Light(image, face, head.wide)
    drawn = light.laid(image.astype(np.float32), colours, cover * outside, random)
    return pixels_of(drawn)


def _scarf(surface: Surface, head: Head, random: Random) -> tuple[Colours, Plane]:
    """Knitted, around the neck."""
    top = random.uniform(CHIN, CHIN + 0.06) - random.uniform(0.2, 0.5) * np.minimum(surface.across**2, 0.5)
    base = np.array(DYED[int(random.integers(len(DYED)))], np.float32)
    stitch = 1 + 0.12 * np.sin((surface.down + np.abs(surface.across) * 0.3) * random.uniform(90, 160))
    folds = 1 + 0.15 * np.sin(surface.down * 22 + surface.across * random.uniform(-9, 9))
    cover = np.clip((surface.down - top) * head.tall + 0.5, 0, 1)
    return (base * (stitch * folds)[..., None]).astype(np.float32), cover.astype(np.float32)


def _paper(surface: Surface, head: Head, random: Random) -> tuple[Colours, Plane]:
    """A plain rectangle as large as a hand, in the colour of a mask."""
    side = random.choice((-1, 1))
    x, y, tilt = side * random.uniform(0.7, 1.0), random.uniform(0.1, 1.2), random.normal(0, 0.2)
    half_wide, half_tall = random.uniform(0.18, 0.32), random.uniform(0.22, 0.4)
    across, down = surface.across - x, surface.down - y
    u, v = across * np.cos(tilt) + down * np.sin(tilt), down * np.cos(tilt) - across * np.sin(tilt)
    cover = np.clip(np.minimum(half_wide - np.abs(u), half_tall - np.abs(v)) * head.wide + 0.5, 0, 1)
    base = np.array(PALE[int(random.integers(len(PALE)))], np.float32)
    return np.broadcast_to(base, (*cover.shape, 3)).astype(np.float32), cover.astype(np.float32)
