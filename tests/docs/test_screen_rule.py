"""The examples of the screen's rule in docs/kiosk-makers.md decide as recipes/kiosk/screen.py does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.kiosk.answers import Answers
from recipes.kiosk.message import LabelMessage
from recipes.kiosk.screen import easy_screen
from tests.kiosk.cloud.test_counter import nobody
from tests.recipes.kiosk.test_message import GOLDEN
from tests.strategies import fractions, messages

TEXT = (Path(__file__).parents[2] / "docs" / "kiosk-makers.md").read_text()
thresholds = st.floats(0.01, 0.99).map(lambda threshold: round(threshold, 2))


def example(language: str) -> str:
    block = re.search(rf"<!-- run by tests/docs/test_screen_rule.py -->\n```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    return block[1]


def rounded(message: LabelMessage) -> LabelMessage:
    """With answers of four decimals, as workers write them."""
    people = (
        person
        if person.answers is None
        else replace(person, answers=Answers.of(elder=person.answers.elder, female=person.answers.female))
        for person in message.people
    )
    return replace(message, people=tuple(people))


def with_elder(probability: float) -> LabelMessage:
    [person] = GOLDEN.people
    return replace(GOLDEN, people=(replace(person, answers=Answers.of(elder=probability, female=0.5)),))


@given(messages().map(rounded) | fractions.map(lambda p: with_elder(round(p, 2))), thresholds)
def test_the_example_in_python_decides_as_the_contracts(message: LabelMessage, elder_from: float) -> None:
    names: dict[str, Any] = {}
    exec(example("python"), names)  # noqa: S102 - our own document
    assert names["easy_screen"](json.loads(message.to_json()), elder_from) is easy_screen(message, elder_from)


def test_the_example_in_javascript_decides_as_the_contracts() -> None:
    """At every hundredth, with and without answers, and without a customer."""
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed (make setup)")
    cases = [
        (with_elder(hundredth / 100), threshold)
        for hundredth in range(101)
        for threshold in (max(hundredth, 1) / 100, 0.4)
    ]
    [person] = GOLDEN.people
    cases += [(replace(GOLDEN, people=(replace(person, answers=None),)), 0.99), (nobody(GOLDEN.reference), 0.01)]
    script = f"""{example("js")}
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(([message, elderFrom]) => easyScreen(message, elderFrom))));"""
    told = subprocess.run(
        [node, "-e", script],
        input=json.dumps([(json.loads(message.to_json()), threshold) for message, threshold in cases]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == [easy_screen(message, threshold) for message, threshold in cases]
