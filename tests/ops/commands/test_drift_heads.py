"""`nunchi review drift` in the cloud of a recipe that teaches heads, against AWS as moto has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from contracts.instants import now
from ops.commands.drift import EXIT_STOP
from ops.commands.review import review
from tests.ops.commands.test_drift import PIPELINE, REGION
from tests.retrain.drift.test_answers import decide

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MOMENTS = 101


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """An account with the pipeline deployed for the recipe mask."""
    (tmp_path / "nunchi.toml").write_text(f'region = "{REGION}"\nrecipe = "mask"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(tmp_path / "nunchi.toml"))
    with mock_aws():
        client: Any = boto3.client("s3", region_name=REGION)
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE)
        )
        for bucket in ("dataset", "images", "weights"):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client


def drift(*arguments: str) -> Result:
    return CliRunner().invoke(review, ["drift", *arguments])


def told(result: Result) -> str:
    return " ".join(result.output.split())


def answer(s3: S3Client, days_ago: int, value: str) -> None:
    for number in range(MOMENTS):
        at = now() - timedelta(days=days_ago, minutes=2 * number)
        decide(s3, at, value=value)


@pytest.mark.usefixtures("s3")
def test_without_answers_there_is_nothing_to_compare() -> None:
    done = drift()
    assert (done.exit_code, told(done).startswith("No photo was answered since")) == (0, True)


def test_a_shift_of_answers_has_a_status_and_a_command_that_shows_the_photos(s3: S3Client) -> None:
    answer(s3, 20, "worn")
    answer(s3, 2, "none")
    done = drift()
    assert done.exit_code == EXIT_STOP
    assert "large shift all: mask (PSI" in told(done)
    assert "worn 100% → 0%" in told(done)
    assert "Look at the photos nunchi review export FOLDER --sample-share 1 --most 100 --since" in told(done)


def test_the_same_answers_are_no_shift(s3: S3Client) -> None:
    answer(s3, 20, "worn")
    answer(s3, 2, "worn")
    done = drift()
    assert (done.exit_code, "No answer shifted" in told(done)) == (0, True)
    assert f"{MOMENTS} photos; before: {MOMENTS} photos" in told(done)


def test_a_day_of_ones_own_divides_the_sides(s3: S3Client) -> None:
    answer(s3, 20, "worn")
    answer(s3, 2, "none")
    done = drift("--json", "--since", f"{now() - timedelta(days=40):%Y-%m-%d}")
    fields = json.loads(done.stdout)
    assert (done.exit_code, fields["photos"], fields["compared"], fields["shifts"]) == (
        0,
        {"before": 0, "now": 2 * MOMENTS},
        0,
        [],
    )
    assert fields["counts"]["mask"]["now"] == {"worn": MOMENTS, "incorrect": 0, "none": MOMENTS, "unseen": 0}


def test_few_photos_are_shown_and_not_compared(s3: S3Client) -> None:
    decide(s3, now())
    assert "Too few on one side: 100 moments before and since are compared" in told(drift())
