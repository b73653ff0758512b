"""Spoils a chip as shops spoil photos: light, blur, JPEG, distance, angle, masks, hats, hands.

Everything is drawn from one generator, so a seed remakes a run. Coordinates in a chip: see `worker.models.faces`.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from day0.network.chips import PADDING, SIDE
from worker.models.chips import Chip

Random = np.random.Generator
ASKED: Final = 0.25  # padding of the chips that the worker asks with
MASKS: Final = ((235, 238, 240), (150, 190, 225), (35, 35, 40), (120, 125, 130), (230, 190, 200), (60, 90, 150))  # RGB


def augmented(chip: Chip, side: int, random: Random) -> Chip:
    """One more photo of that person, (side, side, 3)."""
    pixels = chip.copy()
    draw = random.random()
    if draw < 0.12:
        draw_mask(pixels, random)
    elif draw < 0.18:
        draw_hat(pixels, random)
    elif draw < 0.28:
        draw_block(pixels, random)
    pixels = moved(pixels, side, random)
    pixels = lit(pixels, random)
    return poorer(pixels, random)


def plain(chip: Chip, side: int, padding: float = ASKED) -> Chip:
    """The chip as the worker cuts it."""
    half = SIDE * (1 + 2 * padding) / (1 + 2 * PADDING) / 2
    scale = 2 * half / side
    matrix = np.array([(scale, 0, SIDE / 2 - half), (0, scale, SIDE / 2 - half)])
    return _warped(chip, matrix, side)


def moved(chip: Chip, side: int, random: Random) -> Chip:
    """Turned, scaled and shifted, as landmarks err; mirrored in half of all cases."""
    angle = np.deg2rad(random.normal(0, 7))
    padding = random.uniform(0.12, 0.36)
    size = SIDE * (1 + 2 * padding) / (1 + 2 * PADDING) / side
    stretch = np.exp(random.normal(0, 0.05))
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))]) * size
    turn = turn @ np.diag((stretch * (1 if random.random() < 0.5 else -1), 1 / stretch))
    centre = SIDE / 2 + random.normal(0, 0.03, 2) * SIDE
    return _warped(chip, np.column_stack([turn, centre - turn @ (side / 2, side / 2)]), side)


def lit(chip: Chip, random: Random) -> Chip:
    """Over- and under-exposed, with a colour cast, from one side, grey."""
    light = chip.astype(np.float32) / 255
    if random.random() < 0.5:
        light = light ** np.float32(np.exp(random.normal(0, 0.3)))
        light *= np.float32(np.exp(random.normal(0.05, 0.25)))
    if random.random() < 0.12:  # a window behind the camera, a lamp above
        light *= np.float32(random.uniform(1.4, 2.0))
    if random.random() < 0.4:
        light *= np.exp(random.normal(0, 0.08, 3)).astype(np.float32)
    if random.random() < 0.2:  # light from one side
        start, end = (float(value) for value in np.exp(random.normal(0, 0.35, 2)))
        slope = np.linspace(start, end, chip.shape[1], dtype=np.float32)
        light *= slope[None, :, None] if random.random() < 0.7 else slope[:, None, None]
    if random.random() < 0.3:
        middle = light.mean()
        light = (light - middle) * np.float32(random.uniform(0.6, 1.25)) + middle
    if random.random() < 0.12:
        light = np.repeat(light @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    if random.random() < 0.25:
        light = light + random.standard_normal(light.shape, np.float32) * np.float32(random.uniform(0.01, 0.06))
    return np.asarray(np.clip(light * 255, 0, 255), dtype=np.uint8)


def poorer(chip: Chip, random: Random) -> Chip:
    """Blurred, moved while the shutter was open, from far away, strongly compressed."""
    side = chip.shape[0]
    if random.random() < 0.3:
        small = int(random.uniform(0.28, 0.8) * side)
        there = cv2.INTER_AREA if random.random() < 0.7 else cv2.INTER_LINEAR
        back = cv2.INTER_LINEAR if random.random() < 0.6 else cv2.INTER_CUBIC
        chip = cv2.resize(cv2.resize(chip, (small, small), interpolation=there), (side, side), interpolation=back)
    draw = random.random()
    if draw < 0.1:
        chip = cv2.GaussianBlur(chip, (0, 0), random.uniform(0.5, 0.018 * side))
    elif draw < 0.18:
        length = int(random.integers(3, max(5, side // 12)))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), random.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        chip = cv2.filter2D(chip, -1, kernel / max(kernel.sum(), 1e-6))
    if random.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(20, 85))]
        chip = cv2.imdecode(cv2.imencode(".jpg", chip, quality)[1], cv2.IMREAD_COLOR)
    return np.asarray(chip)


def draw_mask(chip: Chip, random: Random) -> None:
    """A face mask: from the bridge of the nose, or under the nose, to below the chin."""
    top = random.uniform(0.36, 0.5) if random.random() < 0.85 else random.uniform(0.56, 0.66)
    wide, chin = random.uniform(0.0, 0.1), random.uniform(1.05, 1.2)
    outline = _places(
        [
            (wide, top + random.uniform(0.02, 0.1)),
            (0.3, top + 0.03),
            (0.5, top + random.uniform(-0.06, 0.02)),
            (0.7, top + 0.03),
            (1 - wide, top + random.uniform(0.02, 0.1)),
            (0.95 - wide, 0.8),
            (0.72, chin - 0.04),
            (0.5, chin),
            (0.28, chin - 0.04),
            (0.05 + wide, 0.8),
        ],
        random,
    )
    colour = _shade(MASKS[random.integers(len(MASKS))], random)
    cover = np.zeros(chip.shape[:2], np.uint8)
    cv2.fillPoly(cover, [outline], 255, cv2.LINE_AA)
    cloth = np.empty_like(chip)
    cloth[:] = colour
    for fold in range(int(random.integers(0, 4))):
        y = int((top + 0.15 * (fold + 1) + PADDING) / (1 + 2 * PADDING) * SIDE)
        cv2.line(cloth, (0, y), (SIDE, y + int(random.integers(-4, 5))), (colour * 0.85).tolist(), 1, cv2.LINE_AA)
    # The cloth takes some of the light that falls on the face.
    light = cv2.GaussianBlur(chip.mean(axis=2).astype(np.float32), (0, 0), 8)
    light = np.clip(light / max(float(light.mean()), 1.0), 0.5, 1.4)[..., None]
    strength = (cv2.GaussianBlur(cover, (0, 0), 0.8)[..., None] / 255).astype(np.float32)
    chip[:] = np.clip(chip * (1 - strength) + cloth * light * strength, 0, 255)
    for ear, edge in ((outline[0], -0.1), (outline[4], 1.1)):
        end = _places([(edge, random.uniform(0.15, 0.35))], random)[0]
        cv2.line(chip, ear.tolist(), end.tolist(), colour.tolist(), 1, cv2.LINE_AA)


def draw_hat(chip: Chip, random: Random) -> None:
    """A hat or a cap: everything above a line over the eyes, sometimes with a brim."""
    line = random.uniform(-0.15, 0.08)
    colour = _shade(tuple(random.integers(10, 240, 3)), random)
    bend = random.uniform(-0.08, 0.08)
    outline = _places(
        [(-0.35, line + bend), (0.5, line - bend), (1.35, line + bend), (1.35, -0.5), (-0.35, -0.5)], random
    )
    cv2.fillPoly(chip, [outline], colour.tolist(), cv2.LINE_AA)
    if random.random() < 0.5:
        brim = _places([(-0.1, line + 0.06), (0.5, line + 0.12), (1.1, line + 0.06), (1.1, line), (-0.1, line)], random)
        cv2.fillPoly(chip, [brim], (colour * 0.6).tolist(), cv2.LINE_AA)


def draw_block(chip: Chip, random: Random) -> None:
    """A hand, a phone, another head: a filled ellipse or rectangle over a part of the face."""
    x, y = (int(value) for value in random.integers(0, SIDE, 2))
    wide, tall = (int(value) for value in random.integers(SIDE // 10, SIDE // 3, 2))
    colour = _shade(tuple(random.integers(0, 255, 3)), random).tolist()
    if random.random() < 0.5:
        cv2.ellipse(chip, (x, y), (wide, tall), random.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    else:
        cv2.rectangle(chip, (x, y), (x + wide, y + tall), colour, -1)


def _places(points: list[tuple[float, float]], random: Random) -> NDArray[np.int32]:
    places = (np.array(points) + random.normal(0, 0.012, (len(points), 2)) + PADDING) / (1 + 2 * PADDING) * SIDE
    return np.asarray(np.round(places), dtype=np.int32)


def _shade(colour: tuple[int, ...], random: Random) -> NDArray[np.float64]:
    return np.clip(np.array(colour) * random.uniform(0.75, 1.1) + random.normal(0, 8, 3), 0, 255)


def _warped(chip: Chip, matrix: NDArray[np.float64], side: int) -> Chip:
    """`matrix` takes places in the result to places in the chip."""
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    if scale > 1.2:  # bilinear sampling alone would skip pixels
        chip = cv2.GaussianBlur(chip, (0, 0), 0.45 * float(scale))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(chip, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE))
