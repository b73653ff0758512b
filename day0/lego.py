"""Writes the dataset that teaches the recipe `lego` what can be learned from free portraits: gender, from the face.

    python -m day0.lego --data DATA --out OUT --split train --people 1000

`--data` is a folder with manifest.csv, photos/ and fairface/. One photo of each person, as a shop's camera takes it
(day0/mask/dataset.py, without a mask). No free photo with a known garment is at hand, so no label has one. The same
seed writes the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import numpy as np

from contracts.boxes import Box, iou_of_corners
from contracts.names import Reference, new_image_id
from contracts.private_folder import make_private
from contracts.subject_labels import LabelledSubject, SubjectLabels
from day0.mask.dataset import FIRST_DAY, taken
from day0.mask.outline import Kind
from day0.mask.people import Person, people
from day0.photos import read_photos
from day0.portrait_dataset import SPLITS, LeftOut, arguments_of, options_of, write_photo
from imaging.decoding import decode
from recipes.recipe import Finder
from worker.models.finders import Find, default_finder

RECIPE: Final = "lego"


def main() -> None:
    """Write the dataset of one split."""
    parser = options_of("python -m day0.lego", __doc__, data="manifest.csv, photos/ and fairface/", photos="one photo")
    parser.add_argument("--split", choices=SPLITS, required=True)
    arguments = arguments_of(parser)
    make_private(arguments.out)
    left_out, written = LeftOut(), 0
    chosen = people(read_photos(arguments.data), arguments.split, arguments.people, arguments.seed, left_out)
    for reference, photo, labels in photos_of(chosen, arguments.split, arguments.seed):
        write_photo(arguments.out, reference, photo, labels)
        written += 1
    print(f"wrote {written} photos into {arguments.out}; left out: {left_out}")


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
