"""nunchi.toml: typed, complete, and every mistake named at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.mode import Mode
from config.nunchi_toml import DEFAULT_FILE, Config, load
from config.opening_hours import Weekday, Window
from contracts.errors import SettingsError


def written(folder: Path, text: str) -> Path:
    file = folder / "nunchi.toml"
    file.write_text(text)
    return file


def test_the_repositorys_file_states_every_default() -> None:
    """An operator edits what stands there, and need not guess what else there is."""
    assert load(DEFAULT_FILE) == Config()


def test_every_setting_stands_in_the_repositorys_file() -> None:
    text = DEFAULT_FILE.read_text()
    names = [
        name
        for section in Config.model_fields.values()
        for name in getattr(section.annotation, "model_fields", {})
        if name != "days"  # a section of its own
    ]
    assert [name for name in names if f"\n{name} = " not in text] == []


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Config()


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    config = load(
        written(
            tmp_path,
            """
            region = "us-east-1"
            mode = "command"
            [hours]
            zone = "America/New_York"
            windows = ["11:00-14:30", "17:00-02:00"]
            closed_dates = ["2026-12-25", 2027-01-01]
            [hours.days]
            sunday = []
            """,
        )
    )
    assert (config.region, config.mode) == ("us-east-1", Mode.COMMAND)
    assert config.hours.windows == (Window(660, 870), Window(1020, 1560))
    assert config.hours.closed_dates == (date(2026, 12, 25), date(2027, 1, 1))
    assert config.hours.windows_of(Weekday.SUNDAY) == ()


def test_every_mistake_is_named_at_once_with_its_place(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        region = "seoul"
        mode = "both"
        colour = "red"
        [hours]
        zone = "Mars/Olympus"
        windows = ["8-20"]
        [hours.days]
        blursday = []
        [inference]
        confidence_gate = 1.5
        [alarms]
        email = "nobody"
        [retention]
        upload_days = 100
        [queue]
        least = 9
        most = 3
        """,
    )
    with pytest.raises(SettingsError) as refused:
        load(file)
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{file} is invalid, nothing was done; correct these settings:"
    assert sorted(line.strip().partition(":")[0] for line in lines[1:]) == [
        "alarms.email",
        "colour",
        "hours.days.blursday[key]",
        "hours.windows[0]",
        "hours.zone",
        "inference.confidence_gate",
        "mode",
        "queue",
        "region",
        "retention",
    ]
    assert "colour: there is no such setting" in str(refused.value)
    assert "'seoul' is not an AWS region; write it as ap-northeast-2" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[hours]\nwindows = []", "closed on every day"),
        ('mode = "queue"\n[hours]\nclosed_dates = ["2027-02-07"]', "closed_dates work in mode command only"),
        ("[retention]\nupload_days = 0", "retention.upload_days"),
        ("[retention]\nresult_days = 7", "results of 7 days must outlive uploads of 7 days"),
        ('[inference]\ninstance_type = "c7g.large"', "'c7g.large' is not an x86-64 type"),
        ('[tags]\n"cost center" = "7"', "'cost center' is not a tag for instances"),
        ('[tags]\n"aws:cost" = "7"', "'aws:cost' is not a tag for instances"),
        ('[tags]\n"shop/kiosk" = "7"', "'shop/kiosk' is not a tag for instances"),
        (
            "[screen]\nelder_from = 0",
            "screen.elder_from: 0.0 is not a probability between 0 and 1: at 0 every customer",
        ),
        ("[screen]\nelder_from = 1", "screen.elder_from: 1.0 is not a probability between 0 and 1"),
        ("[screen]\nelder_from = nan", "screen.elder_from: nan is not a probability between 0 and 1"),
        ('[screen]\nelder_from = "often"', "screen.elder_from: input should be a valid number"),
        ("region = ", "is not TOML"),
        ("[training]\nleast_new_labels = 10000001", "training.least_new_labels: .*10000000, not 10000001"),
    ],
)
def test_what_would_not_work_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml can't be read"):
        load(tmp_path / "missing.toml")


def test_the_environment_names_another_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'mode = "queue"')
    assert load(environ={"NUNCHI_CONFIG": str(file)}).mode is Mode.QUEUE
