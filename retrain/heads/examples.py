"""Examples for heads: the subjects of label files, each matched to a subject that the worker's finder finds.

A dataset's folder has `images/**.jpg`, and for each photo `labels/**.json` under the same name
(contracts/subject_labels.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.boxes import iou_of_corners, match_greedily
from contracts.errors import InvalidMessage, InvalidName
from contracts.names import Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.recipe import Net, Recipe
from retrain.bursts import burst_of
from retrain.errors import InvalidDataset
from retrain.heads.features import Computed, compute
from retrain.progress import Say, silent

PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})
LEAST_IOU: Final = 0.5  # of a labelled box and a found one: the same subject
MOST_SUBJECTS: Final = 16_000  # of eight views and one region they take 330 MB, and a fit four times that
Floats = NDArray[np.float32]
Halves = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Example:
    """One subject: what is known of it (inputs and answers), whom it shows, and where its features are."""

    photo: Path
    known: Mapping[str, str | float]
    group: str
    row: int  # of the arrays of features
    found: int  # its place among the subjects that the finder finds in the photo


@dataclass(frozen=True, slots=True)
class Examples:
    """All subjects of a dataset. `features`: of each region by its name, (subjects, views, features).

    `left_out`: subjects and photos that teach nothing, counted by reason. `manifest`: see `features.Computed`.
    """

    every: tuple[Example, ...]
    features: Mapping[str, Halves]
    manifest: Mapping[str, Any]
    left_out: Mapping[str, int] = field(default_factory=dict)


def read_examples(
    recipe: Recipe,
    name: str,
    folder: Path,
    cache: Path,
    *,
    networks: Mapping[Net, Path] = MappingProxyType({}),
    say: Say = silent,
) -> Examples:
    """The examples of a dataset's folder; InvalidDataset if it has none. `name`: by which `recipe` is loaded.

    `networks`: files of those that have learned, too.
    """
    labels, left_out = read_labels(recipe, folder)
    if not labels:
        raise InvalidDataset(
            f"{folder} has no photo with a label file of the recipe {recipe.name!r}; nothing was trained. Put photos "
            "into images/, and for each a .json of the same name into labels/"
        )
    say(0, len(labels), f"features of {len(labels):,} photos")
    computed = compute(name, list(labels), cache, networks=networks, say=say)
    left_out["photos that can't be read"] += len(computed.errors)
    every, rows = _matched(labels, computed, left_out)
    if not every:
        raise InvalidDataset(
            f"no subject of {folder} was found again in its photo; nothing was trained. Compare the boxes of the label "
            "files with the photos: they are fractions, x0, y0, x1, y1"
        )
    features = {region: np.stack(of_region) for region, of_region in rows.items()}
    return Examples(tuple(every), features, computed.manifest, dict(+left_out))


def read_labels(recipe: Recipe, folder: Path) -> tuple[dict[Path, SubjectLabels], Counter[str]]:
    """The label file of each photo of a folder, and how many photos have none, or one of another recipe.

    InvalidDataset for one that is invalid, or has an answer that no head of the recipe says.
    """
    labels, left_out = dict[Path, SubjectLabels](), Counter[str]()
    pictures = [file for file in sorted((folder / "images").rglob("*")) if file.suffix.lower() in PICTURES]
    if strange := sum(file.suffix != ".jpg" for file in pictures):
        left_out["pictures whose name does not end in .jpg"] = strange
    for photo in [file for file in pictures if file.suffix == ".jpg"]:
        file = folder / "labels" / photo.relative_to(folder / "images").with_suffix(".json")
        try:
            read = SubjectLabels.from_json(file.read_bytes())
        except FileNotFoundError:
            left_out["photos without a label file"] += 1
        except InvalidMessage as error:
            raise InvalidDataset(f"{file}: {error}; nothing was done") from None
        else:
            if read.recipe != recipe.name:
                left_out["photos of another recipe"] += 1
            else:
                if unknown := unknown_answer(recipe, read):
                    raise InvalidDataset(
                        f"{file}: {unknown}; nothing was done. Its questions are "
                        f"{', '.join(f'{name}: {recipe.says(name)}' for name in recipe.questions)}"
                    )
                labels[photo] = read
    return labels, left_out


def unknown_answer(recipe: Recipe, labels: SubjectLabels) -> str | None:
    """The first answer that no head says, as a sentence: it would silently teach nothing. None if there is none."""
    for subject in labels.subjects:
        for question, value in subject.answers.items():
            ranges = [head.score for head in recipe.heads_of(question) if head.score is not None]
            valid = value in recipe.says(question) or (
                not isinstance(value, str) and any(each.low <= value <= each.high for each in ranges)
            )
            if not valid:
                return f"the recipe {recipe.name!r} has no answer {value!r} to {question!r}"
    return None


def _matched(
    labels: Mapping[Path, SubjectLabels], computed: Computed, left_out: Counter[str]
) -> tuple[list[Example], dict[str, list[Halves]]]:
    every: list[Example] = []
    rows: dict[str, list[Halves]] = {}
    bursts = _bursts(labels)
    for photo, file in computed.files.items():
        of_photo = labels[photo]
        with np.load(file) as stored:
            boxes = stored["boxes"]
            matches = _same_subjects(of_photo.subjects, boxes)
            left_out["subjects that the finder does not find"] += len(of_photo.subjects) - len(matches)
            regions = {region: stored[region] for region in stored.files if region != "boxes"}
        for labelled, found in matches.items():
            if len(every) == MOST_SUBJECTS:
                left_out["subjects beyond those that fit into memory"] += 1
                continue
            subject = of_photo.subjects[labelled]
            group = subject.group or bursts.get(photo, photo.stem)
            every.append(Example(photo, {**of_photo.inputs, **subject.answers}, group, len(every), found))
            for region, features in regions.items():
                rows.setdefault(region, []).append(features[found])
    return every, rows


def _bursts(photos: Iterable[Path]) -> dict[Path, str]:
    """The burst of each photo of a device: they show the same person. A photo of another name is its own."""
    references = dict[Path, Reference]()
    for photo in photos:
        with suppress(InvalidName):
            references[photo] = Reference(photo.parent.name, photo.stem)
    bursts = burst_of(references.values())
    return {photo: str(bursts[reference]) for photo, reference in references.items()}


def _same_subjects(subjects: Sequence[LabelledSubject], boxes: NDArray[np.float64]) -> dict[int, int]:
    overlaps = (
        (iou_of_corners(subject.box.corners, tuple(box)), labelled, found)
        for labelled, subject in enumerate(subjects)
        for found, box in enumerate(boxes)
    )
    return match_greedily(each for each in overlaps if each[0] >= LEAST_IOU)
