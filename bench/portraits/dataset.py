"""The composed scenes as a dataset in the standard YOLO layout: train, val, and golden, which judges."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.portraits.people import choose, label_of, sitters
from bench.portraits.scenes import Scene, scenes
from contracts.boxes import LabelledBox
from contracts.yolo import format_labels
from day0.photos import Photo, read_photos
from recipes.kiosk.labels import LABELS

SPLITS: Final = {"train": "train", "val": "val", "golden": "test"}  # of the dataset, and of the people
PART: Final = 60  # people whose scenes one process composes
CONTENTS: Final = "contents.json"


def build(data: Path, folder: Path, *, per_label: int) -> dict[str, Any]:
    """Compose every split into `folder`, unless it is there; returns the contents: scenes, people and sources."""
    if (folder / CONTENTS).exists():
        return dict(json.loads((folder / CONTENTS).read_text()))
    shutil.rmtree(folder, ignore_errors=True)
    photos = read_photos(data)
    contents = {}
    for split, of_people in SPLITS.items():
        chosen = choose(photos, of_people, per_label=per_label)
        count = write(folder, split, _composed(chosen, seed=list(SPLITS).index(split)))
        contents[split] = {
            "scenes": count,
            "people": dict(Counter(map(label_of, chosen))),
            "photos": len({photo.file for photo in chosen}),
            "sources": dict(Counter(photo.source for photo in chosen)),
        }
        print(f"{split}: {count} scenes with {len(chosen)} people", flush=True)
    data_yaml(folder)
    (folder / CONTENTS).write_text(json.dumps(contents, indent=1))
    return contents


def write(folder: Path, split: str, composed: Iterable[Scene]) -> int:
    """Write scenes with their labels; their number."""
    images, labels = folder / "images" / split, folder / "labels" / split
    for place in (images, labels):
        place.mkdir(parents=True)
    count = 0
    for count, scene in enumerate(composed, start=1):
        (images / f"{count:05}.jpg").write_bytes(scene.jpeg)
        (labels / f"{count:05}.txt").write_text(format_labels(scene.people, LABELS))
    return count


def relabelled(dataset: Path, folder: Path, taught: Sequence[tuple[Path, Sequence[LabelledBox]]]) -> None:
    """A dataset with other labels in train: photos by their path, with links to the validation photos of `dataset`."""
    shutil.rmtree(folder, ignore_errors=True)
    for place in (folder / "images" / "train", folder / "labels" / "train"):
        place.mkdir(parents=True)
    for photo, people in taught:
        (folder / "images" / "train" / photo.name).hardlink_to(photo)
        (folder / "labels" / "train" / f"{photo.stem}.txt").write_text(format_labels(people, LABELS))
    for kind in ("images", "labels"):
        shutil.copytree(dataset / kind / "val", folder / kind / "val", copy_function=os.link)
    data_yaml(folder)


def data_yaml(folder: Path) -> None:
    """Write the data.yaml that the trainer reads."""
    names = "".join(f"  {number}: {label}\n" for number, label in enumerate(LABELS))
    (folder / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames:\n{names}")


def _composed(photos: Sequence[Photo], *, seed: int) -> Iterable[Scene]:
    parts = [photos[start : start + PART] for start in range(0, len(photos), PART)]
    with ProcessPoolExecutor() as pool:
        for part in pool.map(partial(_part, seed), range(len(parts)), parts):
            yield from part


def _part(seed: int, number: int, photos: Sequence[Photo]) -> list[Scene]:
    return list(scenes(sitters(photos), seed=1000 * seed + number))
