"""A folder of drawn eyes with their label files, as `nunchi recipe train` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
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
    """Write so many pictures with their label files.

    The same pictures drawn again change nothing. FileExistsError when a file exists with another content; nothing is
    written then.
    """
    files: dict[Path, bytes] = {}
    for name, number, sign, labels in islice(planned(), pictures):
        animal = drawn_animal(Species(labels.inputs["species"]), np.random.default_rng((seed, number)))
        jpeg = taken(animal, sign, np.random.default_rng((seed, number, list(Sign).index(sign))))
        files[folder / "images" / f"{name}{IMAGE_SUFFIX}"] = jpeg
        files[folder / "labels" / f"{name}{JSON_LABELS}"] = f"{labels.to_json()}\n".encode()
    for path, content in files.items():
        if path.exists() and path.read_bytes() != content:
            raise FileExistsError(f"{path} exists with another content")
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def planned() -> Iterator[tuple[str, int, Sign, SubjectLabels]]:
    """Pictures without end: the name of each, the number of its animal, its sign, its labels.

    Dogs and cats come in turn, each with all its signs; the pictures of an animal are one group.
    """
    for number in count():
        species = list(Species)[number % len(Species)]
        for sign in SIGNS[species]:
            subject = LabelledSubject(Box(0, 0, 1, 1), {"sign": str(sign)}, group=f"{species}-{number:04}")
            labels = SubjectLabels(RECIPE, {"species": str(species)}, (subject,))
            yield f"{species}-{number:04}-{sign}", number, sign, labels
