"""Settings: validated before the first action, every mistake named at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.settings import (
    describe,
    environment_for,
    environment_of,
    existing_file,
    fraction,
    load,
    seconds,
    setting,
    variables_of,
    whole,
)


@dataclass(frozen=True, kw_only=True)
class Kettle:
    name: str = setting("KETTLE_NAME", "what it is called")
    cups: int = setting("KETTLE_CUPS", "how much it holds", parse=whole(1, 12), default=4)
    heat: float = setting("KETTLE_HEAT", "how hot, 0-1", parse=fraction, default=1.0)
    rest_s: float = setting("KETTLE_REST_S", "seconds to draw", parse=seconds(0, 600), default=180.0)


def test_settings_come_from_the_environment_or_their_defaults() -> None:
    assert load(Kettle, {"KETTLE_NAME": "둥이", "KETTLE_CUPS": "6", "OTHER": "x"}) == Kettle(name="둥이", cups=6)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Kettle, {"KETTLE_CUPS": "13", "KETTLE_HEAT": "warm", "KETTLE_REST_S": "-1"})
    assert str(caught.value).splitlines() == [
        "settings are invalid, nothing was started:",
        "  KETTLE_NAME is not set: what it is called",
        "  KETTLE_CUPS is wrong: 13 is not a whole number from 1 to 12",
        "  KETTLE_HEAT is wrong: warm is not a number from 0 to 1",
        "  KETTLE_REST_S is wrong: -1 is not a number of seconds from 0 to 600",
    ]


def test_what_is_loaded_can_be_written_back_as_an_environment() -> None:
    kettle = Kettle(name="둥이", cups=6, heat=0.5)
    assert load(Kettle, environment_of(kettle)) == kettle


def test_an_environment_is_written_by_the_names_of_fields() -> None:
    """None is the default; the program's own parser reads the text back."""
    environ = environment_for(Kettle, {"name": "둥이", "cups": 6, "heat": None})
    assert environ == {"KETTLE_NAME": "둥이", "KETTLE_CUPS": "6"}
    assert load(Kettle, environ) == Kettle(name="둥이", cups=6)


@pytest.mark.parametrize(
    ("values", "found_later", "says"),
    [
        ({"name": "k", "cup": 6}, (), "cup is not a field of its settings"),
        ({"name": "k", "KETTLE_CUPS": 6}, (), "KETTLE_CUPS is not a field of its settings"),
        ({"cups": 6}, (), "name is missing"),
        ({"name": None}, (), "name is missing"),
        (
            {"cup": 6},
            ("nam",),
            "cup is not a field of its settings; nam is not a field of its settings; name is missing",
        ),
    ],
)
def test_a_wrong_or_missing_field_fails_before_the_program_is_started(
    values: dict[str, object], found_later: tuple[str, ...], says: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        environment_for(Kettle, values, found_later=found_later)
    assert str(refused.value) == (
        f"the environment of Kettle is invalid, its program was not started: {says}; correct the fields where it "
        "is wired"
    )


def test_what_the_place_of_the_start_adds_need_not_be_given() -> None:
    assert environment_for(Kettle, {"cups": 6}, found_later=("name",)) == {"KETTLE_CUPS": "6"}
    assert variables_of(Kettle, {"heat": 0.5}) == {"KETTLE_HEAT": "0.5"}
    with pytest.raises(SettingsError, match="hot is not a field of its settings"):
        variables_of(Kettle, {"hot": 0.5})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing"):
        existing_file(str(tmp_path / "none"))


def test_settings_describe_themselves_for_the_documentation() -> None:
    assert [(one.name, one.default) for one in describe(Kettle)][:2] == [("KETTLE_NAME", None), ("KETTLE_CUPS", "4")]
