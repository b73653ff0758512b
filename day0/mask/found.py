"""Counts how many people of a dataset of drawn masks the worker's finder still finds, by the kind of mask.

python -m day0.mask.found OUT
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as Pillow

from contracts.boxes import iou
from contracts.names import image_id_time
from contracts.subject_labels import SubjectLabels
from day0.finder import HEAD_MARGINS, face_finder
from day0.mask.dataset import FIRST_DAY
from day0.mask.outline import Kind
from worker.models.regions import faces_of

SAME: Final = 0.5  # intersection over union of the head found without a mask, and with it


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(prog="python -m day0.mask.found", description=__doc__)
    parser.add_argument("dataset", type=Path, help="what python -m day0.mask.dataset wrote")
    for kind, counts in found(parser.parse_args().dataset).items():
        print(f"{kind}: {counts['found']} of {counts['photos']} found, {counts['others']} other heads")


def found(dataset: Path) -> dict[Kind, Counter[str]]:
    """By kind: `photos`, heads `found` where they were without the mask, and `others`."""
    counts = {kind: Counter[str]() for kind in Kind}
    for path in sorted(dataset.glob("labels/*/*.json")):
        (subject,) = SubjectLabels.from_json(path.read_bytes()).subjects
        with Pillow.open(dataset / "images" / path.parent.name / f"{path.stem}.jpg") as file:
            image = np.asarray(file.convert("RGB"))
        heads = [found.box for found in faces_of(image, face_finder(), HEAD_MARGINS)]
        same = sum(iou(head, subject.box) >= SAME for head in heads)
        counts[kind_of(path.stem)].update(photos=1, found=min(same, 1), others=len(heads) - same)
    return counts


def kind_of(image_id: str) -> Kind:
    """The kind of a photo of the dataset, from the minute in its id; the label file says less."""
    at = image_id_time(image_id)
    assert at is not None
    minutes = round((at - FIRST_DAY).total_seconds() / 60)
    return tuple(Kind)[minutes % len(Kind)]


if __name__ == "__main__":
    main()
