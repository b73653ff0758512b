"""Counts of a recipe's labelled subjects: by value, crossed by groups, joined; of photos by source, device, week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from recipes.reading import JOINED
from recipes.recipe import Head, Recipe
from retrain.heads.dataset import GOLDEN, TRAIN
from retrain.heads.exploration.photos import Gathered, Photo, Subject

BINS: Final = 10  # of a score's histogram
MISSING: Final = "missing"
NO_WEEK: Final = "no time"
_AT: Final = (0.0, 0.1, 0.5, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The lowest number, the 10 %, 50 % and 90 % quantile, and the highest."""

    low: float
    tenth: float
    middle: float
    ninetieth: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Quantiles | None:
        """None without numbers."""
        return cls(*(round(float(each), 3) for each in np.quantile(numbers, _AT))) if numbers else None


@dataclass(frozen=True, slots=True)
class ValueCount:
    """The subjects with one value of a head, of which `golden` judge and the others teach.

    `photos` and `groups`: of those that teach. `brightness` (of photos) and `px` (of subjects): of all; None of none.
    """

    value: str
    subjects: int
    photos: int
    groups: int
    golden: int
    brightness: Quantiles | None
    px: Quantiles | None


@dataclass(frozen=True, slots=True)
class HeadCounts:
    """What is labelled for one head. `title`: its question and its `when`.

    `asked`: subjects that teach and that the head is asked about; of `unknown` ones the answer is missing. `strange`:
    answers of asked subjects that another head of the question says, and this one does not; they teach nothing.
    `known`: those that teach this head, of so many `groups`.
    `values`: of a choice or a colour; `score` and `bins` (of equal width): of a score.
    """

    head: Head
    title: str
    asked: int
    known: int
    groups: int
    unknown: int
    strange: int
    golden: int
    values: tuple[ValueCount, ...] = ()
    score: Quantiles | None = None
    bins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Crossed:
    """Subjects that teach, by the groups that the judge compares (rows) and the judged values (columns).

    None: no head says that of such a subject.
    """

    groups: tuple[str, ...]
    of: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int | None, ...]], ...]


def teaching(subjects: Iterable[Subject]) -> list[Subject]:
    """Those that are learned from; the others are golden."""
    return [subject for subject in subjects if subject.photo.part == TRAIN]


def rows_of(recipe: Recipe, head: Head, subjects: Iterable[Subject]) -> list[Subject]:
    """The subjects whose answer teaches a head, or judges it: it is asked, and says such a value."""
    return [each for each in asked_of(recipe, head, subjects) if _says(head, each)]


def asked_of(recipe: Recipe, head: Head, subjects: Iterable[Subject]) -> list[Subject]:
    """The subjects that a head is asked about."""
    return [each for each in subjects if recipe.asked(head, each.texts)]


def _says(head: Head, subject: Subject) -> bool:
    value = subject.known.get(head.name)
    return value in head.says if head.says else value is not None


def count_head(recipe: Recipe, head: Head, subjects: Sequence[Subject]) -> HeadCounts:
    """The counts of one head."""
    asked = asked_of(recipe, head, teaching(subjects))
    every = rows_of(recipe, head, subjects)
    taught = teaching(every)
    unknown = sum(head.name not in each.known for each in asked)
    score = head.score
    numbers = [float(each.known[head.name]) for each in taught] if score is not None else []
    bins = () if score is None else np.histogram(numbers, BINS, (score.low, score.high))[0]
    return HeadCounts(
        head=head,
        title=head.title,
        asked=len(asked),
        known=len(taught),
        groups=len({each.group for each in taught}),
        unknown=unknown,
        strange=len(asked) - unknown - len(taught),
        golden=len(every) - len(taught),
        values=tuple(_value(head, value, every) for value in head.says),
        score=Quantiles.of(numbers),
        bins=tuple(int(count) for count in bins),
    )


def _value(head: Head, value: str, rows: Sequence[Subject]) -> ValueCount:
    every = [each for each in rows if each.known[head.name] == value]
    taught = teaching(every)
    return ValueCount(
        value=value,
        subjects=len(taught),
        photos=len({each.photo.path for each in taught}),
        groups=len({each.group for each in taught}),
        golden=len(every) - len(taught),
        brightness=Quantiles.of([each.photo.measured.brightness for each in every]),
        px=Quantiles.of([each.px for each in every]),
    )


