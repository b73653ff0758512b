"""Cuts the faces of the data out, once, as the chips that the network is trained on.

    python -m day0.network.chips --data DATA --out CHIPS

Writes `chips.npy`, (n, SIDE, SIDE, 3) 8-bit RGB, and `chips.csv` with a row for each. A photo without a detected face
is left out, but for tight crops of a face: those are taken as they are.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as Pillow

from day0.evidence import central
from day0.finder import face_finder
from day0.photos import CROPS, Photo, read_photos
from worker.models.chips import Chip, chip
from worker.models.detector import Image

SIDE: Final = 160  # pixels
PADDING: Final = 0.35  # parts of the face, more than the network asks for: training moves and turns the chip
CROP_PADDING: Final = 0.25  # of FairFace's crops, which are aligned as chips are
BATCH: Final = 500
COLUMNS: Final = ("file", "source", "female", "age_low", "age_high", "origin", "split")


def main() -> None:
    """Write the chips of all photos of the data folder."""
    parser = argparse.ArgumentParser(prog="python -m day0.network.chips", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv, photos/ and fairface/")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    photos = read_photos(arguments.data)
    batches = [photos[start : start + BATCH] for start in range(0, len(photos), BATCH)]
    cut: list[tuple[Photo, Chip]] = []
    with ProcessPoolExecutor() as pool:
        for part in pool.map(chips_of, batches):
            cut += part
            print(f"\r{len(cut)} of {len(photos)} photos", end="", flush=True)
    np.save(arguments.out / "chips.npy", np.stack([pixels for _, pixels in cut]))
    with (arguments.out / "chips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([getattr(photo, name) for name in COLUMNS] for photo, _ in cut)
    print(f"\nwrote {len(cut)} chips into {arguments.out}")


def chips_of(photos: Sequence[Photo]) -> list[tuple[Photo, Chip]]:
    """The chips of some photos."""
    finder = face_finder(at_least=0.3)  # every photo shows a face
    cut = []
    for photo in photos:
        image = photo.read()
        face = central(finder.find(image), image)
        if face is not None:
            cut.append((photo, chip(image, face, SIDE, PADDING)))
        elif photo.source == CROPS:
            cut.append((photo, _bordered(image)))
    return cut


def _bordered(crop: Image) -> Chip:
    side = crop.shape[0]
    edge = round(side * (PADDING - CROP_PADDING) / (1 + 2 * CROP_PADDING))
    wide = np.pad(crop, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
    return np.asarray(Pillow.fromarray(wide).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR))


if __name__ == "__main__":
    main()
