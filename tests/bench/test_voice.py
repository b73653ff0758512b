"""The voice card's figures: what counts as right, and that the card says what the report says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.voice import clips
from bench.voice.__main__ import _judged, _percentiles
from bench.voice.report import CARD, WAYS, load, tables
from day0.card import filled
from kiosk.menu.menu import Menu
from kiosk.voice.engine.heads import FOLDER
from kiosk.voice.engine.heads import load as load_heads
from kiosk.voice.prompts import manifest as prompts
from voice_build.corpus import Corpus


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """What is said of the menu that is delivered."""
    return Corpus({dish.id: dish.name.ko for dish in Menu.load().dishes})


def test_the_card_says_what_the_report_says() -> None:
    """After a measurement its own writer changes the tables; nobody does by hand."""
    card = CARD.read_text(encoding="utf-8")

    assert filled(card, tables(load())) == card


def test_a_dish_without_its_count_is_a_part_and_another_word_is_wrong() -> None:
    """Wrong is what the customer did not say, also where something was said that means nothing."""
    assert _judged(["gimbap", "count-2"], ["gimbap", "count-2"]) == "right"
    assert _judged(["gimbap"], ["gimbap", "count-2"]) == "part"
    assert _judged(["udon"], ["gimbap", "count-2"]) == "wrong"
    assert _judged(["gimbap", "count-1"], ["gimbap"]) == "wrong"
    assert _judged(["yes"], []) == "wrong"
    assert _judged(["cancel"], ["cancel"]) == "right"
    assert _judged(["cancel"], ["yes"]) == _judged(["cancel"], []) == "cancelled"


def test_every_clip_of_the_corpus_was_heard_by_every_way(corpus: Corpus) -> None:
    """Each word and dish of the test voices in a quiet room and in a shop; nothing is left out of the report."""
    said = Counter(one.kind for one in corpus.utterances() if one.part == "test")
    groups = load()["groups"]
    heard = {name: group["clips"] for name, group in groups.items()}

    assert heard["dish, quiet"] == heard["dish, shop"] == said["dish"]
    assert heard["yes and no, quiet"] + heard["other dialogue words, quiet"] == said["word"]
    assert heard["other words, dish"] == heard["other words, yes or no"] == said["other"]
    assert [name for name, group in groups.items() if not set(WAYS) <= group.keys()] == []
    counted = [sum(group[way].values()) <= group["clips"] for group in groups.values() for way in WAYS]
    assert all(counted)


def test_the_voices_that_judge_taught_nobody(corpus: Corpus) -> None:
    """Neither the heads nor the prompts that are played."""
    taught = load()["heads"]["recipe"]["voices"]
    judges = {one.voice for one in corpus.utterances() if one.part == "test"}

    assert judges == set(taught["test"])
    assert judges.isdisjoint(taught["train"]) and judges.isdisjoint(taught["validate"])
    assert judges.isdisjoint(prompts()["recipe"]["voices"].values())
    assert load()["heads"]["sha256"] == _digest_of_the_heads()


def _digest_of_the_heads() -> str:
    load_heads()  # raises where the weights are not those of the manifest
    text = (FOLDER / "manifest.json").read_text(encoding="utf-8")
    return text.partition('"sha256": "')[2].partition('"')[0]


def test_percentiles_are_of_sorted_seconds() -> None:
    """In milliseconds."""
    assert _percentiles([at / 100 for at in range(100)]) == {"p50": 500, "p95": 950}


def test_recordings_without_speech_are_no_people(tmp_path: Path) -> None:
    """The packages have seconds of silence, and letters that are over before a word."""
    for name, size in (("silence/5.wav", 90_000), ("letters/a.wav", 9_000), ("welcome.wav", 90_000)):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(size))

    assert [file.name for file in clips.people(tmp_path)] == ["welcome.wav"]
    assert clips.people(None) == []


def test_a_shop_is_louder_behind_a_word_than_a_quiet_room() -> None:
    """Ten decibels below the speech; the loudest sample is never clipped."""
    random = np.random.default_rng(1)
    tone = (np.sin(np.arange(16_000) / 5) / 2).astype(np.float32)
    talk = [np.sign(np.sin(np.arange(16_000) / 3)).astype(np.float32)]
    quiet, shop = clips._framed(tone, random), clips._shop(tone, talk, random)
    before = slice(0, 8_000)  # nobody speaks into the microphone yet

    assert float(np.abs(shop).max()) <= 0.51
    assert float(np.mean(shop[before] ** 2)) > 20 * float(np.mean(quiet[before] ** 2))
