"""Photos for benchmarks: portraits of samples/ on a drawn background, 1280 × 720, each with its own noise."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

SAMPLES: Final = Path(__file__).parents[1] / "samples"
SIZE: Final = (1280, 720)


def frames(count: int, *, seed: int = 1) -> list[bytes]:
    """`count` JPEGs of about 150 KB with one person each; the same seed gives the same bytes."""
    random = np.random.default_rng(seed)
    portraits = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.jpg")) if _is_portrait(path)]
    if not portraits:
        raise SystemExit(f"bench: no portraits in {SAMPLES}; nothing was measured")
    return [_frame(portraits[number % len(portraits)], random) for number in range(count)]


def _is_portrait(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.height >= picture.width


def _frame(portrait: Image.Image, random: np.random.Generator) -> bytes:
    width, height = SIZE
    shade = np.linspace(90, 170, height)[:, None, None] + random.normal(0, 6, (height, width, 1))
    scene = Image.fromarray((shade + random.uniform(-20, 20, 3)).clip(0, 255).astype(np.uint8))
    person_height = int(random.integers(520, 660))  # a head of about 250 pixels: a customer at the counter
    person = portrait.resize(
        (round(portrait.width * person_height / portrait.height), person_height), Image.Resampling.LANCZOS
    )
    scene.paste(person, (int(random.integers(250, 650)), height - person_height))
    target = io.BytesIO()
    scene.save(target, "JPEG", quality=88)
    return target.getvalue()
