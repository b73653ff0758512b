"""Contact sheets of a recipe's subjects: crops of each value, drawn evenly over people, animals or things."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from PIL import Image, ImageOps

from contracts.formulas.draws import stable_draw
from imaging.decoding import decode
from recipes.recipe import Recipe
from retrain.bucket import in_threads
from retrain.dataset.report.contact_sheet import QUALITY, grid
from retrain.heads.exploration.counts import rows_of
from retrain.heads.exploration.findings import Finding
from retrain.heads.exploration.photos import Gathered, Photo, Subject
from retrain.progress import Say, silent

_CELL: Final = (130, 130)
_COLUMNS: Final = 8
_MARGIN: Final = 0.15  # around a box, of its longer side
# The findings whose photos are best seen side by side.
_SHOWN: Final = {
    "leaks": "learned and judged",
    "conflicts": "one picture, different labels",
    "copies_of_groups": "one picture, different groups",
    "near_copies": "alike, of different groups",
    "small": "too small for the worker",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet. `names`: what its cells show, of `total`. `jpeg`: its bytes in base64."""

    title: str
    names: tuple[str, ...]
    total: int
    size: tuple[int, int]
    jpeg: str


@dataclass(frozen=True, slots=True)
class Group:
    """Sheets under one heading. `first`: of findings, which are seen before anything else."""

    title: str
    about: str
    sheets: tuple[Sheet, ...]
    first: bool = False


@dataclass(frozen=True, slots=True)
class _Planned:
    """A sheet before it is drawn. `subjects`: the chosen ones, of `total`."""

    title: str
    subjects: Sequence[Subject]
    total: int


def draw_sheets(
    recipe: Recipe, gathered: Gathered, findings: Sequence[Finding], *, most: int, say: Say = silent
) -> list[Group]:
    """The sheets of each question, and of the findings that pictures show. `most`: cells of one sheet, 0: no sheet."""
    if not most:
        return []
    planned: list[tuple[str, str, list[_Planned]]] = []
    for head in recipe.heads:
        rows = rows_of(recipe, head, gathered.subjects)
        if head.score is not None:
            scored = sorted(rows, key=lambda each: float(each.known[head.name]))
            of_head, about = (
                [_Planned("by score", _spread(scored, most), len(scored))],
                "From the lowest to the highest.",
            )
        else:
            of_values = [(value, [each for each in rows if each.known[head.name] == value]) for value in head.says]
            of_head = [_Planned(value, evenly(some)[:most], len(some)) for value, some in of_values]
            about = "Drawn by name, from as many people, animals or things as there are."
        planned.append((head.title, about, [sheet for sheet in of_head if sheet.total]))
    total = sum(len(of_head) for *_, of_head in planned)
    groups, done = [_of_findings(gathered.photos, findings, most)], 0
    for title, about, of_head in planned:
        sheets = []
        for sheet in of_head:
            sheets.append(_sheet(sheet.title, [(_label(each), each) for each in sheet.subjects], sheet.total))
            done += 1
            say(done, total, "contact sheets drawn")
        groups.append(Group(title, about, tuple(sheets)))
    return [group for group in groups if group.sheets]


def evenly(subjects: Iterable[Subject]) -> list[Subject]:
    """All of them, so ordered that each group comes once before any comes twice; the same order each time."""
    of_group: dict[str, list[Subject]] = {}
    for subject in sorted(subjects, key=lambda each: stable_draw("sheet", each.photo.name, str(each.labelled.box))):
        of_group.setdefault(subject.group, []).append(subject)
    return [each for round_ in zip_longest(*of_group.values()) for each in round_ if each is not None]


def _spread(subjects: Sequence[Subject], most: int) -> list[Subject]:
    """At most so many, at equal steps, with the first and the last."""
    if len(subjects) <= most:
        return list(subjects)
    return [subjects[round(place * (len(subjects) - 1) / max(1, most - 1))] for place in range(most)]


def _label(subject: Subject) -> str:
    scores = [f"{name} {value:g}" for name, value in subject.known.items() if not isinstance(value, str)]
    return " · ".join([subject.photo.name, subject.group, *scores])


def _of_findings(photos: Sequence[Photo], findings: Sequence[Finding], most: int) -> Group:
    by_name = {photo.name: photo for photo in photos}
    sheets = []
    for finding in findings:
        names = [name for name in finding.names if name in by_name][: most - most % 2 or 1]
        if finding.what in _SHOWN and names:
            cells = [(f"{name} · {', '.join(by_name[name].groups)}", by_name[name]) for name in names]
            sheets.append(_sheet(_SHOWN[finding.what], cells, len(finding.names)))
    return Group(
        "Look at these first", "Photos that a finding names; copies stand side by side.", tuple(sheets), first=True
    )


def _sheet(title: str, cells: Sequence[tuple[str, Subject | Photo]], total: int) -> Sheet:
    with in_threads(_picture, [each for _, each in cells]) as pictures:
        sheet = grid(list(pictures), _CELL, _COLUMNS)
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=QUALITY)
    jpeg = base64.b64encode(written.getvalue()).decode()
    return Sheet(title, tuple(name for name, _ in cells), total, sheet.size, jpeg)


def _picture(of: Subject | Photo) -> Image.Image:
    """The whole photo, or a subject with some room around its box."""
    photo = of if isinstance(of, Photo) else of.photo
    picture = Image.fromarray(decode(photo.path.read_bytes()).image)
    if isinstance(of, Subject):
        x0, y0, x1, y1 = of.labelled.box.corners
        left, top, right, bottom = x0 * picture.width, y0 * picture.height, x1 * picture.width, y1 * picture.height
        room = _MARGIN * max(right - left, bottom - top)
        picture = picture.crop(
            (
                max(0, round(left - room)),
                max(0, round(top - room)),
                min(picture.width, max(round(right + room), round(left) + 1)),
                min(picture.height, max(round(bottom + room), round(top) + 1)),
            )
        )
    return ImageOps.contain(picture, _CELL, Image.Resampling.LANCZOS)
