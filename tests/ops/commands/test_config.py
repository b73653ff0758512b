"""`nunchi config check`: settings in words, mistakes in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.mode import Mode
from config.nunchi_toml import Config, load
from contracts.errors import SettingsError
from ops.__main__ import app
from ops.commands.config import meaning

SUNDAY = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def words(text: str, folder: Path) -> dict[str, str]:
    file = folder / "nunchi.toml"
    file.write_text(text)
    return meaning(load(file), at=SUNDAY)


def test_the_default_is_a_shop_in_seoul_with_one_instance(tmp_path: Path) -> None:
    said = words("", tmp_path)
    assert said["open"] == "monday to sunday 08:00-20:00; Asia/Seoul"
    assert said["mode"] == "command: one c7i.large, to which each photo is handed by Run Command"
    assert said["running"] == (
        "85.75 hours a week, from 10 minutes before opening to 5 after closing; starts next on 2026-11-23 at 07:50; "
        "what still runs an hour later is stopped"
    )
    assert said["alarms"].startswith("no receiver: alarms.email is empty")
    assert said["retraining"] == (
        "every 60 days, with 500 new label files or more, on a Spot g4dn.xlarge, on demand where there is no Spot "
        "capacity, that is terminated afterwards; with fewer no instance starts"
    )


def test_the_screen_turns_where_the_file_says(tmp_path: Path) -> None:
    said = words("[screen]\nelder_from = 0.25", tmp_path)
    assert (
        said["screen"] == "easy (large letters, voice) when the customer is an elder by a probability of 0.25 or more"
    )


def test_retraining_is_what_the_file_says(tmp_path: Path) -> None:
    """Its period, its instance, its market, and what it waits for."""
    said = words(
        """
        [training]
        instance_type = "g5.xlarge"
        spot = false
        period_days = 7
        least_new_labels = 40
        """,
        tmp_path,
    )
    assert said["retraining"] == (
        "every 7 days, with 40 new label files or more, on an on-demand g5.xlarge that is terminated afterwards; with "
        "fewer no instance starts"
    )


def test_heads_are_taught_on_a_processor(tmp_path: Path) -> None:
    said = words('recipe = "mask"', tmp_path)
    assert said["retraining"] == (
        "every 60 days, with 500 new label files or more, on a Spot m7i-flex.large, on demand where there is no Spot "
        "capacity, that is terminated afterwards; with fewer no instance starts"
    )


def test_breaks_closed_days_and_holidays_are_told(tmp_path: Path) -> None:
    said = words(
        """
        [hours]
        windows = ["11:00-14:30", "17:00-02:00"]
        closed_dates = ["2026-11-23"]
        [hours.days]
        sunday = []
        """,
        tmp_path,
    )
    assert said["open"] == "monday to saturday 11:00-14:30 and 17:00-02:00, sunday closed; Asia/Seoul"
    assert said["closed on"] == "2026-11-23"
    assert "starts next on 2026-11-24 at 10:50" in said["running"]


def test_mode_queue_says_how_it_scales(tmp_path: Path) -> None:
    assert words('mode = "queue"\n[queue]\nleast = 3\nmost = 40', tmp_path)["mode"].startswith(
        "queue: 3 to 40 c7i.large that read the upload queue"
    )


def test_a_shop_that_never_closes_runs_always(tmp_path: Path) -> None:
    assert words('[hours]\nwindows = ["00:00-24:00"]', tmp_path)["running"] == "always, 168 hours a week"


def test_programs_get_json_that_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "nunchi.toml"
    file.write_text('mode = "queue"')
    answer = CliRunner().invoke(app, ["config", "check", str(file), "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == Config(mode=Mode.QUEUE).model_dump(mode="json")


@pytest.mark.parametrize("given", ["argument", "variable"])
def test_the_file_that_was_read_is_the_one_that_is_well(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the repository's, when NUNCHI_CONFIG names another."""
    file = tmp_path / "mine.toml"
    file.write_text('region = "us-east-1"')
    monkeypatch.setenv("NUNCHI_CONFIG", str(file))
    told = CliRunner().invoke(app, ["config", "check", *([str(file)] if given == "argument" else [])])
    lines = "".join(told.stdout.splitlines())
    assert (told.exit_code, f"{file} is valid. Next: nunchi cost" in lines) == (0, True)
    assert "us-east-1" in lines


def test_a_mistake_ends_the_command(tmp_path: Path) -> None:
    file = tmp_path / "nunchi.toml"
    file.write_text('mode = "both"')
    answer = CliRunner().invoke(app, ["config", "check", str(file)])
    assert isinstance(answer.exception, SettingsError)
    assert "mode: 'both' is none of the choices; choose command or queue" in str(answer.exception)


@pytest.mark.parametrize("words", [["config"], ["config", "check", "--help"]])
def test_it_teaches(words: list[str]) -> None:
    assert "nunchi.toml" in CliRunner().invoke(app, words).output
