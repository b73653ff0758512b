"""The shipped recipe face-score: it judges photos and nobody, forgets them, and asks first."""

from __future__ import annotations

import pytest

from config.nunchi_toml import Config
from day0.passport.score import FLAWS, HEIGHTS, HIGH, LOW, NONE
from recipes.reading import KIOSK, folder_of, load
from recipes.recipe import Keep, Many
from recipes.texts import LANGUAGES, Texts, load_texts
from worker.models.day_0 import built_in
from worker.models.heads import ChoiceHead, ScoreHead, load_heads
from worker.models.manifests import read_manifest

NAME = "face-score"
RECIPE = load(NAME)
TEXTS = load_texts(RECIPE, folder_of(NAME))
# A person is neither beautiful nor ugly here, and no office is spoken for.
NEVER = {
    "en": ("beaut", "attractive", "pretty", "handsome", "ugly", "good-looking", "approved", "icao"),
    "ko": ("예쁘", "예쁜", "잘생", "못생", "매력", "미모", "외모", "아름다", "합격", "통과"),
}


def every_text(texts: Texts) -> list[str]:
    by_name = (texts.questions, *texts.values.values(), *texts.explain.values())
    levels = [text for each in texts.levels.values() for text in each]
    return [
        texts.title,
        texts.about,
        texts.notice,
        texts.consent,
        *levels,
        *(t for each in by_name for t in each.values()),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_judges_a_person_or_speaks_for_an_office(language: str) -> None:
    assert [text for text in every_text(TEXTS[language]) if any(word in text.lower() for word in NEVER[language])] == []
    assert {"en": "It does not judge the person.", "ko": "사람을 평가하지 않습니다."}[language] in TEXTS[language].about


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_says_what_is_not_judged(language: str) -> None:
    assert RECIPE.notice
    unjudged = {"en": ("Closed eyes", "glasses", "background"), "ko": ("감은 눈", "안경", "배경")}[language]
    assert all(word in TEXTS[language].notice for word in unjudged)


def test_nothing_is_kept_nothing_teaches_and_an_adult_declares_it_first() -> None:
    assert RECIPE.keep == Keep(upload=False, learn=False, consent="adult-declared")
    assert "adult" in TEXTS["en"].consent
    assert "성인" in TEXTS["ko"].consent


def test_of_several_people_none_is_judged() -> None:
    assert RECIPE.find.many is Many.ONE


def test_it_is_off_unless_it_is_chosen() -> None:
    assert Config().recipe == KIOSK


@pytest.mark.parametrize(("gender", "scored"), [("male", 1), ("female", 2)])
def test_the_gender_decides_which_score_is_asked_and_every_flaw_is_one(gender: str, scored: int) -> None:
    assert RECIPE.route([gender, None, None, "dark"], {}) == [0, scored, 3]
    assert {head.when["gender"] for head in RECIPE.heads_of("score")} == set(HEIGHTS)
    assert RECIPE.says("flaw") == (NONE, *FLAWS)
    scores = [head.score for head in RECIPE.heads_of("score")]
    assert [(each.low, each.high) for each in scores if each] == [(LOW, HIGH)] * 2


def test_the_shipped_model_answers_the_recipe_and_its_digests_hold() -> None:
    manifest = read_manifest(built_in(NAME))
    model = load_heads(manifest, RECIPE)
    assert [type(head) for head in model.heads] == [ChoiceHead, ScoreHead, ScoreHead, ChoiceHead]
    assert manifest.file("heads").stat().st_size < 200_000
