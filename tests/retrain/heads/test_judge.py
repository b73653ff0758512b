"""The judge of heads, rule by rule, on figures that anybody can check by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject
from recipes.reading import parse
from recipes.recipe import Recipe
from retrain.heads.judge import GoldenSet, GoldenSubject, HeadsFigures, Said, rule
from retrain.judge.rules import RuleCheck
from retrain.judge.settings import JudgeSettings

BOX = Box(0, 0, 1, 1)
SETTINGS = JudgeSettings(golden_least=10, golden_least_per_label=5, draws=200)
Values = Sequence[Mapping[str, Any]]
CHOICE = {"name": "eye", "says": ["open", "shut"]}
SCORE = {"name": "size", "score": [0, 10]}
SPECIES = {"species": ["dog", "cat"]}


def recipe(head: dict[str, Any], **judge: Any) -> Recipe:
    fields = {"recipe": 1, "name": "one", "find": {"kind": "whole"}, "head": [head], "inputs": SPECIES}
    return parse(fields | {"judge": {"of": head["name"], **judge}})


OF_CHOICE = recipe(CHOICE)
OF_SCORE = recipe(SCORE, metric="mae", groups=["species"])


def golden(of: Recipe, known: Values, *, groups: int = 1000, settings: JudgeSettings = SETTINGS) -> GoldenSet:
    """The subjects, of so many persons."""
    subjects = [
        GoldenSubject(number, LabelledSubject(BOX, {}), each, f"group {number % groups}")
        for number, each in enumerate(known)
    ]
    return GoldenSet.of(of, subjects, settings)


def figures(of: GoldenSet, said: Values, confidence: float = 0.9, ms: float = 10.0) -> HeadsFigures:
    told = [Said(each, dict.fromkeys(each, confidence)) for each in said]
    return of.figures(told, ms=ms, gate=0.95)


def check(name: str, candidate: HeadsFigures, incumbent: HeadsFigures, of: GoldenSet) -> RuleCheck:
    ruling = rule(candidate, incumbent, of, gate=0.95, settings=SETTINGS)
    return next(each for each in ruling.checks if each.rule == name)


EYES = [{"eye": "open"} if number % 2 else {"eye": "shut"} for number in range(40)]
WRONG = [{"eye": "shut"} if number % 2 else {"eye": "open"} for number in range(40)]


def test_a_candidate_that_is_right_is_better_than_one_that_is_wrong() -> None:
    of = golden(OF_CHOICE, EYES)
    ruling = rule(figures(of, EYES), figures(of, WRONG), of, gate=0.95, settings=SETTINGS)
    assert (ruling.promoted, ruling.rule) == (True, "better")
    assert "macro f1 of eye is 1.000 against 0.000" in ruling.reason
    ruling = rule(figures(of, WRONG), figures(of, EYES), of, gate=0.95, settings=SETTINGS)
    assert (ruling.promoted, ruling.rule) == (False, "not_better")


def test_a_subject_that_is_not_found_is_answered_wrong() -> None:
    of = golden(OF_CHOICE, EYES)
    found = [each if number < 20 else {} for number, each in enumerate(EYES)]
    assert figures(of, found).score[0] == pytest.approx(2 / 3)


def test_a_head_that_learns_later_decides_if_the_recipe_judges_by_it() -> None:
    """The model before it says nothing, which is never right: docs/recipes/lego.md."""
    of = golden(OF_CHOICE, EYES)
    ruling = rule(figures(of, EYES), figures(of, [{}] * len(EYES)), of, gate=0.95, settings=SETTINGS)
    assert (ruling.promoted, ruling.rule) == (True, "better")


def test_one_person_is_no_evidence_however_many_photos_there_are() -> None:
    of = golden(OF_CHOICE, EYES, groups=1)
    ruling = rule(figures(of, EYES), figures(of, WRONG), of, gate=0.95, settings=SETTINGS)
    assert (ruling.promoted, ruling.rule) == (False, "golden_too_small")
    assert "1 persons, animals or moments, of 10 needed" in ruling.reason


def test_golden_photos_without_the_judged_question_judge_nothing() -> None:
    assert not golden(OF_CHOICE, [{"species": "dog"}]).judges
    assert not golden(OF_CHOICE, []).judges
    assert golden(OF_CHOICE, EYES).judges


SIZES = [{"size": float(number % 11), "species": "dog" if number % 2 else "cat"} for number in range(44)]


def off_by(error: float, species: str | None = None) -> Values:
    """Answers that are wrong by so much, of one species or of both."""
    return [
        {"size": each["size"] + (error if species in (None, each["species"]) else 0.0)}
        for each in SIZES
        if isinstance(each["size"], float)
    ]


def test_a_score_is_judged_by_its_mean_error_also_where_it_is_zero() -> None:
    of = golden(OF_SCORE, SIZES)
    perfect, off = figures(of, off_by(0.0)), figures(of, off_by(1.0))
    assert (perfect.score[0], off.score[0]) == (0.0, -1.0)
    assert check("not_better", perfect, off, of).passes
    assert not check("not_better", off, perfect, of).passes


def test_a_score_may_not_get_worse_for_a_group() -> None:
    of = golden(OF_SCORE, SIZES)
    cats_suffer = figures(of, off_by(0.9, "cat"))
    dogs_suffered = figures(of, off_by(4.0, "dog"))
    assert check("not_better", cats_suffer, dogs_suffered, of).passes
    behind = check("group_behind", cats_suffer, dogs_suffered, of)
    assert not behind.passes
    assert "species = cat" in behind.text


def test_a_gate_may_not_promise_more_than_it_keeps() -> None:
    of = golden(OF_CHOICE, EYES)
    half = [each if number % 4 else {"eye": "open"} for number, each in enumerate(EYES)]
    broken = check("promise_broken", figures(of, half, 0.99), figures(of, WRONG), of)
    assert not broken.passes
    assert "the gate of eye promises more than it keeps" in broken.text
    assert check("promise_broken", figures(of, EYES, 0.99), figures(of, WRONG), of).passes


def test_a_candidate_of_which_nothing_passes_may_not_replace_one_whose_answers_did() -> None:
    of = golden(OF_CHOICE, EYES * 3)
    unsure, sure = figures(of, EYES * 3, 0.5), figures(of, EYES * 3, 0.99)
    broken = check("promise_broken", unsure, sure, of)
    assert not broken.passes
    assert "nothing passes the gate of eye any more, where right answers did" in broken.text
    assert check("promise_broken", unsure, unsure, of).passes, "nothing passed before either"


def test_a_slow_candidate_is_refused() -> None:
    of = golden(OF_CHOICE, EYES)
    assert not check("too_slow", figures(of, EYES, ms=40.0), figures(of, WRONG, ms=10.0), of).passes
    assert check("too_slow", figures(of, EYES, ms=29.0), figures(of, WRONG, ms=10.0), of).passes
