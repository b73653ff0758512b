"""The golden photos of a dataset's folder: who is in each, and which show the same moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.boxes import LabelledBox
from contracts.errors import InvalidLabelFile, InvalidName
from contracts.labels import LABELS, Label
from contracts.names import IMAGE_SUFFIX
from contracts.yolo import parse_labels
from retrain.bucket import reference_of, stem
from retrain.bursts import burst_of
from retrain.errors import JudgementFailed

GOLDEN: Final = "golden"


@dataclass(frozen=True, slots=True)
class GoldenPhoto:
    """A photo whose people are known. `moment`: photos that share it show the same people, and count as one draw.

    It is that of splits: what may not be parted there is no independent proof here.
    """

    path: Path
    moment: str
    people: tuple[LabelledBox, ...]


@dataclass(frozen=True, slots=True)
class DatasetBuild:
    """Which dataset it was; empty where its folder has no manifest, as one that was made elsewhere."""

    build: str = ""
    digest: str = ""


def golden_photos(folder: Path, split: str = GOLDEN) -> tuple[GoldenPhoto, ...]:
    """The photos of a dataset's split, in the order of their names. JudgementFailed unless each has its labels."""
    images, labels = folder / "images" / split, folder / "labels" / split
    paths = sorted(images.glob(f"*{IMAGE_SUFFIX}"))
    moment_of = _moments(path.stem for path in paths)
    photos = []
    for path in paths:
        text = labels / f"{path.stem}.txt"
        try:
            people = parse_labels(text.read_text())
        except (OSError, InvalidLabelFile) as error:
            raise JudgementFailed(
                f"{text}: who is in {path.name} can't be read ({error}); nothing was judged. Build the dataset anew"
            ) from None
        photos.append(GoldenPhoto(path, moment_of[path.stem], people))
    if not photos:
        raise JudgementFailed(
            f"{images} holds no photo; nothing was judged. Check some by hand, and build the dataset anew: "
            "nunchi review export"
        )
    return tuple(photos)


def build_of(folder: Path) -> DatasetBuild:
    """Which build a folder is of."""
    try:
        fields = json.loads((folder / "manifest.json").read_bytes())
        return DatasetBuild(str(fields["build"]), str(fields["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return DatasetBuild()


def _moments(stems: Iterable[str]) -> dict[str, str]:
    """The moment of each file, for what is named as a dataset names its files; any other is its own."""
    found = {}
    references = []
    for name in stems:
        try:
            references.append(reference_of(name))
        except InvalidName:
            found[name] = name
    return found | {stem(one): str(first) for one, first in burst_of(references).items()}


def counts(photos: Sequence[GoldenPhoto]) -> dict[Label, int]:
    """People of each label."""
    every = [person.label for photo in photos for person in photo.people]
    return {label: every.count(label) for label in LABELS}
