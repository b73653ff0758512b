"""What the model sees of each photo in each condition: the face as a chip, and later the networks' logits.

Both are kept in a folder, because they take minutes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from day0.conditions import AS_IT_IS, CONDITIONS, SHOP
from day0.finder import AT_LEAST, PADDING, PASSES, SECOND_LOOK_FROM, face_finder
from day0.photos import Photo
from worker.kiosk.age_gender import SIDE, Networks
from worker.models.chips import Chip, chip
from worker.models.detector import Image
from worker.models.faces import Face
from worker.models.onnx_runtime import Floats


@dataclass(frozen=True, slots=True)
class Seen:
    """n rows, one for each photo in each condition."""

    photo: NDArray[np.int64]  # index into the photos
    condition: NDArray[np.str_]
    found: NDArray[np.bool_]
    faces: NDArray[np.int64]  # how many were found
    chips: NDArray[np.uint8]  # (n, SIDE, SIDE, 3); black where no face was found


def see(photos: Sequence[Photo], folder: Path) -> Seen:
    """All photos in all conditions; kept in `folder` for the same photos and the same finder."""
    key = hashlib.sha256(
        repr(
            ([photo.file for photo in photos], list(CONDITIONS), PASSES, AT_LEAST, SECOND_LOOK_FROM, PADDING, SIDE)
        ).encode()
    )
    path = folder / f"seen-{key.hexdigest()[:12]}.npz"
    if not path.exists():
        numbered = list(enumerate(photos))
        batches = [numbered[start : start + 50] for start in range(0, len(numbered), 50)]
        rows: list[tuple[int, str, int, Chip]] = []
        with ProcessPoolExecutor() as pool:
            for part in pool.map(_seen, batches):
                rows += part
                print(f"\r{len(rows)} photos looked at", end="", flush=True)
        print()
        photo, condition, faces, chips = zip(*rows, strict=True)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, photo=photo, condition=condition, faces=faces, chips=np.stack(chips))
    with np.load(path) as kept:
        return Seen(kept["photo"], kept["condition"], kept["faces"] > 0, kept["faces"], kept["chips"])


def ask(networks: Networks, chips: NDArray[np.uint8], key: str, folder: Path) -> Floats:
    """The networks' logits, (n, networks, bands + 1); kept in `folder` under `key`."""
    path = folder / f"logits-{key}.npy"
    if not path.exists():
        batches = [list(chips[start : start + 64]) for start in range(0, len(chips), 64)]
        with ThreadPoolExecutor(os.cpu_count()) as threads:  # a run of the networks keeps to one core
            np.save(path, np.concatenate(list(threads.map(networks.run, batches))))
    return np.asarray(np.load(path))


def in_conditions(photo: Photo, index: int, names: Sequence[str] = tuple(CONDITIONS)) -> list[tuple[str, Image]]:
    """The photo in each condition. Empty if its face can't be found even at a low threshold."""
    image = photo.read()
    if (face := central(face_finder(at_least=0.2).find(image), image)) is None:
        return []
    every = list(CONDITIONS)
    return [(name, CONDITIONS[name](image, face, np.random.default_rng((index, every.index(name))))) for name in names]


def central(faces: Sequence[Face], image: Image) -> Face | None:
    """The person whom a portrait shows: of large faces, the one nearest to the middle."""
    height, width = image.shape[:2]

    def score(face: Face) -> float:
        x0, y0, x1, y1 = face.corners
        off: float = abs(x0 + x1 - width) / 2 + abs(y0 + y1 - height) / 2
        return x1 - x0 - off

    return max(faces, key=score, default=None)


def _seen(batch: Sequence[tuple[int, Photo]]) -> list[tuple[int, str, int, Chip]]:
    finder = face_finder()
    rows: list[tuple[int, str, int, Chip]] = []
    for index, photo in batch:
        # Children and the members of Parliament, whose ages are unknown, as they are only.
        names = tuple(CONDITIONS) if photo.age_group in ("elder", "adult") else (AS_IT_IS,)
        for name, image in in_conditions(photo, index, names) or [(name, photo.read()) for name in names]:
            faces = finder.find(image)
            # In a drawn shop there is one person, anywhere; a portrait's person is in its middle.
            face = max(faces, key=lambda face: face.score, default=None) if name == SHOP else central(faces, image)
            pixels = np.zeros((SIDE, SIDE, 3), np.uint8) if face is None else chip(image, face, SIDE, PADDING)
            rows.append((index, name, len(faces), pixels))
    return rows
