"""Writes the dataset that teaches the recipe `lego` what can be learned from free portraits: gender, from the face.

    python -m day0.lego --data DATA --out OUT --split train --people 1000

`--data` is a folder with manifest.csv, photos/ and fairface/. One photo of each person, as a shop's camera takes it
(day0/mask/dataset.py, without a mask). No free photo with a known garment is at hand, so no label has one. The same
seed writes the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from contracts.boxes import Box, iou_of_corners
from contracts.names import IMAGE_SUFFIX, Reference, new_image_id
from contracts.private_folder import make_private
from contracts.subject_labels import LabelledSubject, SubjectLabels
from day0.mask.dataset import FIRST_DAY, SPLITS, taken
from day0.mask.outline import Kind
from day0.mask.people import LeftOut, Person, people
from day0.photos import read_photos
from imaging.decoding import decode
from recipes.recipe import Finder
from worker.models.finders import Find, default_finder

RECIPE: Final = "lego"


def main() -> None:
    """Write the dataset of one split."""
    parser = argparse.ArgumentParser(
        prog="python -m day0.lego", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv, photos/ and fairface/")
    parser.add_argument("--out", type=Path, required=True, help="an empty or new folder")
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--people", type=int, default=1000, help="at most so many (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.people < 1 or arguments.seed < 0:
        parser.error("--people is at least 1, --seed at least 0; nothing was written")
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out} is not empty, and a dataset must not mix with another; name a new folder")
    make_private(arguments.out)
    left_out, number = LeftOut(), 0
    chosen = people(read_photos(arguments.data), arguments.split, arguments.people, arguments.seed, left_out)
    for reference, photo, labels in photos_of(chosen, arguments.split, arguments.seed):
        for place, content in (
            (f"images/{reference}{IMAGE_SUFFIX}", photo),
            (f"labels/{reference}.json", f"{labels.to_json()}\n".encode()),
        ):
            path = arguments.out / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        number += 1
    print(f"wrote {number} photos into {arguments.out}; left out: {dict(left_out.reasons) or 'nobody'}")


def photos_of(chosen: Iterator[Person], split: str, seed: int) -> Iterator[tuple[Reference, bytes, SubjectLabels]]:
    """The photo of each person as a JPEG, with its label file."""
    find = default_finder(Finder.PERSON).find
    for number, person in enumerate(chosen, start=1):
        sha256 = hashlib.sha256(f"{seed} {person.photo.person} {RECIPE}".encode()).digest()
        image_id = new_image_id(FIRST_DAY + timedelta(minutes=number), sha256[:10])
        photo = taken(person, Kind.NONE, np.random.default_rng(list(sha256)))
        answers = {"gender": person.answers["gender"]}
        labels = LabelledSubject(box_of(person, photo, find), answers, group=person.photo.person)
        yield Reference(f"portraits-{split}", image_id), photo, SubjectLabels(RECIPE, {}, (labels,))


def box_of(person: Person, photo: bytes, find: Find) -> Box:
    """The box of the person as the worker finds it; that of the head, which counts as not found, if it does not."""
    found = [
        subject.box
        for subject in find(decode(photo).image)
        if subject.face is not None and iou_of_corners(subject.box.corners, person.subject.box.corners) > 0
    ]
    return found[0] if len(found) == 1 else person.subject.box


if __name__ == "__main__":
    main()
