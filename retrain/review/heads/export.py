"""The export of a recipe's photos for review: a folder that Label Studio opens."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.errors import InvalidMessage
from contracts.names import IMAGE_SUFFIX
from contracts.subject_labels import SubjectLabels
from recipes.recipe import Recipe
from retrain.bucket import DatasetBucket, Tree, in_threads, stem
from retrain.review.export import (
    ExportSummary,
    checked_in,
    make_project,
    require_empty,
    size_of,
    waiting_in,
    write_project,
)
from retrain.review.heads.interface import has_boxes, label_config
from retrain.review.heads.tasks import task
from retrain.review.label_studio import IMAGES
from retrain.review.picking import SelectedPhoto, select

log = logging.getLogger(__name__)

_BOXES: Final = """\
4. Import tasks.json. Look at every photo, and correct its boxes. Click each box, and answer what is asked about it;
   leave open what you can't tell. Nothing to see: Submit without boxes.
"""
_PHOTO: Final = """\
4. Import tasks.json. Look at every photo, and answer what is asked about it; leave open what you can't tell. Submit.
"""
_README: Final = """\
1. In the folder that holds this file: python3 -m venv ls && ls/bin/pip install label-studio
2. LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT="$PWD" ls/bin/label-studio start
3. Make a project. Settings, Labeling Interface, Code: paste label_config.xml. Settings, Cloud Storage, Add Source
   Storage, Local files: its Absolute local path is that of images/ in this folder; save it, and don't sync it.
{look}5. Export as JSON (not JSON-MIN), then: nunchi review import FILE. It shows people: delete the folder after.
"""


def export(
    bucket: DatasetBucket,
    recipe: Recipe,
    folder: Path,
    *,
    sample_share: float,
    most: int | None,
    kiosk: str | None = None,
    since: datetime | None = None,
) -> ExportSummary:
    """Write the folder: the photos of which no answer teaches, and a random sample of those that teach already.

    All wait with the same weight. `kiosk`: only photos of that device; `since`: only photos added then or later.
    InvalidReview, and nothing written, when the folder is not empty. A photo of another recipe, which this cloud had
    before, is logged and left out.
    """
    require_empty(folder)
    checked = checked_in(bucket)
    unsure = waiting_in(bucket, Tree.REVIEW, checked, kiosk=kiosk, since=since)
    sure = waiting_in(bucket, Tree.AUTO, checked, kiosk=kiosk, since=since)
    weights = dict.fromkeys(unsure, 1.0)
    everything = select(weights, sure, sample_share=sample_share, most=None)
    selected = everything if most is None else select(weights, sure, sample_share=sample_share, most=most)
    make_project(folder)
    tasks: list[dict[str, Any]] = []
    written: Counter[bool] = Counter()  # by whether it belongs to the sample
    with in_threads(lambda photo: (bucket.image(photo.pair), bucket.labels(photo.pair)), selected) as contents:
        for photo, (jpeg, text) in zip(selected, contents, strict=True):
            labels = _labels(recipe, photo, text)
            if jpeg is not None and labels is not None:
                reference = photo.pair.reference
                (folder / IMAGES / f"{stem(reference)}{IMAGE_SUFFIX}").write_bytes(jpeg)
                made = task(recipe, reference, labels, source=photo.pair.tree, sample=photo.sample, size=size_of(jpeg))
                tasks.append(made)
                written[photo.sample] += 1
    readme = _README.format(look=_BOXES if has_boxes(recipe) else _PHOTO)
    write_project(folder, config=label_config(recipe), tasks=tasks, readme=readme)
    return ExportSummary(unsure=written[False], sample=written[True], left=len(everything) - len(selected))


def _labels(recipe: Recipe, photo: SelectedPhoto, text: str | None) -> SubjectLabels | None:
    """The label file of a photo; None when it has expired since, or is not of the recipe."""
    if text is None:
        return None
    try:
        labels = SubjectLabels.from_json(text)
    except InvalidMessage as error:
        log.warning("%s: %s; it is not exported", photo.pair.reference, error)
        return None
    if labels.recipe != recipe.name:
        log.warning("%s is of the recipe %s; it is not exported", photo.pair.reference, labels.recipe)
        return None
    return labels
