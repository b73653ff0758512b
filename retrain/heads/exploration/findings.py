"""What a look at a recipe's data finds: what a training lacks, and what a head may learn in place of its question.

A finding stops a training, or is a warning. What stops one is by the constants of fit.py and judge.py, of the label
files alone: of subjects that the finder does not find again in their photos nothing is learned either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

from contracts.boxes import iou, match_greedily
from contracts.subject_labels import SubjectLabels
from recipes.recipe import Head, Recipe
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.vetting.duplicates import nearly_earlier
from retrain.heads.dataset import GOLDEN, TRAIN
from retrain.heads.examples import LEAST_IOU
from retrain.heads.exploration.counts import HeadCounts, rows_of, teaching, values_of
from retrain.heads.exploration.photos import Gathered, Photo, Subject
from retrain.heads.fit import FIFTHS, LEAST_OF_SCORE, LEAST_OF_VALUE, PARTS
from retrain.heads.judge import GoldenSet, GoldenSubject
from retrain.judge.settings import JudgeSettings

TELLS: Final = 0.9  # of the pairs of a subject with the value and one without: then a measure alone tells the value
LEAST_COMPARED: Final = 20  # subjects on both sides; of fewer, one in twenty measures would tell a value by chance
NAMED: Final = 3  # names in a sentence
_NEAR_BITS: Final = DatasetSettings().near_bits


class Level(StrEnum):
    """What a finding means."""

    STOPS = "stops"  # a training fails, or is skipped
    WARNS = "warns"


@dataclass(frozen=True, slots=True)
class Finding:
    """`what`: its kind, for programs. `text`: a sentence. `names`: of photos, all that it is about."""

    level: Level
    what: str
    text: str
    names: tuple[str, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        return {"level": self.level, "what": self.what, "text": self.text, "photos": list(self.names)}


def find(recipe: Recipe, gathered: Gathered, heads: Sequence[HeadCounts]) -> tuple[Finding, ...]:
    """Every finding, those that stop a training first."""
    subjects = gathered.subjects
    found = [
        *_invalid(gathered),
        *_lacking(recipe, subjects, heads),
        *_golden(recipe, gathered),
        *_groups(recipe, gathered.photos, heads),
        *_inputs(recipe, gathered.photos),
        *_strange(heads),
        *_confused(recipe, teaching(subjects)),
        *_told_by_pixels(recipe, teaching(subjects)),
        *_same_pictures(gathered.photos),
        *_near_pictures(gathered.photos),
        *_small(recipe, subjects),
        *_turned(gathered.photos),
    ]
    return tuple(sorted(found, key=lambda finding: list(Level).index(finding.level)))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _named(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED:,} more" if len(every) > NAMED else "")


def _invalid(gathered: Gathered) -> Iterator[Finding]:
    for why in dict.fromkeys(each.why for each in gathered.stops):
        some = [each for each in gathered.stops if each.why == why]
        text = f"{why}: {len(some):,}; a training refuses the folder for one: {some[0].name}: {some[0].detail}"
        yield Finding(Level.STOPS, "invalid_labels", text, tuple(each.name for each in some))


def _lacking(recipe: Recipe, subjects: Sequence[Subject], heads: Sequence[HeadCounts]) -> Iterator[Finding]:
    """The examples that a training of the heads needs and has not; see fit.py."""
    groups = {each.group for each in teaching(subjects)}
    for head in heads:
        level, then = Level.STOPS, ""
        if head.head.later:
            level, then = Level.WARNS, ", so its answer stays unknown"
        for lack in _lacks(head, PARTS if recipe.tune.unfreeze else 2):
            yield Finding(level, "too_few", f"{lack}{then}")
    if len(groups) < 2:
        text = f"the photos that teach show {_of_groups(len(groups))}, and 2 are needed, so that one can be held out"
        yield Finding(Level.STOPS, "too_few_groups", text)
    elif recipe.tune.unfreeze and len(groups) < PARTS:
        text = f"the photos that teach show {_of_groups(len(groups))}, and tune needs {PARTS}"
        yield Finding(Level.STOPS, "too_few_groups", text)
    whole = sum(all(name in each.known for name in recipe.join) for each in teaching(subjects))
    needed = LEAST_OF_SCORE * (FIFTHS if recipe.tune.unfreeze else 1)  # a fifth of them judges a network that learns
    if recipe.join and whole < needed:
        of = ", ".join(recipe.join)
        text = f"{_count(whole, 'subject')} with an answer to each of {of}; {needed} are needed"
        yield Finding(Level.STOPS, "too_few_joined", text)


def _of_groups(number: int) -> str:
    return f"{number:,} {'person, animal or thing' if number == 1 else 'people, animals or things'}"


def _lacks(head: HeadCounts, groups: int) -> Iterator[str]:
    if head.head.colour is not None:
        return
    if head.head.score is not None:
        if head.known < LEAST_OF_SCORE:
            yield f"{head.title}: {_count(head.known, 'subject')}, and {LEAST_OF_SCORE} are needed"
        return
    for value in head.values:
        if value.subjects < LEAST_OF_VALUE:
            yield f"{head.title} = {value.value}: {_count(value.subjects, 'subject')}, and {LEAST_OF_VALUE} are needed"
        elif value.groups < 2:
            yield f"{head.title} = {value.value}: of one person, animal or thing only, so nothing can be held out"
        elif value.groups < groups:
            yield f"{head.title} = {value.value}: {_of_groups(value.groups)}, and tune needs {groups}"


def _golden(recipe: Recipe, gathered: Gathered) -> Iterator[Finding]:
    """What the judge lacks. A folder has no golden photos, and its training judges nothing."""
    photos = [photo for photo in gathered.photos if photo.part == GOLDEN]
    if not photos and all(photo.source == photo.source.FILES for photo in gathered.photos):
        return
    golden = [
        GoldenSubject(number, subject.labelled, subject.known, subject.group)
        for number, photo in enumerate(photos)
        for subject in photo.subjects
    ]
    settings = JudgeSettings(draws=1)
    judged = GoldenSet.of(recipe, golden, settings)
    least = settings.golden_least_per_label
    few = [f"{count:,} of {name}" for name, count in judged.counts().items() if count < least]
    if not judged.judges:
        text = "no golden photo has an answer to the question that the recipe is judged by; a training is skipped"
        yield Finding(Level.STOPS, "golden_too_small", text)
    elif few:
        text = f"golden has only {', '.join(few)}; with fewer than {least} of a value no run is promoted"
        yield Finding(Level.WARNS, "golden_too_small", text)
    if judged.judges and judged.groups < (groups := min(settings.golden_least_moments, settings.golden_least)):
        text = f"golden shows {_of_groups(judged.groups)}; with fewer than {groups} no run is promoted"
        yield Finding(Level.WARNS, "golden_too_small", text)


def _groups(recipe: Recipe, photos: Sequence[Photo], heads: Sequence[HeadCounts]) -> Iterator[Finding]:
    """Whether groups are stated at all, and whether each value has one for every fold."""
    if photos and not any(subject.labelled.group for photo in photos for subject in photo.subjects):
        known = "photos of one device within a minute count as one group, and others" if photos[0].device else "photos"
        text = (
            f"no label file says which person, animal or thing a subject is (group): {known} stand alone, so the same "
            "one may be learned and judged, and figures are too good"
        )
        yield Finding(Level.WARNS, "no_groups", text)
    folds = recipe.judge.folds
    for head in heads:
        few = [value for value in head.values if value.subjects >= LEAST_OF_VALUE and 2 <= value.groups < folds]
        if few and head.head.colour is None:
            values = ", ".join(f"{value.value} ({value.groups})" for value in few)
            text = (
                f"{head.title}: of few people, animals or things: {values}; fewer folds than {folds} hold out, and "
                "their figures say little"
            )
            yield Finding(Level.WARNS, "few_groups", text)


def _inputs(recipe: Recipe, photos: Sequence[Photo]) -> Iterator[Finding]:
    for name, values in recipe.inputs.items():
        without = [photo.name for photo in photos if photo.labels.inputs.get(name) not in values]
        if without:
            text = (
                f"{_count(len(without), 'photo')} without the input {name} ({' | '.join(values)}): questions that need "
                f"it learn nothing there: {_named(without)}"
            )
            yield Finding(Level.WARNS, "missing_input", text, tuple(without))


def _strange(heads: Sequence[HeadCounts]) -> Iterator[Finding]:
    for head in heads:
        if head.strange:
            text = (
                f"{head.title}: {_count(head.strange, 'subject')} with an answer that only another head of it "
                f"says, and which teaches nothing. This head says {', '.join(head.head.says)}"
            )
            yield Finding(Level.WARNS, "strange_answers", text)


def _confused(recipe: Recipe, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Values that come with one value of something else only: a head can't tell the two apart."""
    for head in recipe.heads:
        rows = rows_of(recipe, head, subjects)
        for name, value_of in _beside(recipe, head, subjects).items():
            pairs = Counter((str(each.known[head.name]), value_of(each)) for each in rows)
            others = {other for _, other in pairs if other is not None}
            if len(others) < 2 or not head.says:
                continue
            for value in head.says:
                beside = {other: count for (said, other), count in pairs.items() if said == value}
                known = [other for other in beside if other is not None]
                if len(known) == 1 and beside[known[0]] >= LEAST_OF_VALUE:
                    text = (
                        f"{head.title} = {value}: all {beside[known[0]]:,} with a known {name} are {known[0]}; "
                        f"the head may learn {name} in place of {head.name}"
                    )
                    yield Finding(Level.WARNS, "confusable", text)


