"""Measures the heads of a candidate and of the incumbent on the same golden subjects, and applies the rules.

The rules have the names, the order and the sense of retrain/judge/rules.py. What is measured differs: macro F1 or mean
absolute error of the question that the recipe names, its groups, and the promise of each head's gate. A subject that a
model does not find is answered wrong. The bootstrap draws groups (persons, animals, bursts), the same for both models.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.answers_message import UNANSWERED
from contracts.boxes import iou_of_corners, match_greedily
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.reading import JOINED
from recipes.recipe import Recipe
from retrain.heads.examples import LEAST_IOU
from retrain.heads.predictions import HeadSaid, PredictedPhoto
from retrain.judge.metrics import Estimate, share_below_0
from retrain.judge.rules import RuleCheck, Ruling
from retrain.judge.settings import JudgeSettings

NOT_FOUND: Final = "not found"
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GoldenSubject:
    """A subject that a person has checked. `known`: inputs and answers."""

    photo: int  # its place among the golden photos
    subject: LabelledSubject
    known: Mapping[str, str | float]
    group: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says about one golden subject: question → value, number, or NOT_FOUND; and its confidences.

    `intervals`: of numbers, the lowest and the highest. `found`: whether it found the subject at all; one that it found
    may have no value: each head is unknown, or its region unseen.
    """

    values: Mapping[str, str | float]
    confidences: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    found: bool = True


def golden_subjects(labels: Sequence[SubjectLabels], groups: Sequence[str]) -> list[GoldenSubject]:
    """The subjects of the golden photos. `groups`: of each photo, for subjects that name none of their own."""
    return [
        GoldenSubject(number, subject, {**photo.inputs, **subject.answers}, subject.group or group)
        for number, (photo, group) in enumerate(zip(labels, groups, strict=True))
        for subject in photo.subjects
    ]


def said_about(recipe: Recipe, golden: Sequence[GoldenSubject], predicted: Sequence[PredictedPhoto]) -> list[Said]:
    """What a model says about each golden subject, as a worker would tell it."""
    by_photo: dict[int, list[int]] = {}
    for place, subject in enumerate(golden):
        by_photo.setdefault(subject.photo, []).append(place)
    said = [Said({}, {}, found=False)] * len(golden)
    for photo, places in by_photo.items():
        found = predicted[photo].subjects
        overlaps = (
            (iou_of_corners(golden[place].subject.box.corners, subject.box), place, number)
            for place in places
            for number, subject in enumerate(found)
        )
        matches = match_greedily(each for each in overlaps if each[0] >= LEAST_IOU)
        for place, number in matches.items():
            inputs = {name: str(golden[place].known[name]) for name in recipe.inputs if name in golden[place].known}
            said[place] = _told(recipe, found[number].heads, inputs)
    return said


def _told(recipe: Recipe, heads: Sequence[HeadSaid], inputs: Mapping[str, str]) -> Said:
    counts = recipe.route([head.value for head in heads], inputs)
    values: dict[str, str | float] = {
        recipe.heads[number].name: heads[number].number if heads[number].value is None else str(heads[number].value)
        for number in counts
        if heads[number].value not in UNANSWERED
    }
    confidences = {recipe.heads[number].name: heads[number].confidence for number in counts}
    intervals = {recipe.heads[number].name: (heads[number].low, heads[number].high) for number in counts}
    return Said(
        values,
        {question: confidences[question] for question in values},
        {question: intervals[question] for question in values},
    )


