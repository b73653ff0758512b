"""The texts of a recipe: what it needs of them, and what they may have besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recipes.reading import InvalidRecipe, parse
from recipes.texts import LANGUAGES, load_texts


def texts(folder: Path, *lines: str) -> None:
    """The same texts in both languages."""
    common = ['title = "a"', 'about = "b"', *lines, "[question]", 'size = "c"']
    for language in LANGUAGES:
        (folder / f"texts.{language}.toml").write_text("\n".join(common))


def sized(**fields: Any) -> Any:
    head = {"name": "size", "score": [1, 5]}
    return parse({"recipe": 1, "name": "one", "head": [head], "judge": {"metric": "mae"}, **fields})


def mistakes(recipe: Any, folder: Path) -> list[str]:
    with pytest.raises(InvalidRecipe) as refused:
        load_texts(recipe, folder)
    return [line for line in str(refused.value).splitlines() if line.startswith("texts.en.toml")]


def test_what_must_be_declared_has_words_and_nothing_else_has(tmp_path: Path) -> None:
    asks, asks_not = sized(keep={"consent": "adult"}), sized()
    texts(tmp_path)
    assert mistakes(asks, tmp_path) == ["texts.en.toml: consent is missing"]
    texts(tmp_path, 'consent = "I am an adult."')
    assert load_texts(asks, tmp_path)["ko"].consent == "I am an adult."
    assert mistakes(asks_not, tmp_path) == ["texts.en.toml: the recipe has no consent"]


def test_a_score_may_have_words_from_low_to_high_and_a_choice_may_not(tmp_path: Path) -> None:
    texts(tmp_path, 'levels.size = ["poor", "good"]')
    assert load_texts(sized(), tmp_path)["en"].levels == {"size": ["poor", "good"]}
    texts(tmp_path, 'levels.length = ["poor", "good"]')
    assert mistakes(sized(), tmp_path) == ["texts.en.toml: the recipe has no levels.length"]
    chosen = parse({"recipe": 1, "name": "one", "head": [{"name": "size", "says": ["s", "m"]}]})
    texts(tmp_path, 'levels.size = ["poor", "good"]', 'value.size.s = "S"', 'value.size.m = "M"')
    assert mistakes(chosen, tmp_path) == ["texts.en.toml: the recipe has no levels.size"]


@pytest.mark.parametrize("levels", ['["good"]', '"good"', "[1, 2]"])
def test_words_for_a_score_are_two_or_more(tmp_path: Path, levels: str) -> None:
    texts(tmp_path, f"levels.size = {levels}")
    assert mistakes(sized(), tmp_path) == [
        'texts.en.toml: levels.size is no list of two texts or more, as ["poor", "good"]'
    ]
