"""nunchi.toml: typed, complete, and every mistake named at once."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from config.instance_types import is_arm
from config.mistakes import find_mistakes
from config.mode import Mode
from config.nunchi_toml import DEFAULT_FILE, RELATED, Config, load
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
        "hours.days.blursday",
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
        ('[inference]\ninstance_type = "mac2.metal"', "'mac2.metal' is not a type for Linux"),
        ('[tags]\n"cost center" = "7"', "'cost center' is not a tag for instances"),
        ('[tags]\n"aws:cost" = "7"', "'aws:cost' is not a tag for instances"),
        ('[tags]\n"shop/kiosk" = "7"', "'shop/kiosk' is not a tag for instances"),
        (
            "[screen]\nelder_from = 0",
            "screen.elder_from: 0.0 is not a probability between 0 and 1: at 0 every customer",
        ),
        ("[screen]\nelder_from = 1", "screen.elder_from: 1.0 is not a probability between 0 and 1"),
        ("[screen]\nelder_from = nan", "screen.elder_from: nan is not a probability between 0 and 1"),
        ('[screen]\nelder_from = "often"', "screen.elder_from: 'often' is not a number, without quotes"),
        ("region = ", "is not TOML"),
        (
            "[training]\nleast_new_labels = 10000001",
            "training.least_new_labels: 10000001 is out of range; write at most 10000000",
        ),
    ],
)
def test_what_would_not_work_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml can't be read"):
        load(tmp_path / "missing.toml")


def test_settings_read_back_from_what_they_dump(tmp_path: Path) -> None:
    """The CDK app changes one and validates all again."""
    config = load(written(tmp_path, '[hours]\nclosed_dates = ["2027-02-07"]\n[hours.days]\nsunday = ["10:00-12:00"]'))
    assert Config.model_validate(config.model_dump()) == config
    assert Config.model_validate(config.model_dump(mode="json")) == config


def test_the_environment_names_another_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'mode = "queue"')
    assert load(environ={"NUNCHI_CONFIG": str(file)}).mode is Mode.QUEUE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[hours]\nzone = "localtime"',
            "hours.zone: 'localtime' is a setting of this machine, which AWS does not know",
        ),
        ('[hours]\nzone = "right/Asia/Seoul"', "which AWS does not know; write Asia/Seoul"),
        ('[hours]\nzone = "posix/Europe/Berlin"', "which AWS does not know; write Europe/Berlin"),
        ('[hours]\nzone = "Factory"', "which AWS does not know"),
        ('[hours]\nzone = "EST5EDT"', "AWS may refuse it; write America/New_York"),
        ('[hours]\nzone = "asia/seoul"', "is not an IANA time zone; did you mean Asia/Seoul?"),
        ('[hours]\nzone = "Seoul"', "did you mean Asia/Seoul?"),
        ('[hours]\nzone = "new york"', "did you mean America/New_York?"),
        ('[hours]\nclosed_dates = ["7.2.2027"]', "'7.2.2027' is not a date; write it as 2027-02-07"),
        ("[hours]\nclosed_dates = [20270207]", "hours.closed_dates[0]: 20270207 is not a date"),
        ('[hours]\nclosed_dates = ["7027-02-07"]', "the year must be from 2000 to 2099"),
        ("[hours.days]\nsonntag = []", "hours.days.sonntag: there is no such name; choose monday, tuesday"),
        ("[hours]\nboot_lead_minutes = true", "hours.boot_lead_minutes: true is not a whole number, without quotes"),
        ('[training]\nspot = "no"', "training.spot: 'no' is not true or false, without quotes"),
        ("[hours]\nwindow = []", "hours.window: there is no such setting; did you mean windows?"),
        ("windows = []", "windows: there is no such setting; did you mean hours.windows? Write it below [hours]"),
        ('[hours]\nregion = "x"', "hours.region: there is no such setting; did you mean region, above all sections?"),
        ("[hour]", "hour: there is no such setting; did you mean hours?"),
        ("hours = 5", "hours: 5 is not a table of settings"),
        ('[training]\ninstance_type = "g4ad.xlarge"', "'g4ad.xlarge' has an AMD GPU, and a training needs NVIDIA's"),
        ('[training]\ninstance_type = "inf2.xlarge"', "'inf2.xlarge' has no NVIDIA GPU"),
        ('[training]\ninstance_type = "c7i.large"', "'c7i.large' has no GPU"),
        ('[training]\ninstance_type = "p2.xlarge"', "'p2.xlarge' has a GPU that is too old"),
        ('[training]\ninstance_type = "g5g.xlarge"', "'g5g.xlarge' is not an x86-64 type but an ARM one"),
        ('[training]\ninstance_type = "g4dn.xlrge"', "did you mean g4dn.xlarge?"),
        ('[inference]\ninstance_type = "c7i.lrge"', "'c7i.lrge' is not an EC2 instance type; did you mean c7i.large?"),
        ('[inference]\ninstance_type = "c7.large"', "did you mean c7i.large?"),
        ('[inference]\ninstance_type = "C7i.large"', "did you mean c7i.large?"),
    ],
)
def test_a_mistake_is_in_the_users_words_with_a_remedy(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, text))
    assert says in str(refused.value)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "US/Pacific", "Asia/Kolkata", "America/Argentina/Ushuaia"])
def test_zones_with_a_place_are_valid(tmp_path: Path, zone: str) -> None:
    assert load(written(tmp_path, f'[hours]\nzone = "{zone}"')).hours.zone == zone


@pytest.mark.parametrize("name", ["g5.xlarge", "g6e.2xlarge", "p5.48xlarge", "p6-b200.48xlarge", "g9.xlarge"])
def test_types_with_a_gpu_of_nvidia_are_valid_and_so_is_a_later_generation(tmp_path: Path, name: str) -> None:
    assert load(written(tmp_path, f'[training]\ninstance_type = "{name}"')).training.instance_type == name


@pytest.mark.parametrize(
    ("text", "trains_on"),
    [
        ("", "g4dn.xlarge"),
        ('recipe = "kiosk"\n[training]\ninstance_type = ""', "g4dn.xlarge"),
        ('recipe = "mask"', "m7i-flex.large"),
        ('recipe = "lego"\n[training]\ninstance_type = "c7i.xlarge"', "c7i.xlarge"),
        ('recipe = "mask"\n[training]\ninstance_type = "g4dn.xlarge"', "g4dn.xlarge"),
    ],
)
def test_a_retraining_runs_on_what_its_recipe_needs_or_the_operator_chooses(
    tmp_path: Path, text: str, trains_on: str
) -> None:
    """A detector needs a GPU; heads don't, and may have one."""
    assert load(written(tmp_path, text)).training_type == trains_on


