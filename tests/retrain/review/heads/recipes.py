"""Recipes that a review is made from: drawn by hypothesis, and written down."""

from __future__ import annotations

from itertools import combinations
from math import ceil, floor
from typing import Any

from hypothesis import strategies as st

from contracts.box_rules import is_same_box
from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject, SubjectLabels, Value
from recipes.reading import parse
from recipes.recipe import Recipe
from retrain.review.heads.interface import controls

INPUTS = {"species": ["dog", "cat"]}


def recipe(*heads: dict[str, Any], find: str = "face", **fields: Any) -> Recipe:
    judge = {"of": heads[0]["name"]} | ({"metric": "mae"} if "score" in heads[0] else {})
    return parse({"recipe": 1, "name": "one", "find": {"kind": find}, "head": list(heads), "judge": judge} | fields)


def head(name: str, *says: str, **fields: Any) -> dict[str, Any]:
    return {"name": name} | ({"says": list(says)} if says else {}) | fields


# Everything that a recipe can route by: an input, an answer, a stop; and two heads of one name.
ROUTED = recipe(
    head("gender", "male", "female"),
    head("score", score=[1, 5], when={"gender": "male"}),
    head("score", score=[1, 5], when={"gender": "female"}),
    head("sign", "red", "none", when={"species": "dog"}),
    head("sign", "mass", "none", when={"species": "cat"}),
    head("cause", "dust", "cold", when={"sign": "none"}),
    head("side", "left", "right", when={"sign": "red"}, stop_at=["left"]),
    head("weight", score=[2.5, 40]),
    inputs=INPUTS,
)
WHOLE = recipe(head("digit", "n0", "n1"), head("ink", score=[1, 10]), find="whole")


@st.composite
def drawn_recipes(draw: st.DrawFn) -> Recipe:
    """Some heads, each asked always, or after an answer of an earlier one, or for an input."""
    heads: list[dict[str, Any]] = [head("first", "yes", "no")]
    for number in range(draw(st.integers(0, 4))):
        asked: dict[str, Any] = {}
        if draw(st.booleans()):
            chosen = draw(st.sampled_from([one for one in heads if "says" in one]))
            asked = {"when": {chosen["name"]: draw(st.sampled_from(chosen["says"]))}}
        elif draw(st.booleans()):
            asked = {"when": {"species": draw(st.sampled_from(INPUTS["species"]))}}
        kind = draw(st.sampled_from(["choice", "rating", "number", "stop"]))
        if kind == "choice":
            heads.append(head(f"q{number}", "a", "b", "c", **asked))
        elif kind == "stop":
            heads.append(head(f"q{number}", "go", "halt", stop_at=["halt"], **asked))
        else:
            heads.append(head(f"q{number}", score=[1, 5] if kind == "rating" else [0.5, 99], **asked))
    return recipe(*heads, find=draw(st.sampled_from(["face", "person", "whole"])), inputs=INPUTS)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    """As the worker writes them: with five decimals."""
    x0, x1 = sorted(draw(st.lists(st.integers(0, 100_000), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(draw(st.lists(st.integers(0, 100_000), min_size=2, max_size=2, unique=True)))
    return Box(x0 / 1e5, y0 / 1e5, x1 / 1e5, y1 / 1e5)


@st.composite
def known(draw: st.DrawFn, asked: Recipe) -> SubjectLabels:
    """What a label file may know of a photo: answers that are asked, each or not."""
    whole = asked.find.kind == "whole"
    where = [Box(0, 0, 1, 1)] if whole else draw(st.lists(boxes(), max_size=3).filter(are_apart))
    inputs = {name: draw(st.sampled_from(values)) for name, values in asked.inputs.items()}
    return SubjectLabels(asked.name, inputs, tuple(LabelledSubject(box, draw(answers(asked, inputs))) for box in where))


@st.composite
def answers(draw: st.DrawFn, asked: Recipe, inputs: dict[str, str]) -> dict[str, Value]:
    said: dict[str, Value] = {}
    for number in controls(asked).values():
        one = asked.heads[number]
        texts = {name: value for name, value in said.items() if isinstance(value, str)}
        stopped = any(texts.get(each.name) in each.stop_at for each in asked.heads[:number])
        if one.name in said or stopped or not asked.asked(one, inputs | texts) or not draw(st.booleans()):
            continue
        if one.score is None:
            said[one.name] = draw(st.sampled_from(one.says))
        else:
            said[one.name] = float(draw(st.integers(ceil(one.score.low), floor(one.score.high))))
    return said


def are_apart(where: list[Box]) -> bool:
    """Whether no two boxes are one box, rounded differently."""
    return not any(is_same_box(first, second) for first, second in combinations(where, 2))
