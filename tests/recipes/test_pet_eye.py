"""The shipped recipe pet-eye: routed by species, and careful in what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from demo.drawn_eyes.animal import SIGNS, Species
from recipes.reading import InvalidRecipe, folder_of, load
from recipes.texts import LANGUAGES, Texts, load_texts
from worker.models.day_0 import built_in
from worker.models.heads import ChoiceHead, load_heads
from worker.models.manifests import read_manifest

NAME = "pet-eye"
RECIPE = load(NAME)
TEXTS = load_texts(RECIPE, folder_of(NAME))
# What a picture can't say, whatever stands around it.
NEVER = {
    "en": ("health", "diagnos", "normal", "disease", "safe", "harmless", "cure", "treat"),
    "ko": ("건강", "진단", "정상", "질병", "질환", "안전", "괜찮", "치료"),
}


def every_text(texts: Texts) -> list[str]:
    by_name = (texts.questions, texts.inputs, *texts.values.values(), *texts.explain.values())
    return [texts.title, texts.about, texts.notice, *(text for each in by_name for text in each.values())]


@pytest.mark.parametrize(("species", "head"), [("dog", 0), ("cat", 1)])
def test_the_species_decides_which_head_is_asked(species: str, head: int) -> None:
    assert RECIPE.questions == ("sign",)
    assert RECIPE.route(["red", "red"], {"species": species}) == [head]
    assert RECIPE.heads[head].says == tuple(SIGNS[Species(species)])


def test_without_a_species_nothing_is_asked() -> None:
    assert RECIPE.route(["red", "red"], {}) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_says_what_a_picture_cannot(language: str) -> None:
    said = [text for text in every_text(TEXTS[language]) if any(word in text.lower() for word in NEVER[language])]
    assert said == []


def test_without_a_sign_the_answer_is_that_none_was_seen() -> None:
    assert TEXTS["en"].values["sign"]["none"] == "no sign seen"
    assert TEXTS["ko"].values["sign"]["none"] == "보이는 징후 없음"


def test_the_notice_sends_an_eye_that_is_shut_suddenly_cloudy_or_hurt_to_a_vet_today() -> None:
    """It stands beside every answer."""
    assert RECIPE.notice
    notice = TEXTS["en"].notice
    assert "no examination" in notice
    assert re.search(r"shut, suddenly cloudy or hurt belongs to a vet today", notice)
    assert all(
        word in TEXTS["ko"].notice for word in ("진찰이 아닙니다", "뜨지 못하거나", "흐려졌거나", "다쳤으면 오늘")
    )


@pytest.mark.parametrize(
    ("language", "clinic", "specialist"), [("en", "clinic", "eye specialist"), ("ko", "동물병원", "안과")]
)
def test_every_sign_names_a_clinic_and_some_an_eye_specialist(language: str, clinic: str, specialist: str) -> None:
    explained = TEXTS[language].explain["sign"]
    assert set(explained) == set(RECIPE.says("sign"))
    assert all(clinic in text for text in explained.values())
    assert {sign for sign, text in explained.items() if specialist in text} >= {"cloudy", "lid_mass"}


def test_the_shipped_model_has_learned_from_drawn_eyes_and_says_so() -> None:
    """In its manifest, and on the page."""
    file = built_in(NAME)
    model = load_heads(read_manifest(file), RECIPE)
    assert [head.says for head in model.heads if isinstance(head, ChoiceHead)] == [head.says for head in RECIPE.heads]
    assert json.loads(file.read_text())["trained_on"] == "drawn eyes"
    assert "learned from drawn eyes only" in TEXTS["en"].about
    assert "그린 눈만 배웠으므로" in TEXTS["ko"].about
    assert sum(path.stat().st_size for path in file.parent.iterdir()) < 300_000


def write_texts(folder: Path, en: str = "") -> None:
    """The shipped texts without their explanations, and others in the English file."""
    for language in LANGUAGES:
        text = (folder_of(NAME) / f"texts.{language}.toml").read_text(encoding="utf-8")
        kept = text[: text.index("[explain.sign]")] + (en if language == "en" else "")
        (folder / f"texts.{language}.toml").write_text(kept, encoding="utf-8")


def test_an_explanation_of_one_value_needs_those_of_all(tmp_path: Path) -> None:
    """And there is none of a value or a question that the recipe has not."""
    write_texts(tmp_path, en='[explain.sign]\ncloudy = "a"\nblue = "b"\n[explain.age]\nold = "c"\n')
    with pytest.raises(InvalidRecipe) as refused:
        load_texts(RECIPE, tmp_path)
    _, *mistakes = str(refused.value).splitlines()
    assert mistakes == [
        *(f"texts.en.toml: explain.sign.{value} is missing" for value in ("discharge", "lid_mass", "none", "red")),
        "texts.en.toml: the recipe has no explain.age.old",
        "texts.en.toml: the recipe has no explain.sign.blue",
    ]


def test_a_recipe_may_explain_nothing(tmp_path: Path) -> None:
    write_texts(tmp_path)
    assert all(texts.explain == {} for texts in load_texts(RECIPE, tmp_path).values())
