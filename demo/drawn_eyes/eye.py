"""An eye without a sign: fur, lids, eyeball, iris, pupil, and the light that the cornea throws back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.drawn_eyes.animal import Animal, Species
from demo.drawn_eyes.canvas import Canvas, Colours, Plane, Random, blurred, colour, noise, over, streaks


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the eye looks in one picture: where to, how wide its pupil and its lids are, where its light comes from."""

    gaze: tuple[float, float]
    pupil: float  # 0 narrow to 1 wide
    open: float
    light: tuple[float, float]  # of the brightest reflex

    @classmethod
    def drawn(cls, random: Random) -> Look:
        return cls(
            gaze=(random.uniform(-0.13, 0.13), random.uniform(-0.06, 0.05)),
            pupil=float(random.beta(1.6, 1.6)),
            open=random.uniform(0.88, 1.08),
            light=(random.uniform(-0.3, 0.3), random.uniform(-0.32, -0.1)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Where the parts of an eye are in a picture: distances in units, positive inside, or covers, 0-1."""

    canvas: Canvas
    animal: Animal
    look: Look
    opening: Plane  # distance into the opening between the lids
    inside: Plane  # cover of the opening
    iris: Plane  # distance into the iris
    pupil: Plane  # distance into the pupil
    round: Plane  # distance from the middle of the iris

    def lid(self, across: float, lower: bool) -> tuple[float, float]:
        """The place on a lid's rim at `across`, -1 to 1."""
        top, bottom = _lids(self.animal, self.look, np.float32(across))
        return across, float(bottom if lower else top)


def parts_of(animal: Animal, look: Look, canvas: Canvas) -> Parts:
    """The parts of an animal's eye."""
    u, v = canvas.u, canvas.v
    top, bottom = _lids(animal, look, u)
    high = np.sqrt(
        1 + (2 * animal.top * u) ** 2
    )  # a lid is steep at the corners: a distance is shorter than its height
    opening = np.minimum((v - top) / high, (bottom - v) / high) - np.maximum(np.abs(u) - 1, 0)
    middle_u, middle_v = look.gaze[0], look.gaze[1] - 0.02
    distance = np.hypot(u - middle_u, v - middle_v)
    wide = animal.iris_wide
    if animal.species is Species.DOG:
        pupil = wide * (0.34 + 0.34 * look.pupil) - distance
    else:  # pointed above and below: where two circles overlap
        half = wide * (0.09 + 0.55 * look.pupil)
        tall = wide * (0.84 - 0.08 * look.pupil)
        radius = (half**2 + tall**2) / (2 * half)
        sides = np.maximum(
            np.hypot(u - middle_u - (radius - half), v - middle_v),
            np.hypot(u - middle_u + (radius - half), v - middle_v),
        )
        pupil = radius - sides
    return Parts(
        canvas=canvas,
        animal=animal,
        look=look,
        opening=opening.astype(np.float32),
        inside=canvas.within(opening),
        iris=(wide - distance).astype(np.float32),
        pupil=pupil.astype(np.float32),
        round=distance.astype(np.float32),
    )


def _lids(animal: Animal, look: Look, u: Plane | np.float32) -> tuple[Plane, Plane]:
    """Heights of the lids' rims. The inner corner is lower, and drawn out to a point."""
    inner = u * animal.inner  # 1 at the inner corner
    bow = np.clip(1 - u**2, 0, 1) * (1 - 0.16 * inner)
    tilt = animal.slant * inner
    return np.asarray(tilt - animal.top * look.open * bow), np.asarray(tilt + animal.bottom * bow)


def fur(parts: Parts, random: Random) -> Colours:
    """Hairs that lie away from the eye, lighter and darker ones, in patches."""
    canvas, animal = parts.canvas, parts.animal
    away = np.arctan2(canvas.v * 1.2 + 0.25 * np.abs(canvas.u), canvas.u + 0.5 * animal.inner * -1)
    direction = away + 0.35 * noise(random, 90)
    strands = 0.7 * streaks(random, direction, animal.hair) + 0.5 * streaks(random, direction, 2 * animal.hair + 1)
    share = np.clip(0.5 + 0.2 * strands + 0.16 * noise(random, 70), 0, 1)
    hairs = over(np.broadcast_to(colour(*animal.dark), (*share.shape, 3)), animal.light, share.astype(np.float32))
    fold = np.exp(-(((-parts.opening - 0.33) / 0.06) ** 2)) * (canvas.v < 0)
    depth = 1 - 0.4 * np.exp(np.minimum(parts.opening, 0) / 0.16) - 0.22 * fold
    return np.asarray(hairs * depth[..., None], dtype=np.float32)


def eyeball(parts: Parts, random: Random) -> Colours:
    """The white of the eye, the third lid, iris and pupil."""
    canvas, animal = parts.canvas, parts.animal
    far = np.hypot(canvas.u, canvas.v)
    white = colour(0.88, 0.84, 0.79) * (1.0 - 0.28 * np.clip(far, 0, 1.2)[..., None] ** 2)
    white = white * (1 + 0.025 * noise(random, 14)[..., None])
    corner = canvas.within(canvas.spot(animal.inner * 1.0, animal.slant, 0.2 + animal.third_lid, 0.3), 0.3)
    ball = over(white.astype(np.float32), (0.78, 0.56, 0.52), 0.85 * corner)
    ball = over(ball, _iris(parts, random), canvas.within(parts.iris, 0.05))
    return over(ball, (0.025, 0.022, 0.025), canvas.within(parts.pupil, 0.035))


def _iris(parts: Parts, random: Random) -> Colours:
    """Fibres from the pupil outwards, lighter around it, with a dark edge."""
    canvas, animal, look = parts.canvas, parts.animal, parts.look
    angle = np.arctan2(canvas.v - look.gaze[1], canvas.u - look.gaze[0])
    fibres = streaks(random, angle, 15)
    share = np.clip(parts.round / animal.iris_wide, 0, 1)
    shade = (1.22 - 0.42 * share + 0.09 * fibres) * (1 - 0.55 * np.clip((share - 0.84) / 0.16, 0, 1))
    inner = np.clip(1 - np.abs(parts.pupil) / 0.12, 0, 1) * (parts.pupil < 0)
    warm = colour(*animal.iris) * (1 + 0.25 * inner[..., None] * colour(1.0, 0.7, 0.3))
    return np.clip(warm * shade[..., None], 0, 1).astype(np.float32)


def with_light(parts: Parts, ball: Colours, random: Random) -> Colours:
    """The upper lid's shadow, and the reflexes of a window or a lamp, which lie over everything in the eye."""
    canvas, look = parts.canvas, parts.look
    top, _ = _lids(parts.animal, look, canvas.u)
    shadow = 1 - 0.55 * np.exp(-np.maximum(canvas.v - top, 0) / 0.12)
    ball = np.asarray(ball * shadow[..., None], dtype=np.float32)
    sky = np.clip(canvas.spot(look.gaze[0], look.gaze[1] - 0.34, 0.52, 0.24), 0, 1) * random.uniform(0.05, 0.3)
    ball = over(ball, (0.72, 0.80, 0.90), sky.astype(np.float32))
    u, v = look.gaze[0] + look.light[0], look.gaze[1] + look.light[1]
    wide, turn = random.uniform(0.05, 0.1), random.uniform(-0.5, 0.5)
    if random.random() < 0.5:
        reflex = canvas.within(canvas.spot(u, v, wide, wide * random.uniform(0.7, 1.2), turn), 0.3)
    else:
        across = (canvas.u - u) * np.cos(turn) + (canvas.v - v) * np.sin(turn)
        down = (canvas.v - v) * np.cos(turn) - (canvas.u - u) * np.sin(turn)
        reflex = canvas.within(np.minimum(wide - np.abs(across), 1.3 * wide - np.abs(down)), 0.02)
        reflex = reflex * (np.abs(across) > 0.012)  # a window's frame
    small = canvas.within(canvas.spot(u + random.uniform(0.1, 0.25), v + random.uniform(0.15, 0.4), 0.03), 0.5)
    bright = np.maximum(reflex, 0.6 * small).astype(np.float32)
    return over(ball, (1.0, 1.0, 1.0), 0.95 * blurred(bright, 0.8))


def with_rim(parts: Parts, picture: Colours, random: Random) -> Colours:
    """The hairless rim of the lids, with the wet line of the lower one."""
    canvas, animal = parts.canvas, parts.animal
    wide = np.asarray(animal.rim_wide * (1 + 0.12 * noise(random, 40)), dtype=np.float32)
    band = canvas.within(parts.opening + wide, 0.05) * (1 - canvas.within(parts.opening, 0.02))
    grain = 1 + 0.10 * noise(random, 5)
    rim = np.clip(colour(*animal.rim) * grain[..., None], 0, 1).astype(np.float32)
    picture = over(picture, rim, band.astype(np.float32))
    wet = np.exp(-(((parts.opening + 0.012) / 0.012) ** 2)) * (canvas.v > animal.slant * animal.inner * canvas.u)
    return over(
        picture, (0.95, 0.9, 0.88), (0.35 * wet * np.clip(0.6 + 0.5 * noise(random, 24), 0, 1)).astype(np.float32)
    )


def with_hairs(parts: Parts, picture: Colours, random: Random) -> Colours:
    """Hairs that hang over the rim from above."""
    canvas, animal = parts.canvas, parts.animal
    hang = np.arctan2(np.ones_like(canvas.u), 0.5 * canvas.u + 0.2 * noise(random, 60))
    strands = streaks(random, hang, animal.hair + 8)
    above = np.exp(-np.abs(parts.opening + 0.09) / 0.07) * (canvas.v < animal.slant * animal.inner * canvas.u)
    cover = np.clip((strands - 1.15) * 1.4, 0, 1) * above * random.uniform(0.3, 1.0)
    tone = np.asarray(colour(*animal.light) * 0.5 + colour(*animal.dark) * 0.5, dtype=np.float32)
    return over(picture, tone, cover.astype(np.float32))
