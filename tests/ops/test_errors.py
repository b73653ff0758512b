"""What becomes of errors that are not ours: one message with its remedy, exit status 1 or 2, no traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import ops.__main__ as command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["nunchi", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return ended.value.code


@pytest.mark.parametrize("name", ["up", "down", "status", "watch", "demo"])
def test_a_file_is_no_state_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake in the command, told before anything is started."""
    file = tmp_path / "file"
    file.touch()
    assert run(monkeypatch, name, "--state", str(file)) == 2
    assert "--state" in capsys.readouterr().err


def test_a_state_folder_that_cannot_be_made_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here for a file in its way."""
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    assert run(monkeypatch, "up", "--state", str(state)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(state) in line
    assert line.endswith("name another one: --state DIR")


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ClientError({"Error": {"Code": "500", "Message": "out of order"}}, "PutObject"),
    ],
)
def test_a_cloud_that_goes_away_is_one_line_that_names_its_logs(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the middle of whatever a command does."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(command, "app", fail)
    assert run(monkeypatch, "send") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"nunchi: the cloud does not answer, or fails: {error}")
    assert line.endswith("see logs/ in its --state folder (default: .nunchi)")
