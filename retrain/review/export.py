"""Photos for a person to look at, as a folder that Label Studio opens."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image

from contracts.boxes import Box
from contracts.errors import InvalidLabelFile
from contracts.labels import Label
from contracts.messages import Result
from contracts.names import IMAGE_SUFFIX
from contracts.yolo import parse_labels
from retrain.bucket import DatasetBucket, Pair, Tree, stem
from retrain.errors import InvalidReview
from retrain.review.confidences import Results, confidence_of
from retrain.review.label_studio import IMAGES, ShownPerson, label_config, task
from retrain.review.notes import AT_ONCE, noted
from retrain.review.picking import SelectedPhoto, select

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
    """What an export holds, and what it left for another one."""

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
    sample_share: float,
    most: int | None,
    kiosk: str | None = None,
    since: datetime | None = None,
    say: Callable[[int, int], None] = lambda _done, _of: None,
) -> ExportSummary:
    """Write the folder. `kiosk`: photos of that one only; `since`: that came then or later; `say` hears how many photos
    of how many are written.

    InvalidReview, and nothing written, when the folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidReview(f"{folder} is not an empty folder, so nothing was written; name a new one")
    picked, left = _pick(bucket, sample_share=sample_share, most=most, kiosk=kiosk, since=since)
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    known = results.of(one.pair.reference for one in picked)
    tasks: list[dict[str, Any]] = []
    written = {False: 0, True: 0}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        contents = pool.map(lambda one: (bucket.image(one.pair), bucket.labels(one.pair)), picked)
        for done, (one, (jpeg, labels)) in enumerate(zip(picked, contents, strict=True), start=1):
            if jpeg is not None and labels is not None:  # otherwise it has expired since
                reference = one.pair.reference
                (folder / IMAGES / f"{stem(reference)}{IMAGE_SUFFIX}").write_bytes(jpeg)
                tasks.append(_task(one, jpeg, labels, known.get(reference)))
                written[one.sample] += 1
            say(done, len(picked))
    (folder / CONFIG).write_text(label_config(), encoding="utf-8")
    (folder / README).write_text(_README, encoding="utf-8")
    (folder / TASKS).write_text(json.dumps(tasks, indent=1) + "\n", encoding="utf-8")
    return ExportSummary(unsure=written[False], sample=written[True], left=left)


def _pick(
    bucket: DatasetBucket, *, sample_share: float, most: int | None, kiosk: str | None, since: datetime | None
) -> tuple[list[SelectedPhoto], int]:
    """The photos to look at, and how many more wait."""
    seen = noted(bucket)
    for tree in (Tree.REVIEWED, Tree.GOLDEN):
        seen |= {pair.reference for pair in bucket.pairs(tree)}

    def waiting(tree: Tree) -> list[Pair]:
        return [
            pair
            for pair in bucket.pairs(tree)
            if pair.reference not in seen
            and kiosk in (None, pair.reference.kiosk_id)
            and (since is None or pair.added_at >= since)
        ]

    unsure, sure = waiting(Tree.REVIEW), waiting(Tree.AUTO)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        labels = dict(zip(unsure, pool.map(lambda pair: _labels(bucket.labels(pair)), unsure), strict=True))
    everything = select(labels, sure, sample_share=sample_share, most=None)
    picked = everything if most is None else select(labels, sure, sample_share=sample_share, most=most)
    return picked, len(everything) - len(picked)


def _task(one: SelectedPhoto, jpeg: bytes, labels: str, result: Result | None) -> dict[str, Any]:
    model = result.message.model if result else None
    return task(
        one.pair.reference,
        shown(labels, result),
        source=one.pair.tree,
        sample=one.sample,
        model=f"{model.name} {model.version}" if model else UNKNOWN_MODEL,
        size=_size(jpeg),
    )


def shown(labels: str, result: Result | None) -> list[ShownPerson]:
    """The people of a label file, with how sure the model was; none when the file is no label file."""
    people = result.message.people if result else ()
    return [ShownPerson(label, box, confidence_of(label, box, people)) for label, box in people_in(labels)]


def people_in(labels: str) -> Sequence[tuple[Label, Box]]:
    """A broken label file shows nobody: whoever looks draws them."""
    try:
        return parse_labels(labels)
    except InvalidLabelFile:
        return []


def _labels(text: str | None) -> list[Label]:
    return [label for label, _ in people_in(text or "")]


def _size(jpeg: bytes) -> tuple[int, int] | None:
    try:
        with Image.open(io.BytesIO(jpeg)) as picture:
            return picture.size
    except (OSError, ValueError, SyntaxError):  # Pillow's, for what is no picture
        return None
