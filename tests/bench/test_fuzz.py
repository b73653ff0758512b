"""The fuzzing of parsers: its seeds are valid, its inputs repeat, and it reports what is not expected."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.fuzz import TARGETS, Tally, Target, attempt, changed, fuzz


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_accepted_or_refused_and_most_are_accepted(name: str) -> None:
    target, tally = TARGETS[name](), Tally()
    assert [error for seed in target.seeds if (error := attempt(target, seed, tally))] == []
    assert tally.accepted >= tally.refused or name == "label-files"


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = ([changed([b"abcdef", b"xyz"], random.Random(7)) for _ in range(50)] for _ in range(2))
    assert first == second


def test_an_exception_that_is_not_expected_is_counted_and_its_input_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fragile(data: bytes) -> None:
        if data == b"bad":
            raise KeyError(data)

    tallies = fuzz({"fragile": Target([b"good", b"bad"], fragile)}, seconds=0, seed=1, keep=tmp_path / "kept")
    assert (tallies["fragile"].accepted, tallies["fragile"].unexpected) == (1, 1)
    [kept] = (tmp_path / "kept").iterdir()
    assert kept.read_bytes() == b"bad"
    assert "KeyError" in capsys.readouterr().out
