"""`nunchi doctor` as a command: what is shown, and how it ends."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest
from moto import mock_aws
from typer.testing import CliRunner

from ops.__main__ import app
from ops.commands.doctor import DoctorExit, doctor, show
from ops.doctor.examination import Finding, State, ill, status_of, unseen, well


def test_one_thing_ill_is_exit_status_1() -> None:
    healthy, sick = Finding("a", State.WELL, ""), Finding("b", State.ILL, "")
    assert (status_of([healthy]), status_of([healthy, sick, healthy])) == (0, 1)


def test_a_person_sees_a_mark_a_sentence_and_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    show(Finding("worker", *ill("i-1 [offline]", "aws logs tail /nunchi/worker")))
    show(Finding("clock", *well("right")))
    assert capsys.readouterr().out == (
        "✗ worker       i-1 [offline]\n               → aws logs tail /nunchi/worker\n✓ clock        right\n"
    )


def test_the_exit_statuses_are_documented() -> None:
    """Each number of the code is in the help, and no other."""
    documented = inspect.cleandoc(doctor.__doc__ or "").split("Exit status:")[1].split("Example:")[0]
    assert {int(number) for number in re.findall(r"\b\d\b", documented)} == set(DoctorExit)


def test_settings_that_are_wrong_are_the_first_finding_and_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a region there is nowhere to look."""
    mistaken = tmp_path / "nunchi.toml"
    mistaken.write_text('region = "seoul"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(mistaken))
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 2
    [line] = told.stdout.splitlines()
    fields = json.loads(line)
    assert (fields["check"], fields["state"], fields["remedy"]) == ("settings", "ill", "nunchi config check")
    assert "'seoul' is not an AWS region" in fields["text"]


def test_a_local_cloud_that_is_down_can_not_be_looked_at(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["doctor", "--local", "--json", "--state", str(tmp_path)])
    assert told.exit_code == 2
    assert "no cloud is up in" in json.loads(told.stdout)["text"]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell without credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "NUNCHI_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("nobody")
def test_without_credentials_nothing_else_is_asked() -> None:
    """Sixteen times the same sentence would help nobody."""
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 2
    findings = [json.loads(line) for line in told.stdout.splitlines()]
    assert [each["check"] for each in findings] == ["settings", "clock", "credentials"]
    assert (findings[-1]["text"], findings[-1]["remedy"]) == (
        "can't check: this shell has no AWS credentials",
        "log in, as with aws sso login, or aws configure",
    )


@pytest.mark.usefixtures("nobody")
def test_a_profile_that_there_is_not_is_the_first_finding_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert (told.exit_code, json.loads(told.stdout)) == (
        2,
        Finding(
            "credentials", *unseen("The config profile (elsewhere) could not be found", "aws configure list-profiles")
        ).fields(),
    )


def test_days_with_hours_of_their_own_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when all of them have."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text('[hours]\nwindows = []\n[hours.days]\nsaturday = ["10:00-18:00"]\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    with mock_aws():
        told = CliRunner().invoke(app, ["doctor", "--json"])
    assert json.loads(told.stdout.splitlines()[0])["text"] == (
        "mode command, monday to friday closed, saturday 10:00-18:00, sunday closed; Asia/Seoul"
    )