@dataclass(frozen=True, slots=True)
class HeadsFigures:
    """The figures of one model. Arrays are (1 + draws,), the first is the golden set itself.

    `score`: higher is better. `right`: of each group of subjects, the share with the right answer to the judged
    question; for a score the mean of 1 less the error in parts of the range. `gates`: of each question, how many
    answers pass its gate, and how many of these are right.
    """

    score: Floats
    right: Mapping[str, Floats]
    gates: Mapping[str, tuple[int, int]]
    ms: float


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """The golden subjects of the judged question, and how often each is drawn, (subjects, 1 + draws)."""

    recipe: Recipe
    subjects: Sequence[GoldenSubject]
    draws: Floats

    @property
    def judges(self) -> bool:
        """Whether any subject has an answer to the judged question."""
        return any(judged(self.recipe, subject.known) is not None for subject in self.subjects)

    @classmethod
    def of(cls, recipe: Recipe, golden: Sequence[GoldenSubject], settings: JudgeSettings) -> GoldenSet:
        """The bootstrap's draws of the groups."""
        if not golden:
            return cls(recipe, golden, np.ones((0, 1 + settings.draws)))
        names = {group: place for place, group in enumerate(dict.fromkeys(subject.group for subject in golden))}
        place = np.array([names[subject.group] for subject in golden], dtype=np.intp)
        rng = np.random.default_rng(settings.seed)
        counts = rng.multinomial(len(names), np.full(len(names), 1 / max(1, len(names))), size=settings.draws)
        drawn = np.concatenate([np.ones((len(golden), 1)), counts[:, place].T], axis=1).astype(np.float64)
        return cls(recipe, golden, drawn)

    def figures(self, said: Sequence[Said], *, ms: float, gate: float) -> HeadsFigures:
        """The figures of a model that says this about the subjects."""
        truth = [judged(self.recipe, subject.known) for subject in self.subjects]
        told = [judged(self.recipe, each.values) for each in said]
        answer = [NOT_FOUND if value is None else value for value in told]
        counts = np.array([value is not None for value in truth])
        good = self._good(truth, answer)
        return HeadsFigures(
            score=self._score(truth, answer, counts),
            right={name: self._mean(good, counts & part) for name, part in self._parts().items()},
            gates=self._gates(said, gate),
            ms=ms,
        )

    def counts(self) -> dict[str, int]:
        """Golden subjects of each value of the judged question, or of all joined ones."""
        names = self.recipe.join if _of(self.recipe) == JOINED else (_of(self.recipe),)
        known = [subject.known for subject in self.subjects]
        return {
            f"{name} = {value}": sum(each.get(name) == value for each in known)
            for name in names
            for value in self.recipe.says(name)
        } or {names[0]: sum(names[0] in each for each in known)}

    @property
    def groups(self) -> int:
        return len({subject.group for subject in self.subjects})

    def _score(self, truth: Sequence[Any], answer: Sequence[Any], counts: NDArray[np.bool_]) -> Floats:
        if not self.recipe.says(_of(self.recipe)) and _of(self.recipe) != JOINED:
            return self._minus_error(truth, answer, counts)
        f1 = []
        for value in sorted({str(each) for each in truth if each is not None}):
            is_it = np.array([each == value for each in truth])
            said_it = np.array([each == value for each in answer]) & counts
            both = is_it.astype(float) + said_it.astype(float)
            hits, total = self.draws.T @ (is_it & said_it), self.draws.T @ both
            known = self.draws.T @ is_it > 0
            f1.append(np.where(known, 2 * hits / np.maximum(total, 1), np.nan))
        return np.asarray(np.nanmean(np.array(f1), axis=0))

    def _minus_error(self, truth: Sequence[Any], answer: Sequence[Any], counts: NDArray[np.bool_]) -> Floats:
        """Minus the mean absolute error; a subject that is not found has the error of the mean."""
        known = np.array([float(each) if each is not None else 0.0 for each in truth])
        middle = float(known[counts].mean()) if counts.any() else 0.0
        said = np.array([middle if each == NOT_FOUND else float(each) for each in answer])
        errors, weights = np.abs(said - known) * counts, counts.astype(float)
        return np.asarray(-(self.draws.T @ errors) / np.maximum(self.draws.T @ weights, 1))

    def _good(self, truth: Sequence[Any], answer: Sequence[Any]) -> Floats:
        """How good each answer is: 1 for the right value, else 0; of a score 1 less its error in parts of the range."""
        head = self.recipe.heads_of(_of(self.recipe))
        if not head or head[0].score is None:
            return np.array([float(a == t) for a, t in zip(answer, truth, strict=True)])
        wide = head[0].score.high - head[0].score.low
        return np.array(
            [
                0.0 if a == NOT_FOUND or t is None else max(0.0, 1 - abs(float(a) - float(t)) / wide)
                for a, t in zip(answer, truth, strict=True)
            ]
        )

    def _mean(self, good: Floats, part: NDArray[np.bool_]) -> Floats:
        total = self.draws.T @ part.astype(float)
        return np.asarray(np.where(total > 0, (self.draws.T @ (good * part)) / np.maximum(total, 1), np.nan))

    def _parts(self) -> dict[str, NDArray[np.bool_]]:
        names = {name: self.recipe.inputs.get(name) or self.recipe.says(name) for name in self.recipe.judge.groups}
        judged_names = self.recipe.join if _of(self.recipe) == JOINED else (_of(self.recipe),)
        names |= {name: self.recipe.says(name) for name in judged_names}
        return {
            f"{name} = {value}": np.array([subject.known.get(name) == value for subject in self.subjects])
            for name, values in names.items()
            for value in values
        }

    def _gates(self, said: Sequence[Said], gate: float) -> dict[str, tuple[int, int]]:
        gates = {}
        for question in self.recipe.questions:
            heads = [head.gate for head in self.recipe.heads_of(question) if head.gate is not None]
            least = max(heads, default=gate)
            passing = [
                subject.known.get(question) == each.values[question]
                for subject, each in zip(self.subjects, said, strict=True)
                if question in subject.known and each.confidences.get(question, 0.0) >= least
            ]
            if self.recipe.says(question) and self.recipe.learns(question):  # the share of a colour promises nothing
                gates[question] = len(passing), sum(passing)
        return gates


