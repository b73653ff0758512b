"""What is drawn for each sign, in a strength from 0 (nothing) to 1 (plain)."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from demo.drawn_eyes.animal import Species
from demo.drawn_eyes.canvas import SIDE, Canvas, Colours, Plane, Random, blurred, colour, noise, over
from demo.drawn_eyes.eye import Parts

_FINER = 2  # vessels are drawn larger by this factor


def clouded(parts: Parts, ball: Colours, strength: float, random: Random) -> Colours:
    """Whitish or bluish: behind the pupil, as a lens is, or over it, as a patch of the cornea is."""
    canvas, look = parts.canvas, parts.look
    milk = colour(0.78, 0.84, 0.90) if random.random() < 0.6 else colour(0.86, 0.86, 0.83)
    texture = np.clip(0.82 + 0.10 * noise(random, 26) + 0.05 * noise(random, 9), 0, 1)
    if random.random() < 0.55:
        in_pupil = canvas.within(parts.pupil - 0.01, 0.05)
        deep = 0.75 + 0.25 * np.clip(parts.pupil / 0.15, 0, 1)
        cover = in_pupil * deep * texture
        halo = 0.25 * canvas.within(parts.iris, 0.2) * (1 - in_pupil)  # the cornea is hazy, too
        cover = np.maximum(cover, halo * texture)
    else:
        u, v = look.gaze[0] + random.normal(0, 0.08), look.gaze[1] + random.normal(0, 0.07)
        wide = random.uniform(0.36, 0.62)
        patch = canvas.spot(u, v, wide, wide * random.uniform(0.75, 1.1), random.uniform(0, np.pi))
        patch = patch + 0.12 * noise(random, 45)
        cover = canvas.within(patch.astype(np.float32), 0.45) * texture
    return over(ball, milk, (strength * cover).astype(np.float32))


def reddened(parts: Parts, ball: Colours, strength: float, random: Random) -> Colours:
    """The white of the eye: pink all over, with vessels from the corners to the iris."""
    canvas = parts.canvas
    outside = canvas.within(-parts.iris + 0.03, 0.06)
    flush = np.clip(0.75 + 0.2 * noise(random, 40), 0, 1) * outside
    ball = over(ball, (0.80, 0.22, 0.20), (0.72 * strength * flush).astype(np.float32))
    vessels = _vessels(parts, round(6 + 30 * strength), random) * outside
    return over(ball, (0.62, 0.06, 0.07), (min(1.0, 0.15 + 0.85 * strength) * vessels).astype(np.float32))


def _vessels(parts: Parts, count: int, random: Random) -> Plane:
    canvas = parts.canvas
    sheet = Image.new("L", (SIDE * _FINER, SIDE * _FINER))
    pen = ImageDraw.Draw(sheet)
    for _ in range(count):
        side = random.choice((-1, 1))
        u, v = side * random.uniform(0.75, 1.0), random.normal(0.05, 0.16)
        heading = np.arctan2(-v + random.normal(0, 0.15), -u)
        points = []
        for _ in range(14):
            column, row = canvas.pixel(u, v)
            points.append((column * _FINER, row * _FINER))
            heading += random.normal(0, 0.28)
            u, v = u + 0.035 * np.cos(heading), v + 0.035 * np.sin(heading)
        pen.line(points, fill=int(random.integers(130, 255)), width=int(random.integers(1, 4)), joint="curve")
    drawn = np.asarray(sheet.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    return blurred(np.asarray(drawn, dtype=np.float32), 0.5)


def sore_rim(parts: Parts, picture: Colours, strength: float, random: Random) -> Colours:
    """The lids' rims, red and a little swollen."""
    canvas, animal = parts.canvas, parts.animal
    wide = animal.rim_wide * (1 + 0.8 * strength)
    band = canvas.within(parts.opening + wide, 0.08) * (1 - canvas.within(parts.opening, 0.02))
    mottled = np.clip(0.75 + 0.25 * noise(random, 12), 0, 1)
    return over(picture, (0.68, 0.22, 0.20), (0.8 * strength * band * mottled).astype(np.float32))


