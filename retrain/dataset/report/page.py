"""The page of a dataset, for people: counts, excluded photos with their reasons, and contact sheets.

It shows photos of customers, so it is stored in the bucket of the photos, and has the same readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.instants import to_text
from retrain.dataset.layout import INDEX, SHEETS
from retrain.dataset.manifest import NOBODY, PICTURES, DatasetManifest, Item
from retrain.dataset.photos import REASONS, Split
from retrain.dataset.report.contact_sheet import write_sheet
from retrain.dataset.splits import share
from retrain.dataset.vetting.preconditions import LEAST_PEOPLE, scarce_labels

_PURPOSE: Final = {
    Split.TRAIN: "learned from",
    Split.VAL: "for early stopping and calibration",
    Split.GOLDEN: "checked by people; only for judging",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet. `items` are the pictures on it, of `total`."""

    title: str
    file: str
    size: tuple[int, int]
    items: tuple[Item, ...]
    total: int
    colour: str | None


@dataclass(frozen=True, slots=True)
class _Group:
    """Sheets under one heading."""

    title: str
    about: str
    sheets: tuple[Sheet, ...]


def write_page(
    folder: Path, manifest: DatasetManifest, *, suspects: Sequence[Item], most: int, colours: Mapping[str, str]
) -> None:
    """Write `index.html` and its sheets.

    `suspects`: photos excluded for label errors, whose pictures are still in the folder.
    `most`: maximum number of pictures on a sheet; 0 writes a page without pictures. `colours`: of each class.
    """
    groups = _groups(folder, manifest, suspects, most, colours) if most else []
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    counts = manifest.counts
    excluded = Counter(photo.why for photo in manifest.excluded)
    page = environment.get_template("page.html").render(
        manifest=manifest,
        made_at=to_text(manifest.made_at)[:16].replace("T", " "),
        labels=manifest.classes,
        colours=colours,
        counts=counts,
        purpose=_PURPOSE,
        widest=max((sum(row[label] for label in manifest.classes) for row in counts.values()), default=0) or 1,
        pictures=PICTURES,
        nobody=NOBODY,
        new=sum(item.new for item in manifest.items if item.split is not Split.GOLDEN),
        by_source=Counter((item.split, item.source) for item in manifest.items),
        excluded=[(reason, excluded[reason], REASONS[reason]) for reason in REASONS if excluded[reason]],
        scarce={(each.label, each.split): each for each in scarce_labels(manifest)},
        least=LEAST_PEOPLE,
        warnings=_other_warnings(manifest),
        groups=groups,
    )
    (folder / INDEX).write_text(page)


def _other_warnings(manifest: DatasetManifest) -> list[str]:
    """The warnings that are not in the table of scarce labels."""
    shown = {str(each) for each in scarce_labels(manifest)}
    return [warning for warning in manifest.warnings if warning not in shown]


def _groups(
    folder: Path, manifest: DatasetManifest, suspects: Sequence[Item], most: int, colours: Mapping[str, str]
) -> list[_Group]:
    (folder / SHEETS).mkdir(exist_ok=True)

    def sheet(title: str, name: str, items: Iterable[Item], colour: str | None = None) -> list[Sheet]:
        candidates = sorted(items, key=lambda item: share(0, item.reference))  # a draw, and the same each time
        if not candidates:
            return []
        drawn = tuple(candidates[:most])
        file = f"{SHEETS}/{name}.jpg"
        return [Sheet(title, file, write_sheet(folder, drawn, folder / file, colours), drawn, len(candidates), colour)]

    marked = [item for item in manifest.items if item.label_error]
    groups = [
        _Group(
            "Possible label errors",
            "Labels that the teacher contradicts, or boxes that failed a sanity check.",
            (
                *sheet("excluded: no person has checked them", "suspects-left-out", suspects),
                *sheet("kept: a person labelled them. Check them again", "suspects-kept", marked),
            ),
        )
    ]
    for split in Split:
        sheets: list[Sheet] = []
        for label in manifest.classes:
            items = [item for item in manifest.of(split) if label in item.labels]
            sheets += sheet(label, f"{split}-{label}", items, colours[label])
        sheets += sheet("nobody", f"{split}-nobody", (item for item in manifest.of(split) if not item.people))
        groups.append(_Group(split.capitalize(), f"{_PURPOSE[split].capitalize()}.", tuple(sheets)))
    return [group for group in groups if group.sheets]