def judged(recipe: Recipe, known: Mapping[str, str | float]) -> str | float | None:
    """The value of the judged question, or the joined class; None if it is not known."""
    of = _of(recipe)
    if of != JOINED:
        return known.get(of)
    values = {name: value for name, value in known.items() if isinstance(value, str)}
    number = recipe.class_of(values)
    return None if number is None else recipe.classes[number]


def _of(recipe: Recipe) -> str:
    return recipe.judge.of or recipe.questions[0]


def rule(
    candidate: HeadsFigures, incumbent: HeadsFigures, golden: GoldenSet, *, gate: float, settings: JudgeSettings
) -> Ruling:
    """The ruling, with the checks of every rule."""
    checks = [
        _golden_too_small(golden, settings),
        _not_better(candidate, incumbent, golden.recipe),
        _group_behind(candidate, incumbent, settings),
        _promise_broken(candidate, incumbent, golden.recipe, gate),
        _too_slow(candidate, incumbent, settings),
    ]
    failed = next((check for check in checks if not check.passes), None)
    if failed is not None:
        return Ruling(False, failed.rule, failed.text, tuple(checks))
    text = f"{checks[1].text}; no group falls behind, the gates keep their promise, and it is fast enough"
    return Ruling(True, "better", text, tuple(checks))


def _golden_too_small(golden: GoldenSet, settings: JudgeSettings) -> RuleCheck:
    counts, least = golden.counts(), settings.golden_least_per_label
    few = [f"{count} of {name}, of {least} needed" for name, count in counts.items() if count < least]
    groups = min(settings.golden_least_moments, settings.golden_least)
    if golden.groups < groups:
        few.append(f"{golden.groups} persons, animals or moments, of {groups} needed")
    text = (
        f"of the golden subjects there are only {', '.join(few)}. Check more photos by hand, and add them: "
        "nunchi recipe import --golden"
        if few
        else f"{len(golden.subjects)} golden subjects of {golden.groups} groups are enough to judge by"
    )
    numbers = {"subjects": counts, "least": least, "groups": golden.groups, "least_groups": groups}
    return RuleCheck("golden_too_small", not few, text, numbers)