def discharging(parts: Parts, picture: Colours, strength: float, random: Random) -> Colours:
    """Wet, stained fur below the inner corner, and mucus at the corner and along the lower lid."""
    canvas, animal = parts.canvas, parts.animal
    corner_u, corner_v = parts.lid(0.86 * animal.inner, lower=True)
    down = canvas.v - corner_v
    path = corner_u + animal.inner * (0.10 * down + 0.05 * np.sin(4 * down))
    wide = 0.13 + 0.10 * strength + 0.05 * noise(random, 30)
    trail = np.clip(1 - ((canvas.u - path) / wide) ** 2, 0, 1) * np.clip(down / 0.06 + 0.5, 0, 1)
    trail = trail * np.clip(1.0 - down / (0.45 + 0.75 * strength), 0, 1) ** 0.6 * canvas.within(-parts.opening - 0.01)
    picture = over(picture, (0.26, 0.14, 0.09), (0.8 * strength * trail).astype(np.float32))
    hue = colour(0.80, 0.74, 0.42) if random.random() < 0.6 else colour(0.80, 0.79, 0.74)
    mucus = np.zeros((SIDE, SIDE), np.float32)
    for number in range(round(3 + 7 * strength)):
        across = animal.inner * (0.95 - abs(random.normal(0, 0.16)) if number < 4 else random.uniform(-0.4, 0.9))
        u, v = parts.lid(across, lower=True)
        size = random.uniform(0.04, 0.07) * (0.7 + 0.9 * strength) * (1.3 if number < 3 else 0.7)
        blob = canvas.spot(u, v + random.normal(0.01, 0.015), size * random.uniform(1.4, 2.6), size)
        mucus = np.maximum(mucus, np.clip(blob, 0, 1))
    mucus = np.clip(mucus + 0.10 * noise(random, 9) * (mucus > 0), 0, 1).astype(np.float32)
    flat = blurred(mucus, 0.03 * canvas.unit)  # it runs together
    return _lump(canvas, picture, flat, hue, gloss=0.9, strength=min(0.92, 0.5 + 0.5 * strength))


def with_mass(parts: Parts, picture: Colours, strength: float, random: Random) -> Colours:
    """A lump on a lid's rim, which stands out over the eye: pink, grey or dark."""
    canvas = parts.canvas
    tones = ((0.74, 0.44, 0.42), (0.56, 0.40, 0.38), (0.24, 0.16, 0.15), (0.66, 0.52, 0.48))
    tone = colour(*tones[int(random.integers(len(tones)))]) + random.normal(0, 0.03, 3).astype(np.float32)
    across, lower = random.uniform(-0.6, 0.6), random.random() < 0.45
    u, v = parts.lid(across, lower)
    size = 0.11 + 0.17 * strength
    lump = np.clip(canvas.spot(u, v + (0.2 if lower else -0.2) * size, size * random.uniform(1.0, 1.35), size), 0, 1)
    for _ in range(int(random.integers(2, 6))):  # knobbly
        angle = random.uniform(0, 2 * np.pi)
        knob = canvas.spot(u + 0.6 * size * np.cos(angle), v + 0.55 * size * np.sin(angle), size * 0.55)
        lump = np.maximum(lump, np.clip(knob, 0, 1))
    below = canvas.within(canvas.spot(u + 0.02, v + 0.25 * size, size * 1.5, size * 1.35), 0.5)
    picture = over(picture, (0.05, 0.03, 0.03), (0.35 * below).astype(np.float32))
    return _lump(canvas, picture, lump.astype(np.float32), np.clip(tone, 0.05, 0.95), gloss=0.45, strength=1.0)


def _lump(
    canvas: Canvas, picture: Colours, height: Plane, tone: np.ndarray, *, gloss: float, strength: float
) -> Colours:
    """Something that stands out, lit from above, where its height is over 0."""
    smooth = blurred(height, 1.2)
    rise = np.sqrt(np.clip(smooth, 0, 1))
    slope_down, slope_across = np.gradient(rise)
    unit = canvas.unit / 10  # a slope is of pixels
    lit = np.clip(0.92 + unit * (slope_down * 0.55 + slope_across * 0.15), 0.35, 1.35)
    body = np.clip(tone * lit[..., None], 0, 1).astype(np.float32)
    cover = canvas.within(smooth - 0.06, 0.12)
    picture = over(picture, body, (strength * cover).astype(np.float32))
    shine = np.clip((lit - 1.12) * 5, 0, 1) * cover
    return over(picture, (1.0, 0.99, 0.96), (gloss * shine).astype(np.float32))


def slightly(parts: Parts, ball: Colours, random: Random) -> Colours:
    """What an eye without a sign may have: a few vessels, an old animal's faint haze in the pupil."""
    ball = reddened(parts, ball, random.uniform(0.0, 0.12), random)
    if parts.animal.species is Species.DOG and random.random() < 0.3:
        haze = parts.canvas.within(parts.pupil, 0.1) * random.uniform(0.0, 0.12)
        ball = over(ball, (0.6, 0.68, 0.78), haze.astype(np.float32))
    return ball
