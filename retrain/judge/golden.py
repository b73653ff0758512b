"""The golden photos of a dataset's folder: their people, and the moment that each shows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.boxes import LabelledBox
from contracts.classes import Classes
from contracts.errors import InvalidLabelFile, InvalidName, InvalidText
from contracts.names import IMAGE_SUFFIX
from contracts.text_files import decoded
from contracts.yolo import parse_labels
from retrain.bucket import reference_of, stem
from retrain.bursts import burst_of
from retrain.errors import JudgementFailed
from retrain.name_files import UnreadableNames, names_in

GOLDEN: Final = "golden"


@dataclass(frozen=True, slots=True)
class GoldenPhoto:
    """A human-checked photo. Photos of one `moment` show the same people, and are drawn together in the bootstrap.

    Moments are those of the splits: photos that must be in one split are not independent samples.
    """

    path: Path
    moment: str
    people: tuple[LabelledBox, ...]


def golden_photos(folder: Path, split: str = GOLDEN, *, classes: Classes) -> tuple[GoldenPhoto, ...]:
    """The photos of a dataset's split, in the order of their names.

    JudgementFailed unless each has its labels, and the classes of the folder's data.yaml, if there is one, are these.
    """
    _check_classes(folder / "data.yaml", classes)
    images, labels = folder / "images" / split, folder / "labels" / split
    paths = sorted(path for path in images.glob(f"*{IMAGE_SUFFIX}") if not path.name.startswith("."))
    moment_of = _moments(path.stem for path in paths)
    photos = []
    for path in paths:
        text = labels / f"{path.stem}.txt"
        try:
            people = parse_labels(decoded(text.read_bytes()), classes)
        except (OSError, InvalidText, InvalidLabelFile) as error:
            raise JudgementFailed(
                f"{text}: the labels of {path.name} can't be read ({error}); nothing was judged. Build it again"
            ) from None
        photos.append(GoldenPhoto(path, moment_of[path.stem], people))
    if not photos:
        raise JudgementFailed(
            f"{images} has no photo; nothing was judged. Review some, and build the dataset again: nunchi review export"
        )
    return tuple(photos)


def _check_classes(path: Path, classes: Classes) -> None:
    """JudgementFailed when a dataset numbers its classes differently: a folder that nunchi did not build may."""
    try:
        names = names_in(path) if path.is_file() else None
    except UnreadableNames as error:
        raise JudgementFailed(f"the class names in {path} can't be read: {error}; nothing was judged") from None
    if names is not None and names != dict(enumerate(classes)):
        raise JudgementFailed(
            f"{path} names the classes {', '.join(names.values())}, not {', '.join(classes)}; nothing was judged. "
            "Import the folder, which maps them, and build a dataset: nunchi dataset import"
        )


def build_of(folder: Path) -> dict[str, str]:
    """`build` and `digest` by the manifest of a dataset's folder; {} without one: nunchi did not build it."""
    try:
        fields = json.loads((folder / "manifest.json").read_bytes())
        return {name: str(fields[name]) for name in ("build", "digest")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _moments(stems: Iterable[str]) -> dict[str, str]:
    """The moment of each file; a file whose name is not a dataset's is its own moment."""
    moments = {}
    references = []
    for name in stems:
        try:
            references.append(reference_of(name))
        except InvalidName:
            moments[name] = name
    return moments | {stem(one): str(first) for one, first in burst_of(references).items()}


def counts(photos: Sequence[GoldenPhoto], classes: Classes) -> dict[str, int]:
    """People of each label."""
    people = Counter(person.label for photo in photos for person in photo.people)
    return {label: people[label] for label in classes}
