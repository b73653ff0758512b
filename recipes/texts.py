"""The texts of a recipe: what a page calls its questions, their values, its inputs, and the notice beside the answers.

texts.ko.toml, texts.en.toml
title, about                    of the page
picture                         of the picture that the recipe draws, if it draws one
notice                          beside the answers, if the recipe has one
[question] name = "…"           of every head
[value.name] value = "…"        of every value of a question
[input] name = "…"              of every input, and its values in [value.name]
[explain.name] value = "…"      what a value means, below it; of all values of a question, or of none
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from recipes.reading import InvalidRecipe
from recipes.recipe import Recipe

LANGUAGES: Final = ("ko", "en")


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts in one language."""

    title: str
    about: str
    notice: str
    questions: Mapping[str, str]
    inputs: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]  # by question or input
    explain: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by question, where a recipe has it
    picture: str = ""


def load_texts(recipe: Recipe, folder: Path) -> dict[str, Texts]:
    """The texts of a recipe by language; InvalidRecipe names every one that is missing, and every one too many."""
    mistakes: list[str] = []
    texts = {language: _read(recipe, folder / f"texts.{language}.toml", mistakes) for language in LANGUAGES}
    if mistakes:
        raise InvalidRecipe("texts are invalid, nothing was done; correct these lines:\n" + "\n".join(mistakes))
    return texts


def _read(recipe: Recipe, file: Path, mistakes: list[str]) -> Texts:
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        mistakes.append(f"{file}: it can't be read: {error}")
        fields = dict[str, Any]()
    else:
        found = set(_leaves(fields))
        wanted = set(_paths(recipe, found))
        mistakes += [f"{file.name}: {path} is missing" for path in sorted(wanted - found)]
        mistakes += [f"{file.name}: the recipe has no {path}" for path in sorted(found - wanted)]
    return Texts(
        title=str(fields.get("title", "")),
        about=str(fields.get("about", "")),
        notice=str(fields.get("notice", "")),
        questions=fields.get("question", {}),
        inputs=fields.get("input", {}),
        values=fields.get("value", {}),
        explain=fields.get("explain", {}),
        picture=str(fields.get("picture", "")),
    )


def _paths(recipe: Recipe, found: Iterable[str]) -> Iterable[str]:
    """Every text that the recipe needs, as `value.mask.worn`, where the file has the texts `found`."""
    explained = {path.split(".")[1] for path in found if path.startswith("explain.")}
    yield from ("title", "about")
    if recipe.notice:
        yield "notice"
    if recipe.show.picture:
        yield "picture"
    for question in recipe.questions:
        yield f"question.{question}"
        yield from (f"value.{question}.{value}" for value in recipe.says(question))
        if question in explained:
            yield from (f"explain.{question}.{value}" for value in recipe.says(question))
    for name, values in recipe.inputs.items():
        yield f"input.{name}"
        yield from (f"value.{name}.{value}" for value in values)


def _leaves(fields: Mapping[str, Any], before: str = "") -> Iterable[str]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"
