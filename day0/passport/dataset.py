"""Writes the dataset that teaches the recipe `face-score`: five photos of each person, spoiled by known amounts.

    python -m day0.passport.dataset --data DATA --out OUT --splits train val --people 1000

`--data` is a folder with manifest.csv and photos/. Writes `images/<kiosk>/<image>.jpg` and, for each, a file
`labels/<kiosk>/<image>.json` (contracts.subject_labels); the kiosk is `spoiled-<first split>`. The same seed writes the
same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as Pillow

from contracts.boxes import Box
from contracts.names import Reference, new_image_id
from contracts.private_folder import make_private
from contracts.subject_labels import LabelledSubject, SubjectLabels
from day0.mask.outline import Random
from day0.passport.framing import ASPECTS, Placed, cut, far_away, mirrored, turned
from day0.passport.people import Sitter, sitters
from day0.passport.score import FLAWS, HEIGHTS, Amounts, Judged, judge
from day0.passport.spoiling import blurred, coarse, lit, lit_from_a_side
from day0.photos import read_photos
from day0.portrait_dataset import SPLITS, LeftOut, arguments_of, options_of, write_photo
from worker.models.detector import Image

RECIPE: Final = "face-score"
PHOTOS: Final = 5  # of each person: as good as it gets, three with one flaw, one with two
DRAWN: Final = tuple(flaw for flaw in FLAWS if flaw != "turned")  # a head that looks away can't be made
PLAIN_TURN: Final = 0.45  # radians; of people who look further away, most photos have no other flaw
FIRST_DAY: Final = datetime(2026, 2, 1, tzinfo=UTC)  # of the image ids; a minute each


def main() -> None:
    """Write the dataset of some splits."""
    parser = options_of(
        "python -m day0.passport.dataset", __doc__, data="manifest.csv and photos/", photos="five photos"
    )
    parser.add_argument("--splits", nargs="+", choices=SPLITS, required=True)
    arguments = arguments_of(parser)
    write(arguments.data, arguments.out, arguments.splits, arguments.people, arguments.seed)


def write(data: Path, out: Path, splits: Sequence[str], count: int, seed: int) -> None:
    """Write the photos and label files, and print how many there are of each flaw and gender."""
    left_out, kinds, number = LeftOut(), Counter[str](), 0
    make_private(out)
    for number, sitter in enumerate(sitters(read_photos(data), splits, count, seed, left_out), start=1):
        for reference, photo, labels in photos_of(sitter, splits[0], number, seed):
            kinds[f"{sitter.gender} {labels.subjects[0].answers['flaw']}"] += 1
            write_photo(out, reference, photo, labels)
        if number % 50 == 0:
            print(f"{number} people", flush=True)
    for name, each in sorted(kinds.items()):
        print(f"{name}: {each} photos")
    print(f"left out: {left_out}")
    print(f"wrote {PHOTOS * number} photos of {number} people into {out}")


def photos_of(sitter: Sitter, split: str, number: int, seed: int) -> Iterator[tuple[Reference, bytes, SubjectLabels]]:
    """The photos of a person as JPEGs, with their label files. `number`: the person's place in the dataset."""
    for place in range(PHOTOS):
        sha256 = hashlib.sha256(f"{seed} {sitter.photo.person} {place}".encode()).digest()
        random = np.random.default_rng(list(sha256))
        image_id = new_image_id(FIRST_DAY + timedelta(minutes=PHOTOS * number + place), sha256[:10])
        flaws = _flaws(place, sitter, random)
        photo, box, judged = taken(sitter, flaws, random)
        answers = {"gender": sitter.gender, "flaw": judged.flaw, "score": round(judged.score, 3)}
        labels = LabelledSubject(box, answers, sitter.photo.person, facts=sitter.facts)
        yield Reference(f"spoiled-{split}", image_id), photo, SubjectLabels(RECIPE, {}, (labels,))


