"""The texts of a recipe: what a page calls its questions, their values, its inputs, and the notice beside the answers.

texts.ko.toml, texts.en.toml
title, about                    of the page
picture                         of the picture that the recipe draws, if it draws one
notice                          beside the answers, if the recipe has one
consent                         what a person declares before the photo is sent, if the recipe asks for it
[question] name = "…"           of every head
[value.name] value = "…"        of every value of a question
[input] name = "…"              of every input, and its values in [value.name]
[explain.name] value = "…"      what a value means, below it; of all values of a question, or of none
[levels] name = ["…", "…"]      what a score means, from low to high, in equal parts of its range; or none
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from contracts.toml_file import read_toml
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
    consent: str = ""
    levels: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by score, where a recipe has them
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
        fields = read_toml(file)
    except (OSError, ValueError) as error:
        mistakes.append(f"{file}: it can't be read: {error}")
        fields = dict[str, Any]()
    else:
        found = set(_leaves(fields))
        wanted = set(_paths(recipe, found))
        mistakes += [f"{file.name}: {path} is missing" for path in sorted(wanted - found)]
        mistakes += [f"{file.name}: the recipe has no {path}" for path in sorted(found - wanted)]
        mistakes += [
            f'{file.name}: levels.{name} is no list of two texts or more, as ["poor", "good"]'
            for name, levels in _table(fields, "levels").items()
            if not isinstance(levels, list) or len(levels) < 2 or not all(isinstance(each, str) for each in levels)
        ]
    return Texts(
        title=str(fields.get("title", "")),
        about=str(fields.get("about", "")),
        notice=str(fields.get("notice", "")),
        questions=fields.get("question", {}),
        inputs=fields.get("input", {}),
        values=fields.get("value", {}),
        explain=fields.get("explain", {}),
        consent=str(fields.get("consent", "")),
        levels=fields.get("levels", {}),
        picture=str(fields.get("picture", "")),
    )


def _table(fields: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = fields.get(key, {})
    return table if isinstance(table, Mapping) else {}


def _paths(recipe: Recipe, found: Collection[str]) -> Iterable[str]:
    """Every text that the recipe needs, as `value.mask.worn`, where the file has the texts `found`."""
    explained = {path.split(".")[1] for path in found if path.startswith("explain.")}
    yield from ("title", "about")
    if recipe.notice:
        yield "notice"
    if recipe.keep.consent:
        yield "consent"
    if recipe.show.picture:
        yield "picture"
    for question in recipe.questions:
        yield f"question.{question}"
        if not recipe.says(question) and f"levels.{question}" in found:
            yield f"levels.{question}"
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
