"""The same boxes have the same outcome at every entrance: an imported folder, Label Studio, golden and auto-labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS
from retrain.bucket import stem
from retrain.dataset.gather import gather
from retrain.dataset.yolo_import.class_names import classes_in
from retrain.dataset.yolo_import.folder import scan_folder
from retrain.dataset.yolo_import.listing import list_folder
from retrain.errors import JudgementFailed
from retrain.judge.golden import golden_photos
from retrain.progress import silent
from retrain.review.label_studio import InvalidTask, parse_annotation
from tests.pictures import encoded, gradient
from tests.retrain.dataset.shop import Shuffled, photo_id, put

JPEG = encoded(gradient(160, 120))
PHOTO = photo_id(0)
Row = tuple[int, int, int, int, int]  # class, and x0, y0, x1, y1 in thousandths of the picture
Outcome = str | None  # the label file that is stored; None: refused

# Few values, so that boxes meet each other and the edges.
ends = st.sampled_from([-20, -6, -5, -1, 0, 1, 100, 101, 102, 500, 899, 900, 999, 1000, 1001, 1005, 1006, 1020])
rows = st.lists(st.tuples(st.integers(0, 3), ends, ends, ends, ends), max_size=4).flatmap(
    lambda some: st.permutations([*some, *some[:1]]) | st.just(some)
)


def label_file(boxes: Sequence[Row]) -> str:
    return "".join(
        f"{label} {(x0 + x1) / 2000:.4f} {(y0 + y1) / 2000:.4f} {(x1 - x0) / 1000:.3f} {(y1 - y0) / 1000:.3f}\n"
        for label, x0, y0, x1, y1 in boxes
    )


def by_folder(boxes: Sequence[Row], folder: Path) -> Outcome:
    (folder / "a.jpg").write_bytes(JPEG)
    (folder / "a.txt").write_text(label_file(boxes))
    listing = list_folder(folder)
    scanned = scan_folder(listing, classes_in(listing, classes=LABELS), kiosk="mine")
    return None if scanned.invalid else scanned.pictures[0].label_file(LABELS)


def by_label_studio(boxes: Sequence[Row], _: Path) -> Outcome:
    result: list[dict[str, Any]] = [
        {
            "type": "rectanglelabels",
            "value": {
                "x": x0 / 10,
                "y": y0 / 10,
                "width": (x1 - x0) / 10,
                "height": (y1 - y0) / 10,
                "rectanglelabels": [LABELS[label]],
            },
        }
        for label, x0, y0, x1, y1 in boxes
    ]
    try:
        return format_labels(parse_annotation({"result": result}, classes=LABELS).people, LABELS)
    except InvalidTask:
        return None


def by_golden(boxes: Sequence[Row], folder: Path) -> Outcome:
    for kind, name, content in (("images", "jpg", JPEG), ("labels", "txt", label_file(boxes).encode())):
        (folder / kind / "golden").mkdir(parents=True)
        (folder / kind / "golden" / f"{stem(PHOTO)}.{name}").write_bytes(content)
    try:
        [photo] = golden_photos(folder, classes=LABELS)
    except JudgementFailed:
        return None
    return format_labels(photo.people, LABELS)


def by_auto_labels(boxes: Sequence[Row], _: Path) -> Outcome:
    bucket = Shuffled()
    put(bucket, PHOTO, labels=[])
    bucket.objects[PHOTO.pair_keys("auto")[1]] = label_file(boxes).encode()
    return next((format_labels(photo.people, LABELS) for photo in gather(bucket, silent).photos), None)


ENTRANCES: Sequence[Callable[[Sequence[Row], Path], Outcome]] = (by_folder, by_label_studio, by_golden, by_auto_labels)


@settings(max_examples=60)
@given(rows)
@example([(0, 866, 300, 1001, 700)])
@example([(0, 300, 300, 1005, 700)])
@example([(0, 300, 300, 1006, 700)])
@example([(0, 300, 300, 1020, 700)])
@example([(0, 300, 300, 700, 700), (0, 300, 300, 700, 700)])
@example([(0, 300, 300, 700, 700), (1, 300, 300, 700, 700)])
@example([(0, 300, 300, 700, 700), (1, 301, 300, 700, 700)])
@example([(0, 300, 300, 300, 700)])
@example([])
def test_every_entrance_has_the_same_outcome(boxes: Sequence[Row]) -> None:
    outcomes = []
    for entrance in ENTRANCES:
        with TemporaryDirectory() as folder:
            outcomes.append(entrance(boxes, Path(folder)))
    assert outcomes == [outcomes[0]] * len(ENTRANCES)


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize(
    ("boxes", "outcome"),
    [
        ([(1, 300, 300, 700, 700)], "1 0.500000 0.500000 0.400000 0.400000\n"),
        ([(1, 300, 300, 700, 700)] * 2, "1 0.500000 0.500000 0.400000 0.400000\n"),
        ([(1, 300, 300, 700, 700), (2, 300, 300, 700, 700)], None),
        ([(1, 600, 300, 1005, 700)], "1 0.800000 0.500000 0.400000 0.400000\n"),
        ([(1, 600, 300, 1020, 700)], None),
        ([], ""),
    ],
)
def test_each_entrance_follows_the_rules(
    entrance: Callable[[Sequence[Row], Path], Outcome], boxes: Sequence[Row], outcome: Outcome, tmp_path: Path
) -> None:
    """Which the comparison alone would not show: all could refuse everything."""
    assert entrance(boxes, tmp_path) == outcome