def test_a_detector_without_a_gpu_is_refused_with_what_has_one_and_which_recipe_asks(tmp_path: Path) -> None:
    file = written(tmp_path, '[training]\ninstance_type = "m7i-flex.large"\nperiod_days = 0')
    with pytest.raises(SettingsError) as refused:
        load(file)
    assert [line.strip() for line in str(refused.value).splitlines()[1:]] == [
        "training.period_days: 0 is out of range; write at least 1, not 0",
        (
            "the file: training.instance_type 'm7i-flex.large' has no GPU; write one such as g4dn.xlarge, g5.xlarge or "
            "g6.xlarge. A retraining of the recipe kiosk needs one; empty, the type fits the recipe"
        ),
    ]


def test_a_wrong_recipe_is_not_held_against_the_type(tmp_path: Path) -> None:
    """The default is a detector's, and may not be meant."""
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, 'recipe = "maks"\n[training]\ninstance_type = "m7i-flex.large"'))
    [line] = str(refused.value).splitlines()[1:]
    assert "recipe: " in line and "GPU" not in line


@pytest.mark.parametrize("name", ["t4g.small", "m7i-flex.lrge", "mac2.metal"])
def test_heads_too_are_taught_on_linux_on_x86_64(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"training.instance_type: '{name}' is not"):
        load(written(tmp_path, f'recipe = "mask"\n[training]\ninstance_type = "{name}"'))


@pytest.mark.parametrize("name", ["t3.small", "c7i-flex.large", "t4g.small", "c7g.large", "m9g.large"])
def test_an_instance_may_have_processors_of_either_kind(tmp_path: Path, name: str) -> None:
    assert load(written(tmp_path, f'[inference]\ninstance_type = "{name}"')).inference.instance_type == name


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        *((name, True) for name in ("t4g.small", "c7g.large", "c7gn.xlarge", "a1.medium", "m9g.large", "im4gn.large")),
        *(
            (name, False)
            for name in ("t3.small", "c7i.large", "c7i-flex.large", "g4dn.xlarge", "g6.xlarge", "m7a.large")
        ),
    ],
)
def test_types_with_arm_processors_are_known_by_their_names(name: str, arm: bool) -> None:
    assert is_arm(name) is arm


def test_rules_between_settings_are_reported_beside_other_mistakes(tmp_path: Path) -> None:
    """Not in a section whose settings are wrong: the rule would speak of a default."""
    text = """
        mode = "queue"
        [hours]
        closed_dates = ["2027-02-07"]
        [queue]
        least = 9
        most = 3
        [retention]
        upload_days = "x"
        result_days = 5
        [alarms]
        email = "a"
        """
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, text))
    assert [line.strip().partition(":")[0] for line in str(refused.value).splitlines()[1:]] == [
        "queue",
        "retention.upload_days",
        "alarms.email",
        "the file",
    ]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["08:00-20:00", "Asia/Seoul", "c7i.large", "2027-02-07", date(2027, 2, 7), time(7), "queue"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*Config.model_fields, "hour", "windows"])
BELOW = st.sampled_from(
    [name for field in Config.model_fields.values() for name in getattr(field.annotation, "model_fields", {})]
)


@settings(max_examples=200)
@given(st.dictionaries(NAMES, VALUES | st.dictionaries(BELOW, VALUES, max_size=4), max_size=5))
def test_whatever_stands_there_is_valid_or_has_mistakes_in_words(fields: dict[str, Any]) -> None:
    mistakes = find_mistakes(Config, fields, related=RELATED)
    try:
        Config.model_validate(fields)
    except ValidationError:
        assert mistakes
        assert not any("nput should" in mistake or "[key]" in mistake for mistake in mistakes)
    else:
        assert mistakes == []