def _not_better(candidate: HeadsFigures, incumbent: HeadsFigures, recipe: Recipe) -> RuleCheck:
    difference = Estimate.of(candidate.score - incumbent.score)
    passes = difference.low > 0
    words = f"{recipe.judge.metric.replace('_', ' ')} of {_of(recipe)}"
    text = (
        f"{words} is {abs(candidate.score[0]):.3f} against {abs(incumbent.score[0]):.3f}, a gain of "
        f"{difference.value:+.3f} (95 % interval {difference.low:+.3f} to {difference.high:+.3f}), which is "
        f"{'more than noise' if passes else 'no proof that it is better'}"
    )
    numbers = {
        "candidate": Estimate.of(candidate.score).fields(),
        "incumbent": Estimate.of(incumbent.score).fields(),
        "difference": difference.fields(),
    }
    return RuleCheck("not_better", passes, text, numbers)


def _group_behind(candidate: HeadsFigures, incumbent: HeadsFigures, settings: JudgeSettings) -> RuleCheck:
    """As of detectors: significantly behind, or beyond the margin and probably not by chance."""
    differences = {name: candidate.right[name] - incumbent.right[name] for name in candidate.right}
    estimates = {name: Estimate.of(drawn) for name, drawn in differences.items()}
    behind = [
        name
        for name, estimate in estimates.items()
        if estimate.high < 0
        or (estimate.value < -settings.group_margin and share_below_0(differences[name]) >= settings.group_doubt)
    ]
    points = ", ".join(f"{name} ({100 * estimates[name].value:+.1f} percentage points)" for name in behind)
    text = (
        f"it is worse for {points}, whatever it is on the whole"
        if behind
        else "no group gets its right answer less often than before by more than chance"
    )
    numbers = {"behind": behind, "differences": {name: each.fields() for name, each in estimates.items()}}
    return RuleCheck("group_behind", not behind, text, numbers)


def _promise_broken(candidate: HeadsFigures, incumbent: HeadsFigures, recipe: Recipe, gate: float) -> RuleCheck:
    """A gate may not promise more than it keeps, nor stop to let right answers through."""
    broken, parts, numbers = list[str](), list[str](), dict[str, Any]()
    for question, (passing, right) in candidate.gates.items():
        gates = [head.gate for head in recipe.heads_of(question) if head.gate is not None]
        least = max(gates, default=gate)
        precision = Estimate.exact(right, passing)
        numbers[question] = {"gate": least, "passing": passing, "right": right, "precision": precision.fields()}
        parts.append(f"{question}: {right} of {passing} right at {least:g}")
        before = Estimate.exact(*reversed(incumbent.gates.get(question, (0, 0))))
        if passing:
            if not precision.high >= least:
                broken.append(f"the gate of {question} promises more than it keeps")
        elif before.high >= least:  # NaN, where nothing passed before either, is no promise
            broken.append(f"nothing passes the gate of {question} any more, where right answers did")
    text = "; ".join(parts) or "no head has a gate"
    if broken:
        text = f"{'; '.join(broken)} ({text})"
    return RuleCheck("promise_broken", not broken, text, numbers)


def _too_slow(candidate: HeadsFigures, incumbent: HeadsFigures, settings: JudgeSettings) -> RuleCheck:
    times = candidate.ms / max(incumbent.ms, 1e-6)
    passes = times <= settings.most_slowdown
    text = (
        f"a photo takes {candidate.ms:.1f} ms against {incumbent.ms:.1f} ms, {times:.2f} times as long, "
        f"{'within' if passes else 'more than'} the {settings.most_slowdown:g} times that workers accept"
    )
    return RuleCheck("too_slow", passes, text, {"times": round(times, 4), "most": settings.most_slowdown})


def median_ms(predicted: Sequence[PredictedPhoto]) -> float:
    """The median time of a photo, ms; NaN without one."""
    times = [photo.ms for photo in predicted if photo.error is None]
    return statistics.median(times) if times else math.nan


def read_labels(files: Sequence[Path]) -> list[SubjectLabels]:
    """The label files, in order."""
    return [SubjectLabels.from_json(file.read_bytes()) for file in files]
