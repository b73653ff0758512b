"""A folder of drawn eyes with their label files, as `nunchi recipe train` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from contracts.boxes import Box
from contracts.names import IMAGE_SUFFIX, JSON_LABELS
from contracts.subject_labels import LabelledSubject, SubjectLabels
from demo.drawn_eyes.animal import SIGNS, Sign, Species, drawn_animal
from demo.drawn_eyes.photo import taken

RECIPE: Final = "pet-eye"


def draw_folder(folder: Path, pictures: int, seed: int) -> None:
    """Write so many pictures: every sign of an animal, in turn of dogs and cats. An animal's pictures are one group.

    The same pictures drawn again change nothing. FileExistsError when a file exists with another content; nothing is
    written then.
    """
    files: dict[Path, bytes] = {}
    for number, (name, jpeg, labels) in enumerate(drawn(seed)):
        if number == pictures:
            break
        files[folder / "images" / f"{name}{IMAGE_SUFFIX}"] = jpeg
        files[folder / "labels" / f"{name}{JSON_LABELS}"] = f"{labels.to_json()}\n".encode()
    for path, content in files.items():
        if path.exists() and path.read_bytes() != content:
            raise FileExistsError(f"{path} exists with another content")
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def drawn(seed: int) -> Iterator[tuple[str, bytes, SubjectLabels]]:
    """Pictures without end: their names, their JPEGs, what they show."""
    number = 0
    while True:
        species = list(Species)[number % len(Species)]
        animal = drawn_animal(species, np.random.default_rng((seed, number)))
        for sign in SIGNS[species]:
            jpeg = taken(animal, sign, np.random.default_rng((seed, number, list(Sign).index(sign))))
            subject = LabelledSubject(Box(0, 0, 1, 1), {"sign": str(sign)}, group=f"{species}-{number:04}")
            yield (
                f"{species}-{number:04}-{sign}",
                jpeg,
                SubjectLabels(RECIPE, {"species": str(species)}, (subject,)),
            )
        number += 1
