"""The voice card holds the measured figures."""

from __future__ import annotations

from bench.voice.report import CARD, load, tables
from day0.card import filled, marks


def test_the_voice_card_holds_its_report() -> None:
    """After another run: python -m bench.voice writes both; python -m bench.voice.report the card alone."""
    text, found = CARD.read_text(encoding="utf-8"), tables(load())

    assert marks(text) == set(found)
    assert filled(text, found) == text


def test_the_promises_of_the_card_hold() -> None:
    """Well below half of real time, and the engine is better than the students' recogniser on yes and no."""
    report = load()
    answers = report["groups"]["yes and no, quiet"]

    assert report["real_time_factor"] < 0.2
    assert answers["both"]["right"] > answers["baseline"]["right"]
