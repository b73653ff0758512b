"""`nunchi review drift` against AWS, as moto has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from contracts.instants import now
from contracts.weights import new_run_id
from ops.commands.drift import EXIT_STOP
from ops.commands.review import review
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset import publication
from retrain.dataset.assembly import build
from retrain.dataset.settings import DatasetSettings
from retrain.drift.guard import LabelFact
from retrain.fit.candidate import package
from retrain.review.confidences import Results
from tests.retrain.review.shop import HER, HIM, Shop, photo

REGION: Final = "eu-west-1"
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {f"{name.capitalize()}Bucket": {"Value": name} for name in ("dataset", "images", "weights")},
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """An account with the pipeline deployed, in the region of an operator's nunchi.toml."""
    (tmp_path / "nunchi.toml").write_text(f'region = "{REGION}"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(tmp_path / "nunchi.toml"))
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE)
        )
        for bucket in ("dataset", "images", "weights"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Shop(s3, DatasetBucket(s3, "dataset", classes=LABELS), Results(s3, "images"))


def drift(*arguments: str) -> Result:
    return CliRunner().invoke(review, ["drift", *arguments])


def told(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.mark.usefixtures("shop")
def test_without_photos_there_is_nothing_to_compare() -> None:
    done = drift()
    assert (done.exit_code, told(done)) == (0, "No photo was labelled yet")


def test_each_kiosk_and_week_has_a_row(shop: Shop) -> None:
    """With how sure the model was, and a photo of two counting once."""
    shop.put(Tree.AUTO, photo(1), (HER, HIM))
    shop.decide(photo(1), Person(Label(HER.label), 0.99, HER.box), Person(Label(HIM.label), 0.96, HIM.box))
    shop.put(Tree.REVIEW, photo(2, kiosk="door", minutes=7 * 24 * 60), (HIM,))
    done = drift("--json")
    fields: dict[str, Any] = json.loads(done.stdout)
    assert (done.exit_code, fields["level"], fields["findings"]) == (0, "ok", [])
    assert [(one["where"], one["photos"], one["unsure"], one["confidence"]) for one in fields["parts"]] == [
        ("all", 2, 0.5, 0.96),
        ("kiosk door", 1, 1.0, None),
        ("kiosk lobby", 1, 0.0, 0.96),
        ("week 2026-W47", 1, 0.0, 0.96),
        ("week 2026-W48", 1, 1.0, None),
    ]
    assert fields["parts"][0]["labels"]["elder_female"] == 0.5
    assert "A training would go on: there is nothing earlier to compare with" in told(drift())


@pytest.mark.usefixtures("shop")
def test_labels_that_moved_unseen_end_with_the_status_of_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elder women before, men since; and it says what to do."""
    monkeypatch.setattr("ops.commands.drift.gather_facts", lambda *_, since: moved(since))
    done = drift("--since", "2026-11-01")
    assert done.exit_code == EXIT_STOP
    assert "stop all: labels moved (PSI" in told(done)
    assert "nunchi review export FOLDER --sample-share 1" in told(done)
    assert "A training would stop here" in told(done)


@pytest.mark.usefixtures("shop")
def test_labels_are_held_against_the_gate_of_the_deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """870 of 1,000 right are too few under a gate of 0.95, and as many as may be under one of 0.88."""
    checked = [LabelFact("lobby", "2026-W47", (HER.label,), True, 0.97, 1, int(number < 870)) for number in range(1000)]
    monkeypatch.setattr("ops.commands.drift.gather_facts", lambda *_, since: (checked, []))  # noqa: ARG005
    assert (drift().exit_code, "surely fewer than 90%" in told(drift())) == (EXIT_STOP, True)
    (tmp_path / "nunchi.toml").write_text(f'region = "{REGION}"\ninference.confidence_gate = 0.88\n')
    assert (drift().exit_code, "A training would go on" in told(drift())) == (0, True)


def moved(since: datetime) -> tuple[list[LabelFact], list[LabelFact]]:
    assert since == datetime(2026, 11, 1, tzinfo=UTC)
    now_, before = (LabelFact("lobby", "2026-W47", (one.label,), True, 0.97) for one in (HIM, HER))
    return [now_] * 300, [before] * 300


def test_without_a_day_it_counts_from_what_the_model_in_service_learned(shop: Shop, tmp_path: Path) -> None:
    """When that was built, not when it came into service."""
    shop.put(Tree.AUTO, photo(1))
    serve(shop, tmp_path, built_at=now() + timedelta(hours=1))
    assert "No photo was labelled since" in told(drift())
    serve(shop, tmp_path, built_at=now() - timedelta(hours=1))
    assert "kiosk lobby" in told(drift())


def serve(shop: Shop, folder: Path, *, built_at: datetime) -> None:
    """A run that learned from a dataset of then."""
    name = new_run_id(built_at, "dataset")
    build(
        shop.bucket,
        folder / name,
        build=name,
        settings=DatasetSettings(),
        earlier=None,
        predict=None,
        at=built_at,
        detects=PEOPLE,
    )
    publication.publish(shop.bucket, folder / name)
    (folder / "file").write_bytes(b"a network")
    run = new_run_id(built_at, "yolov5n")
    package(
        folder / run,
        run=run,
        onnx=folder / "file",
        weights_pt=folder / "file",
        input=640,
        calibration={},
        data={"build": name},
        training={},
        code_version="test",
        classes=LABELS,
    )
    weights = WeightsRegistry(shop.s3, "weights")
    weights.add(folder / run, run)
    weights.promote(run, by="ada", reason="a test")
