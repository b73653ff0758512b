"""The page of a dataset, for people: counts, what was left out and why, and pictures to look at.

It shows photos of customers, so it lies where they lie, and is for the same eyes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.instants import to_text
from contracts.labels import LABELS
from contracts.yolo import parse_labels
from retrain.dataset.layout import INDEX, SHEETS, image_path
from retrain.dataset.manifest import NOBODY, PICTURES, DatasetManifest, Item
from retrain.dataset.photos import REASONS, Split
from retrain.dataset.report.contact_sheet import COLOURS, SheetPhoto, write_sheet
from retrain.dataset.splits import share

_PURPOSE: Final = {
    Split.TRAIN: "learned from",
    Split.VAL: "to stop by, and to calibrate",
    Split.GOLDEN: "checked by people; the judge's alone",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet. `of` is how many pictures there are, of which `items` are shown."""

    title: str
    file: str
    size: tuple[int, int]
    items: tuple[Item, ...]
    of: int
    colour: str | None


@dataclass(frozen=True, slots=True)
class _Group:
    """Sheets under one heading."""

    title: str
    about: str
    sheets: tuple[Sheet, ...]


def write_page(folder: Path, manifest: DatasetManifest, *, dropped: Sequence[Item], most: int) -> None:
    """`index.html` and its sheets. `dropped` are suspects that are in the folder still, and not in the manifest.

    `most`: pictures on a sheet; 0 makes a page without pictures.
    """
    groups = _groups(folder, manifest, dropped, most) if most else []
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    counts = manifest.counts
    why = Counter(one.why for one in manifest.left_out)
    page = environment.get_template("page.html").render(
        manifest=manifest,
        made_at=to_text(manifest.made_at)[:16].replace("T", " "),
        labels=LABELS,
        colours=COLOURS,
        counts=counts,
        purpose=_PURPOSE,
        widest=max((sum(row[label] for label in LABELS) for row in counts.values()), default=0) or 1,
        pictures=PICTURES,
        nobody=NOBODY,
        new=sum(item.new for item in manifest.items if item.split is not Split.GOLDEN),
        by_source=Counter((item.split, item.source) for item in manifest.items),
        left_out=[(reason, why[reason], REASONS[reason]) for reason in REASONS if why[reason]],
        groups=groups,
    )
    (folder / INDEX).write_text(page)


def _groups(folder: Path, manifest: DatasetManifest, dropped: Sequence[Item], most: int) -> list[_Group]:
    (folder / SHEETS).mkdir(exist_ok=True)

    def sheet(title: str, name: str, items: Iterable[Item], colour: str | None = None) -> list[Sheet]:
        there = sorted(items, key=lambda item: share(0, item.reference))  # a draw, and the same each time
        if not there:
            return []
        some = tuple(there[:most])
        file = f"{SHEETS}/{name}.jpg"
        size = write_sheet([SheetPhoto(item, image_path(folder, item)) for item in some], folder / file)
        return [Sheet(title, file, size, some, len(there), colour)]

    suspects = [item for item in manifest.items if item.suspect]
    groups = [
        _Group(
            "Suspects",
            "Labels that the teacher contradicts, or boxes of a form that nobody has.",
            (
                *sheet("left out: no person has looked at them", "suspects-left-out", dropped),
                *sheet("kept: a person labelled them. Look once more", "suspects-kept", suspects),
            ),
        )
    ]
    for split in Split:
        sheets: list[Sheet] = []
        for label in LABELS:
            items = [item for item in manifest.of(split) if label in _labels(item)]
            sheets += sheet(label, f"{split}-{label}", items, COLOURS[label])
        sheets += sheet("nobody", f"{split}-nobody", (item for item in manifest.of(split) if not _labels(item)))
        groups.append(_Group(split.capitalize(), f"{_PURPOSE[split].capitalize()}.", tuple(sheets)))
    return [group for group in groups if group.sheets]


def _labels(item: Item) -> frozenset[str]:
    return frozenset(label for label, _ in parse_labels(item.labels))
