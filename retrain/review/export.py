"""The export of photos for review: a folder that Label Studio opens."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.boxes import LabelledBox
from contracts.classes import Classes
from contracts.errors import InvalidLabelFile
from contracts.names import IMAGE_SUFFIX, Reference
from contracts.private_folder import make_private
from contracts.yolo import parse_labels
from imaging.decoding import MIN_SIDE, PhotoRejected, decode
from recipes.detects import Weigh
from recipes.kiosk.message import Result
from retrain.bucket import DatasetBucket, Pair, Tree, in_threads, stem
from retrain.dataset.layout import is_litter
from retrain.dataset.photos import ExclusionReason
from retrain.dataset.publication import builds, find
from retrain.errors import InvalidReview
from retrain.review.confidences import Results, with_confidence
from retrain.review.label_studio import IMAGES, label_config, task
from retrain.review.notes import noted
from retrain.review.picking import SelectedPhoto, in_sample, select

TASKS: Final = "tasks.json"
CONFIG: Final = "label_config.xml"
README: Final = "README.txt"
UNKNOWN_MODEL: Final = "nunchi"

_README: Final = """\
1. In the folder that holds this file: python3 -m venv ls && ls/bin/pip install label-studio
2. LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT="$PWD" ls/bin/label-studio start
3. Make a project. Settings, Labeling Interface, Code: paste label_config.xml. Settings, Cloud Storage, Add Source
   Storage, Local files: its Absolute local path is that of images/ in this folder; save it, and don't sync it.
