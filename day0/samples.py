"""Writes `samples/`: public-domain portraits, and scenes composed of them.

python -m day0.samples --data PORTRAITS
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from day0.scenes import background, enlarged, with_people
from worker.models.detector import Image

SAMPLES = Path(__file__).parents[1] / "samples"
# US Government Publishing Office, public domain; not from the train split.
PORTRAITS = (
    "usg_B001232.jpg",  # elder women
    "usg_D000601.jpg",
    "usg_L000261.jpg",  # elder men
    "usg_K000305.jpg",
    "usg_H001062.jpg",  # adult women
    "usg_H001044.jpg",
    "usg_H001048.jpg",  # adult men
    "usg_G000569.jpg",
)


def main() -> None:
    """Write every sample."""
    parser = argparse.ArgumentParser(prog="python -m day0.samples", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv and photos/")
    source = parser.parse_args().data / "photos" / "us_congress_gpo"
    SAMPLES.mkdir(exist_ok=True)
    for name in PORTRAITS:
        shutil.copyfile(source / name, SAMPLES / name)

    def placed(name: str, height: int, left: int) -> tuple[Pillow.Image, int, int]:
        with Pillow.open(SAMPLES / name) as portrait:
            zoom = height / portrait.height
        return enlarged(SAMPLES / name, zoom), left, 720 - height

    one_person = with_people(background(3), [placed("usg_B001232.jpg", 560, 420)])
    two_people = with_people(background(4), [placed("usg_G000569.jpg", 540, 180), placed("usg_B001232.jpg", 520, 700)])
    _save("kiosk-one-person.jpg", one_person)
    _save("kiosk-two-people.jpg", two_people)
    _save("kiosk-nobody.jpg", np.asarray(background(5)))


def _save(name: str, image: Image) -> None:
    Pillow.fromarray(image).save(SAMPLES / name, "JPEG", quality=85)


if __name__ == "__main__":
    main()
