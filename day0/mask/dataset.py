"""Writes the dataset that teaches the recipe `mask`: four photos of each person, three with a mask drawn on the face.

    python -m day0.mask.dataset --data DATA --out OUT --split train --people 1000

`--data` is a folder with manifest.csv, photos/ and fairface/. Writes `images/<kiosk>/<image>.jpg` and
`labels/<kiosk>/<image>.json` (contracts.subject_labels); the kiosk is `drawn-<split>`. Only grown-ups: bands that begin
under 18 are left out. An age band that reaches over 30 or 60 is unknown, and so is its answer. The same seed writes the
same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as Pillow

from contracts.names import Reference, new_image_id
from contracts.private_folder import make_private
from contracts.subject_labels import LabelledSubject, SubjectLabels
from day0.conditions import blurred, too_bright, too_dark
from day0.mask.around import with_something
from day0.mask.drawing import masked
from day0.mask.outline import Kind, Random
from day0.mask.people import Person, people
from day0.photos import read_photos
from day0.portrait_dataset import SPLITS, LeftOut, arguments_of, options_of, write_photo
from worker.models.detector import Image

RECIPE: Final = "mask"
ANSWERS: Final = {Kind.WORN: "worn", Kind.NOSE_OUT: "incorrect", Kind.CHIN: "incorrect", Kind.NONE: "none"}
WITH_SOMETHING: Final = 0.15  # the share of photos with a scarf or paper, whatever the mask
SPOILED: Final = {too_bright: 0.1, too_dark: 0.06, blurred: 0.12}  # shares of the photos
FACE: Final = (60.0, 250.0)  # pixels a face is wide, in front of a counter's camera
MOST_ZOOM: Final = 2.0  # a small photo, enlarged further, would only be soft
FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)  # of the image ids; a minute each


def main() -> None:
    """Write the dataset of one split."""
    parser = options_of(
        "python -m day0.mask.dataset", __doc__, data="manifest.csv, photos/ and fairface/", photos="four photos"
    )
    parser.add_argument("--split", choices=SPLITS, required=True)
    arguments = arguments_of(parser)
    write(arguments.data, arguments.out, arguments.split, arguments.people, arguments.seed)


def write(data: Path, out: Path, split: str, count: int, seed: int) -> None:
    """Write the photos and label files, and print how many people of each gender and age there are."""
    left_out, classes, number = LeftOut(), Counter[str](), 0
    make_private(out)
    for number, person in enumerate(people(read_photos(data), split, count, seed, left_out), start=1):
        classes[" ".join((person.answers.get("age", "age unknown"), person.answers["gender"]))] += 1
        for reference, photo, labels in photos_of(person, split, number, seed):
            write_photo(out, reference, photo, labels)
        if number % 50 == 0:
            print(f"{number} of {count} people", flush=True)
    for name, each in sorted(classes.items()):
        print(f"{name}: {each} people")
    print(f"left out: {left_out}")
    print(f"wrote {4 * number} photos of {number} people into {out}")


def photos_of(person: Person, split: str, number: int, seed: int) -> Iterator[tuple[Reference, bytes, SubjectLabels]]:
    """The four photos of a person as JPEGs, with their label files. `number`: the person's place in the dataset."""
    for place, kind in enumerate(Kind):
        sha256 = hashlib.sha256(f"{seed} {person.photo.person} {kind}".encode()).digest()
        random = np.random.default_rng(list(sha256))
        image_id = new_image_id(FIRST_DAY + timedelta(minutes=4 * number + place), sha256[:10])
        labels = LabelledSubject(
            person.subject.box, {"mask": ANSWERS[kind], **person.answers}, group=person.photo.person
        )
        yield (
            Reference(f"drawn-{split}", image_id),
            taken(person, kind, random),
            SubjectLabels(RECIPE, {}, (labels,)),
        )


def taken(person: Person, kind: Kind, random: Random) -> bytes:
    """The person as a shop's camera takes them, with a mask of that kind: a JPEG."""
    image, face = person.image, person.face
    if random.random() < WITH_SOMETHING:
        image = with_something(image, face, random)
    image = masked(image, face, kind, random)
    draw = random.random()
    for spoil, share in SPOILED.items():
        if 0 <= draw < share:
            image = spoil(image, face, random)
        draw -= share
    x0, _, x1, _ = face.corners
    zoom = float(np.exp(random.uniform(*np.log(FACE)))) / (x1 - x0)
    return _jpeg(_zoomed(image, min(zoom, MOST_ZOOM)), int(random.integers(60, 95)))


def _zoomed(image: Image, zoom: float) -> Image:
    size = max(32, round(image.shape[1] * zoom)), max(32, round(image.shape[0] * zoom))
    resample = Pillow.Resampling.BICUBIC if zoom > 1 else Pillow.Resampling.LANCZOS
    return np.asarray(Pillow.fromarray(image).resize(size, resample))


def _jpeg(image: Image, quality: int) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "JPEG", quality=quality)
    return file.getvalue()


if __name__ == "__main__":
    main()