def _flaws(place: int, sitter: Sitter, random: Random) -> Collection[str]:
    """Which flaws a person's photo gets."""
    count = 0 if place == 0 else 2 if place == PHOTOS - 1 else 1
    if abs(sitter.turn) > PLAIN_TURN:
        count = 1 if place == PHOTOS - 1 else 0
    return set(random.choice(DRAWN, size=count, replace=False))


def taken(sitter: Sitter, flaws: Collection[str], random: Random) -> tuple[bytes, Box, Judged]:
    """The person's photo with those flaws as a JPEG, the head's box, and how it is judged."""
    amounts = replace(_good(random), turn=sitter.turn, eyes_px=sitter.eyes_px)
    placed = sitter.placed
    roll = float(random.uniform(-4, 4))
    if "tilted" in flaws:
        roll = float(random.choice((-1, 1)) * random.uniform(10, 28))
    placed = turned(placed, roll - sitter.roll)
    if random.random() < 0.5:
        placed, roll = mirrored(placed), -roll
    placed = _framed(placed, flaws, sitter.gender, random)
    amounts = replace(amounts, roll=roll, height=placed.height, aside=placed.aside)
    image, amounts = _spoiled(placed, amounts, flaws, random)
    quality = int(random.integers(8, 30)) if "unclear" in flaws and random.random() < 0.35 else int(amounts.quality)
    amounts = replace(amounts, quality=quality)
    return _jpeg(image, quality), placed.box, judge(amounts, sitter.gender)


def _good(random: Random) -> Amounts:
    """Amounts at which no flaw is seen."""
    return Amounts(gain=float(2 ** random.uniform(-0.2, 0.2)), quality=float(random.integers(70, 96)))


def _framed(placed: Placed, flaws: Collection[str], gender: str, random: Random) -> Placed:
    least, most = HEIGHTS[gender]
    height = random.uniform(least, most)
    aspect = float(ASPECTS[int(random.integers(len(ASPECTS)))])
    if "far" in flaws and random.random() < 0.7:
        height = random.uniform(0.16, 0.5)
        return far_away(
            placed, height, random.uniform(0, 1) if "aside" in flaws else 0.5, aspect, int(random.integers(99))
        )
    if "far" in flaws:
        height = random.uniform(0.4, 0.58)
    elif "close" in flaws:
        height = random.uniform(most + 0.05, most + 0.28)
    aside = random.choice((-1, 1)) * random.uniform(0.12, 0.3) if "aside" in flaws else random.uniform(-0.05, 0.05)
    return cut(placed, height, float(aside), random.uniform(0.46, 0.54), aspect)


def _spoiled(placed: Placed, amounts: Amounts, flaws: Collection[str], random: Random) -> tuple[Image, Amounts]:
    image = placed.image
    if "unclear" in flaws:
        if random.random() < 0.7:
            amounts = replace(amounts, blur=float(random.uniform(0.04, 0.14)))
            image = blurred(image, amounts.blur * amounts.eyes_px)
        else:
            scale = float(random.uniform(6, 20)) / amounts.eyes_px
            if scale < 1:
                amounts = replace(amounts, eyes_px=amounts.eyes_px * scale)
                image = coarse(image, scale)
    if "uneven" in flaws:
        stops = float(random.uniform(0.8, 2.4))
        amounts = replace(amounts, uneven=stops)
        image = lit_from_a_side(image, stops, placed.middle[0], 0.8 * placed.wide, from_left=random.random() < 0.5)
    if "dark" in flaws:
        amounts = replace(amounts, gain=float(2 ** -random.uniform(0.55, 2.0)))
    elif "bright" in flaws:
        amounts = replace(amounts, gain=float(2 ** random.uniform(0.4, 1.2)))
    return lit(image, amounts.gain, random), amounts


def _jpeg(image: Image, quality: int) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "JPEG", quality=quality)
    return file.getvalue()


if __name__ == "__main__":
    main()