def _beside(recipe: Recipe, head: Head, subjects: Sequence[Subject]) -> Mapping[str, Callable[[Subject], str | None]]:
    """What else is known of a subject: inputs, the judge's groups, facts, the device."""
    names = [name for name in dict.fromkeys((*recipe.inputs, *recipe.judge.groups)) if values_of(recipe, name)]
    facts = sorted({name for each in subjects for name in each.labelled.facts})
    beside: dict[str, Callable[[Subject], str | None]] = {
        name: lambda each, name=name: each.texts.get(name)
        for name in names
        if name != head.name and name not in head.when
    }
    beside |= {name: lambda each, name=name: each.labelled.facts.get(name) for name in facts if name != head.name}
    return beside | {"device": lambda each: each.photo.device}


# What is measured of a subject's photo, and says nothing of what a head is asked.
_MEASURES: Final[Mapping[str, Callable[[Subject], float]]] = {
    "brightness": lambda each: each.photo.measured.brightness,
    "contrast": lambda each: each.photo.measured.contrast,
    "the photo's short side": lambda each: min(each.photo.measured.size),
    "the subject's short side": lambda each: each.px,
}


def _told_by_pixels(recipe: Recipe, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Values that one measure of the picture tells from the others: the area under its ROC curve."""
    for head in recipe.heads:
        rows = rows_of(recipe, head, subjects)
        if not head.says or head.colour is not None:
            continue
        for value in head.says:
            has = np.array([each.known[head.name] == value for each in rows], bool)
            if min(has.sum(), (~has).sum()) < LEAST_COMPARED:
                continue
            for name, measure in _MEASURES.items():
                numbers = np.array([measure(each) for each in rows])
                area = area_under_roc(numbers, has)
                if max(area, 1 - area) >= TELLS:
                    text = (
                        f"{head.title} = {value}: {name} alone tells it in {max(area, 1 - area):.0%} of pairs "
                        f"(median {np.median(numbers[has]):.0f} against {np.median(numbers[~has]):.0f} of the others); "
                        f"unless that is the sign itself, the head may learn it in place of {head.name}"
                    )
                    yield Finding(Level.WARNS, "told_by_pixels", text)


def area_under_roc(numbers: np.ndarray, has: np.ndarray) -> float:
    """The share of pairs of one that has it and one that has not, in which the first has the higher number."""
    positive, negative = int(has.sum()), int((~has).sum())
    return float((rankdata(numbers)[has].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _same_pictures(photos: Sequence[Photo]) -> Iterator[Finding]:
    """Pictures that are there twice, byte for byte."""
    same: dict[str, list[Photo]] = {}
    for photo in photos:
        same.setdefault(photo.measured.sha256, []).append(photo)
    copies = [some for some in same.values() if len(some) > 1]
    leaks = [some for some in copies if {photo.part for photo in some} == {TRAIN, GOLDEN}]
    differing = {
        id(some): sorted({name for one, other in combinations(some, 2) for name in differs(one.labels, other.labels)})
        for some in copies
    }
    conflicts = [some for some in copies if differing[id(some)]]
    groups = [some for some in copies if len({photo.groups for photo in some}) > 1 and some not in conflicts]
    if leaks:
        yield _copies("leaks", leaks, "in train and in golden: what judges was learned")
    if conflicts:
        questions = ", ".join(dict.fromkeys(name for some in conflicts for name in differing[id(some)]))
        yield _copies("conflicts", conflicts, f"with different labels ({questions}): one of them is wrong")
    if groups:
        why = "of different groups (people, animals or things): the same picture may be learned and judged"
        yield _copies("copies_of_groups", groups, why)
    rest = [some for some in copies if some not in leaks and some not in conflicts and some not in groups]
    if rest:
        yield _copies("copies", rest, "with the same labels: they count twice")


def _copies(what: str, copies: Sequence[Sequence[Photo]], why: str) -> Finding:
    first = " and ".join(photo.name for photo in copies[0][:NAMED])
    number = f"{len(copies):,} {'picture is' if len(copies) == 1 else 'pictures are'}"
    names = tuple(photo.name for some in copies for photo in some)
    return Finding(Level.WARNS, what, f"{number} there more than once, {why}: {first}", names)


def differs(one: SubjectLabels, other: SubjectLabels) -> set[str]:
    """The questions to which the same subjects have different known answers."""
    overlaps = (
        (iou(subject.box, same.box), number, place)
        for number, subject in enumerate(one.subjects)
        for place, same in enumerate(other.subjects)
    )
    pairs = match_greedily(each for each in overlaps if each[0] >= LEAST_IOU)
    return {
        question
        for number, place in pairs.items()
        for question, value in one.subjects[number].answers.items()
        if value != other.subjects[place].answers.get(question, value)
    }


def _near_pictures(photos: Sequence[Photo]) -> Iterator[Finding]:
    """Pictures that look alike (vetting/duplicates.py), of other bytes and of other groups."""
    hashes = [photo.measured.phash for photo in photos]
    nearly = nearly_earlier(hashes, [photo.groups for photo in photos], near_bits=_NEAR_BITS)
    pairs = [(photos[place], photos[earlier]) for place, earlier in nearly.items()]
    pairs = [(later, earlier) for later, earlier in pairs if later.measured.sha256 != earlier.measured.sha256]
    if pairs:
        later, earlier = pairs[0]
        text = (
            f"{len(pairs):,} {'photo looks' if len(pairs) == 1 else 'photos look'} like one of another group (person, "
            f"animal or thing); if it is the same, it may be learned and judged: {later.name} and {earlier.name}"
        )
        yield Finding(Level.WARNS, "near_copies", text, tuple(photo.name for pair in pairs for photo in pair))


def _small(recipe: Recipe, subjects: Sequence[Subject]) -> Iterator[Finding]:
    small = [each for each in subjects if each.px < recipe.find.least_px]
    if small:
        names = tuple(dict.fromkeys(each.photo.name for each in small))
        text = (
            f"{_count(len(small), 'subject')} smaller than the {recipe.find.least_px} pixels of find.least_px: such "
            f"teach, and the worker does not answer about them: {_named(names)}"
        )
        yield Finding(Level.WARNS, "small", text, names)


def _turned(photos: Sequence[Photo]) -> Iterator[Finding]:
    names = tuple(photo.name for photo in photos if photo.measured.turned)
    if names:
        text = (
            f"{_count(len(names), 'photo')} turned by EXIF: boxes must be of the upright picture, and an import leaves "
            f"such photos out: {_named(names)}"
        )
        yield Finding(Level.WARNS, "turned", text, names)