def count_inputs(recipe: Recipe, photos: Sequence[Photo]) -> dict[str, dict[str, int]]:
    """Photos by the value of each input of the recipe; MISSING where a photo has none, or one of no such name."""
    counts = {}
    for name, values in recipe.inputs.items():
        said = Counter(photo.labels.inputs.get(name) for photo in photos)
        counts[name] = {value: said[value] for value in values}
        counts[name][MISSING] = len(photos) - sum(counts[name].values())
    return counts


def count_facts(subjects: Sequence[Subject]) -> dict[str, dict[str, int]]:
    """Subjects by each fact that label files state."""
    counts: dict[str, Counter[str]] = {}
    for subject in subjects:
        for name, value in subject.labelled.facts.items():
            counts.setdefault(name, Counter())[value] += 1
    return {name: dict(sorted(some.items())) for name, some in sorted(counts.items())}


def count_joined(recipe: Recipe, subjects: Sequence[Subject]) -> dict[str, int]:
    """Subjects of each joined class; empty without a join."""
    said = Counter(recipe.class_of(subject.texts) for subject in subjects)
    return {name: said[number] for number, name in enumerate(recipe.classes)}


def values_of(recipe: Recipe, name: str) -> tuple[str, ...]:
    """The values of a question or an input."""
    return recipe.inputs.get(name) or recipe.says(name)


def cross(recipe: Recipe, subjects: Sequence[Subject]) -> Crossed | None:
    """The judge's groups against what it judges by; None where it compares no groups."""
    judge = recipe.judge
    if not judge.groups:
        return None
    judged = recipe.join if judge.of == JOINED else (judge.of or recipe.questions[0],)
    of = tuple(name for name in judged if name not in judge.groups and values_of(recipe, name))
    columns = list(product(*(values_of(recipe, name) for name in of)))
    said = Counter(
        (tuple(each.texts.get(name) for name in judge.groups), tuple(each.texts.get(name) for name in of))
        for each in subjects
    )
    rows = product(*(values_of(recipe, name) for name in judge.groups))

    def count(row: tuple[str, ...], column: tuple[str, ...]) -> int | None:
        known = dict(zip((*judge.groups, *of), (*row, *column), strict=True))
        return said[row, column] if _possible(recipe, known) else None

    return Crossed(
        groups=judge.groups,
        of=of,
        columns=tuple(" ".join(column) or "subjects" for column in columns),
        rows=tuple((" ".join(row), tuple(count(row, column) for column in columns)) for row in rows),
    )


def _possible(recipe: Recipe, known: Mapping[str, str]) -> bool:
    """Whether heads can say all of it about one subject."""
    return all(
        name in recipe.inputs
        or any(
            value in head.says and all(known.get(other, wanted) == wanted for other, wanted in head.when.items())
            for head in recipe.heads_of(name)
        )
        for name, value in known.items()
    )


def count_sources(photos: Sequence[Photo]) -> dict[str, dict[str, int]]:
    """Photos by where their labels come from, and by part."""
    said = Counter((photo.source, photo.part) for photo in photos)
    return {
        source: {part: said[source, part] for part in (TRAIN, GOLDEN)}
        for source in dict.fromkeys(photo.source for photo in photos)
    }


def count_weeks(photos: Sequence[Photo]) -> dict[str, dict[str, int]]:
    """Photos by device and week, of those whose names tell the device; NO_WEEK where a name tells no time."""
    counts: dict[str, Counter[str]] = {}
    for photo in photos:
        if photo.device is not None:
            counts.setdefault(photo.device, Counter())[photo.week or NO_WEEK] += 1
    return {device: dict(sorted(weeks.items())) for device, weeks in sorted(counts.items())}


def measure_pictures(gathered: Gathered) -> Mapping[str, Quantiles]:
    """What is measured of the pictures and of the subjects in them."""
    of_photos = {
        "width": [photo.measured.size[0] for photo in gathered.photos],
        "height": [photo.measured.size[1] for photo in gathered.photos],
        "brightness": [photo.measured.brightness for photo in gathered.photos],
        "contrast": [photo.measured.contrast for photo in gathered.photos],
        "subjects a photo": [len(photo.labels.subjects) for photo in gathered.photos],
        "subject's short side": [subject.px for subject in gathered.subjects],
    }
    found = {name: Quantiles.of(numbers) for name, numbers in of_photos.items()}
    return {name: quantiles for name, quantiles in found.items() if quantiles is not None}
