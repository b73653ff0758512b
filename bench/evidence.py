"""How far photos of one person agree, and what joining them is worth: the number in kiosk/device/evidence.py.

    python -m bench.evidence --data PORTRAITS [--people 160] [--frames 5]

A burst is simulated: each portrait is moved, scaled, darkened or brightened, blurred, given noise, compressed again.
Pose and expression do not change, as they do in a real burst, so real photos agree less than these. Printed: the
correlation of the log-odds of P(elder) within a person, beyond what their group explains (intraclass correlation,
one-way), and the log loss of the joined answer for several correlations, beside that of one photo.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from kiosk.device.evidence import log_odds
from recipes.kiosk.teaching import ELDER_SHARE
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.photos.rules import customer_of

SIDE = 480
SPLITS = ("val", "test")
CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 0.85, 1.0)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.evidence", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", type=int, default=160)
    parser.add_argument("--frames", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(1)
    detector = load_detector(DEFAULT_MANIFEST)
    people: list[tuple[bool, list[float]]] = []
    for file, elder in _drawn(options.data, options.people, random):
        portrait = Image.open(options.data / file).convert("RGB")
        answers = []
        for _ in range(options.frames):
            [found] = detector.detect([_frame(portrait, random)])
            if found and (said := found[customer_of([one.box for one in found])].answers):
                answers.append(said.elder)
        if len(answers) == options.frames:
            people.append((elder, answers))
    print(json.dumps(_figures(people, options.frames), indent=2))


def _drawn(data: Path, count: int, random: np.random.Generator) -> list[tuple[str, bool]]:
    """As many elders as adults, of the people that no network was trained on."""
    with (data / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] in SPLITS]
    drawn: list[tuple[str, bool]] = []
    for group in ("elder", "adult"):
        files = sorted(row["file"] for row in rows if row["age_group"] == group)
        chosen = random.permutation(len(files))[: count // 2]
        drawn += [(files[index], group == "elder") for index in chosen]
    return drawn


def _frame(portrait: Image.Image, random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """One photo of a burst: the same face in a frame of 480 × 480."""
    side = round(SIDE * random.uniform(0.6, 0.8))
    left, top = (round((SIDE - side) * random.uniform(0.3, 0.7)) for _ in range(2))
    frame = Image.new("RGB", (SIDE, SIDE), (120, 120, 120))
    frame.paste(portrait.resize((side, round(side * portrait.height / portrait.width))), (left, top))
    frame = frame.rotate(random.uniform(-6, 6), resample=Image.Resampling.BILINEAR, fillcolor=(120, 120, 120))
    frame = ImageEnhance.Brightness(frame).enhance(random.uniform(0.7, 1.25))
    frame = frame.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.5)))
    noisy = np.asarray(frame, np.float32) + random.normal(0, random.uniform(0, 8), (SIDE, SIDE, 1))
    written = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(written, "JPEG", quality=int(random.integers(60, 91)))
    return np.asarray(Image.open(written).convert("RGB"))


def _figures(people: list[tuple[bool, list[float]]], frames: int) -> dict[str, Any]:
    odds = {
        group: np.array([[log_odds(p) for p in said] for elder, said in people if elder is group])
        for group in (True, False)
    }
    within = statistics.mean(float(rows.var(axis=1, ddof=1).mean()) for rows in odds.values())
    # Of the means of `frames` photos, a part of the variance is the photos' own.
    between = statistics.mean(float(rows.mean(axis=1).var(ddof=1)) - within / frames for rows in odds.values())
    return {
        "people": {"elder": len(odds[True]), "adult": len(odds[False])},
        "frames": frames,
        "intraclass_correlation": round(between / (between + within), 3),
        "log_loss": {
            "one photo": _loss(odds, 1, 1.0),
            **{f"{frames} photos, correlation {r:g}": _loss(odds, frames, r) for r in CORRELATIONS},
        },
    }


def _loss(odds: dict[bool, Any], frames: int, correlation: float) -> float:
    """Log loss in nats, with elders weighted as the calibration assumes them."""
    prior = log_odds(ELDER_SHARE)
    losses: dict[bool, float] = {}
    for elder, rows in odds.items():
        worth = frames / (1 + (frames - 1) * correlation)
        joined = prior + worth * (rows[:, :frames].mean(axis=1) - prior)
        losses[elder] = float(np.logaddexp(0, -joined if elder else joined).mean())
    return round(ELDER_SHARE * losses[True] + (1 - ELDER_SHARE) * losses[False], 4)


if __name__ == "__main__":
    main()