4. Import tasks.json. Look at every photo, correct boxes and labels, Submit; nobody there: Submit without boxes.
5. Export as JSON (not JSON-MIN), then: nunchi review import FILE. It shows people: delete the folder after.
"""


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """The number of exported photos, and of those left for the next export."""

    unsure: int
    sample: int
    left: int

    @property
    def photos(self) -> int:
        return self.unsure + self.sample


def export(
    bucket: DatasetBucket,
    results: Results,
    folder: Path,
    *,
    weigh: Weigh,
    sample_share: float,
    most: int | None,
    kiosk: str | None = None,
    since: datetime | None = None,
) -> ExportSummary:
    """Write the folder. `weigh`: how much a photo teaches, by what the model says about its people. `kiosk`: only
    photos of that kiosk; `since`: only photos added then or later.

    InvalidReview, and nothing written, when the folder is not empty.
    """
    require_empty(folder)
    selected, left = _select(bucket, results, weigh, sample_share=sample_share, most=most, kiosk=kiosk, since=since)
    make_project(folder)
    results_of = results.of(photo.pair.reference for photo in selected)
    tasks: list[dict[str, Any]] = []
    written: Counter[bool] = Counter()  # by whether it belongs to the sample
    with in_threads(lambda photo: (bucket.image(photo.pair), bucket.labels(photo.pair)), selected) as contents:
        for photo, (jpeg, labels) in zip(selected, contents, strict=True):
            if jpeg is not None and labels is not None:  # otherwise it has expired since
                reference = photo.pair.reference
                (folder / IMAGES / f"{stem(reference)}{IMAGE_SUFFIX}").write_bytes(jpeg)
                tasks.append(_task(photo, jpeg, labels, results_of.get(reference), bucket.classes))
                written[photo.sample] += 1
    write_project(folder, config=label_config(bucket.classes), tasks=tasks)
    return ExportSummary(unsure=written[False], sample=written[True], left=left)


def require_empty(folder: Path) -> None:
    """InvalidReview unless photos can be written to the folder."""
    if folder.exists() and (not folder.is_dir() or any(not is_litter(path) for path in folder.iterdir())):
        raise InvalidReview(f"{folder} is not an empty folder, so nothing was written; name a new one")


def make_project(folder: Path) -> None:
    """Make the private folder of a project, for photos of people."""
    make_private(folder)
    (folder / IMAGES).mkdir(exist_ok=True)


def write_project(folder: Path, *, config: str, tasks: Sequence[Mapping[str, Any]], readme: str = _README) -> None:
    """Write what Label Studio reads beside the photos, and what a person reads first."""
    (folder / CONFIG).write_text(config, encoding="utf-8")
    (folder / README).write_text(readme, encoding="utf-8")
    (folder / TASKS).write_text(json.dumps(tasks, indent=1) + "\n", encoding="utf-8")


def waiting_in(
    bucket: DatasetBucket, tree: Tree, checked: Set[Reference], *, kiosk: str | None, since: datetime | None
) -> list[Pair]:
    """The pairs of a tree that nobody has checked. `kiosk`, `since`: see `export`."""
    return [
        pair
        for pair in bucket.pairs(tree)
        if pair.reference not in checked
        and kiosk in (None, pair.reference.kiosk_id)
        and (since is None or pair.added_at >= since)
    ]


def checked_in(bucket: DatasetBucket) -> set[Reference]:
    """The photos that a person has checked."""
    checked = noted(bucket)
    for tree in (Tree.REVIEWED, Tree.GOLDEN):
        checked |= {pair.reference for pair in bucket.pairs(tree)}
    return checked


def _select(
    bucket: DatasetBucket,
    results: Results,
    weigh: Weigh,
    *,
    sample_share: float,
    most: int | None,
    kiosk: str | None,
    since: datetime | None,
) -> tuple[list[SelectedPhoto], int]:
    """The photos for review, and how many more wait. Auto photos that the last build suspects wait with the unsure."""
    checked = checked_in(bucket)
    sure = waiting_in(bucket, Tree.AUTO, checked, kiosk=kiosk, since=since)
    suspected = _suspected(bucket)
    # What belongs to the sample stays in it: without its suspects it would say that the model is better than it is.
    suspects = [pair for pair in sure if pair.reference in suspected and not in_sample(pair.reference, sample_share)]
    unsure = [*waiting_in(bucket, Tree.REVIEW, checked, kiosk=kiosk, since=since), *suspects]
    decisions = results.of(pair.reference for pair in unsure)
    with in_threads(bucket.labels, unsure) as label_files:
        weights = {
            pair: weigh(_answered(text or "", decisions.get(pair.reference), bucket.classes))
            for pair, text in zip(unsure, label_files, strict=True)
        }
    everything = select(weights, sure, sample_share=sample_share, most=None)
    selected = everything if most is None else select(weights, sure, sample_share=sample_share, most=most)
    return selected, len(everything) - len(selected)


def _suspected(bucket: DatasetBucket) -> set[Reference]:
    """The photos that the last build left out because a second network contradicts their labels."""
    manifest = find(bucket, known[-1]) if (known := builds(bucket)) else None
    return (
        {photo.reference for photo in manifest.excluded if photo.why is ExclusionReason.SUSPECT} if manifest else set()
    )


def _answered(labels: str, result: Result | None, classes: Classes) -> list[tuple[str, Any]]:
    """The model's answers about each person: the result's, or, when it has expired, the labels of the file."""
    if result is not None:
        return [(person.label, person.answers) for person in result.message.people]
    return [(person.label, None) for person in shown_people(labels, None, classes)]


def _task(photo: SelectedPhoto, jpeg: bytes, labels: str, result: Result | None, classes: Classes) -> dict[str, Any]:
    model = result.message.model if result else None
    return task(
        photo.pair.reference,
        shown_people(labels, result, classes),
        source=photo.pair.tree,
        sample=photo.sample,
        model=f"{model.name} {model.version}" if model else UNKNOWN_MODEL,
        size=size_of(jpeg),
    )


def shown_people(labels: str, result: Result | None, classes: Classes) -> list[LabelledBox]:
    """The people of a label file, with the model's confidence where the result has it; empty if the file is invalid.

    The reviewer of a photo with an invalid label file draws its people anew.
    """
    try:
        people = parse_labels(labels, classes)
    except InvalidLabelFile:
        return []
    return [with_confidence(person, result.message.people if result else ()) for person in people]


def size_of(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height of a picture in pixels; None when it is not whole."""
    try:
        return decode(jpeg, side=MIN_SIDE).size
    except PhotoRejected:
        return None
