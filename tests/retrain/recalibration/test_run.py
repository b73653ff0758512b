"""One recalibration: over a bucket as moto has it, with a cascade whose networks are made up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from contracts.weights import sha256_of
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import RecalibrationFailed
from retrain.recalibration.last_layer import LastLayer
from retrain.recalibration.run import Recalibration, RecalibrationSettings, Verdict, recalibrate
from tests.retrain.recalibration.shops import SHIPPED, CheckedShop, FakeCascade, cascade, people

SETTINGS = RecalibrationSettings(draws=200)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[CheckedShop]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        yield CheckedShop(DatasetBucket(s3, "dataset", classes=LABELS), FakeCascade())


def run(
    shop: CheckedShop,
    in_service: Path,
    folder: Path,
    *,
    known: Mapping[str, str] | None = None,
    settings: RecalibrationSettings = SETTINGS,
) -> Recalibration:
    return recalibrate(
        shop.bucket,
        in_service,
        folder,
        run="day-0",
        known=known or {},
        settings=settings,
        make_predictor=shop.model.predictor,
    )


def another_camera(shop: CheckedShop, *, shift: float = 2.0) -> None:
    """Elders look younger to it: their true log-odds are higher by `shift`."""
    shop.put(Tree.REVIEWED, people(150, seed=1, shift=shift))
    shop.put(Tree.GOLDEN, people(120, seed=2, shift=shift), kiosk="k2")


def test_a_camera_that_is_off_gets_a_cascade_with_a_fitted_calibration(shop: CheckedShop, tmp_path: Path) -> None:
    another_camera(shop)
    in_service = cascade(tmp_path / "day-0")

    outcome = run(shop, in_service, tmp_path / "work")

    assert (outcome.verdict, outcome.ruling.rule, outcome.run) == (Verdict.BETTER, "better", None)
    assert outcome.layer.elder.shift > 0.5
    assert outcome.before
    assert outcome.after
    assert outcome.after.total[0] < outcome.before.total[0]
    fields = json.loads(outcome.manifest.read_bytes())
    assert fields["calibration"] == outcome.layer.applied(SHIPPED)
    assert fields["files"] == json.loads(in_service.read_bytes())["files"]
    assert sha256_of(outcome.manifest.parent / "network.onnx") == hashlib.sha256(b"a network").hexdigest()
    assert outcome.version == f"cascade {fields['version']}"
    assert json.loads((outcome.manifest.parent / "report.json").read_text()) == outcome.fields()


def test_golden_photos_judge_and_are_not_fitted_on(shop: CheckedShop, tmp_path: Path) -> None:
    """The shipped model sees the reviewed ones; golden ones are seen by both that are compared, afterwards."""
    another_camera(shop)
    outcome = run(shop, cascade(tmp_path / "day-0"), tmp_path / "work")
    fitted = outcome.version.removeprefix("cascade ")
    seen = [(version, name[:2]) for version, name in shop.model.photos]
    assert seen == [("2", "k1")] * 150 + [("2", "k2")] * 120 + [(fitted, "k2")] * 120
    assert outcome.reviewed["photos"] == 150


def test_the_same_photos_give_the_same_bytes(shop: CheckedShop, tmp_path: Path) -> None:
    """Also when the fitted cascade is in service: it starts from the shipped calibration, photos don't count twice."""
    another_camera(shop)
    first = run(shop, cascade(tmp_path / "day-0"), tmp_path / "first")
    known = {sha256_of(first.manifest): "stored"}

    again = run(shop, first.manifest, tmp_path / "second", known=known)

    assert (again.verdict, again.run, again.layer) == (Verdict.UNCHANGED, "stored", first.layer)
    assert again.manifest.read_bytes() == first.manifest.read_bytes()
    assert (again.before, again.after) == (None, None)


def test_a_camera_like_the_shipped_one_keeps_its_calibration(shop: CheckedShop, tmp_path: Path) -> None:
    another_camera(shop, shift=0.0)
    outcome = run(shop, cascade(tmp_path / "day-0"), tmp_path / "work")
    assert outcome.verdict is Verdict.KEPT
    assert outcome.ruling.rule in ("no_gain", "not_better")


def test_a_fit_that_gains_nothing_out_of_fold_never_asks_golden(shop: CheckedShop, tmp_path: Path) -> None:
    """Each look at golden by a fit that is noise may promote it by chance."""
    another_camera(shop, shift=0.0)
    outcome = run(shop, cascade(tmp_path / "day-0"), tmp_path / "work")
    assert outcome.gain.value < 0
    assert outcome.ruling.rule == "no_gain"
    assert {name[:2] for _, name in shop.model.photos} == {"k1"}


def test_a_reviewed_photo_of_a_golden_moment_is_left_out(shop: CheckedShop, tmp_path: Path) -> None:
    """The same customer may stand on both."""
    shop.put(Tree.REVIEWED, people(80, seed=1))
    shop.put(Tree.GOLDEN, people(120, seed=2), kiosk="k2")
    shop.put(Tree.REVIEWED, people(30, seed=3), kiosk="k2", apart=2.0)  # at the minutes of golden ones
    outcome = run(shop, cascade(tmp_path / "day-0"), tmp_path / "work")
    assert outcome.reviewed["photos"] == 80


def test_the_newest_photos_are_taken(shop: CheckedShop, tmp_path: Path) -> None:
    another_camera(shop)
    run(shop, cascade(tmp_path / "day-0"), tmp_path / "work", settings=replace(SETTINGS, most=90))
    reviewed = [name for _, name in shop.model.photos if name.startswith("k1")]
    assert reviewed == sorted(name for name in shop.model.people if name.startswith("k1"))[-90:]


def test_a_yolo_in_service_has_no_last_layer_here(shop: CheckedShop, tmp_path: Path) -> None:
    with pytest.raises(RecalibrationFailed, match=r"of kind 'yolov5'.*nunchi train.*nunchi weights promote day-0"):
        run(shop, cascade(tmp_path / "run", kind="yolov5"), tmp_path / "work")


def test_golden_elders_that_are_too_few_are_named(shop: CheckedShop, tmp_path: Path) -> None:
    """Before anything is predicted."""
    shop.put(Tree.REVIEWED, people(100))
    old, young = Label.ELDER_FEMALE, Label.ADULT_MALE
    golden = [replace(each, truth=old if number < 7 else young) for number, each in enumerate(people(60, seed=1))]
    shop.put(Tree.GOLDEN, golden, kiosk="k2")
    with pytest.raises(RecalibrationFailed, match=r"golden has 7 elders \(20 are needed\).*nunchi review export"):
        run(shop, cascade(tmp_path / "day-0"), tmp_path / "work")
    assert shop.model.photos == []


def test_without_golden_photos_nothing_is_fitted(shop: CheckedShop, tmp_path: Path) -> None:
    shop.put(Tree.REVIEWED, people(100))
    with pytest.raises(RecalibrationFailed, match=r"golden has 0 elders \(20 are needed\), 0 adults \(20 are needed\)"):
        run(shop, cascade(tmp_path / "day-0"), tmp_path / "work")


def test_reviewed_people_that_are_too_few_are_named(shop: CheckedShop, tmp_path: Path) -> None:
    shop.put(Tree.REVIEWED, people(30))
    shop.put(Tree.GOLDEN, people(120, seed=2), kiosk="k2")
    with pytest.raises(RecalibrationFailed, match=r"in 30 reviewed photos the model finds 30 people \(50 are needed\)"):
        run(shop, cascade(tmp_path / "day-0"), tmp_path / "work")


def test_a_manifest_without_its_calibration_is_named(shop: CheckedShop, tmp_path: Path) -> None:
    with pytest.raises(RecalibrationFailed, match=r"the calibration of day-0 can't be read.*nunchi weights rollback"):
        run(shop, cascade(tmp_path / "day-0", calibration={}), tmp_path / "work")


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2])
def test_a_share_of_elders_is_between_nobody_and_everybody(share: float) -> None:
    with pytest.raises(ValueError, match="is not a share of elders"):
        RecalibrationSettings(elder_share=share)


def test_the_layer_of_a_report_is_that_of_its_manifest(shop: CheckedShop, tmp_path: Path) -> None:
    another_camera(shop)
    outcome = run(shop, cascade(tmp_path / "day-0"), tmp_path / "work", settings=replace(SETTINGS, elder_share=0.2))
    block = json.loads(outcome.manifest.read_bytes())["recalibration"]
    assert block["layer"] == outcome.layer.fields() != LastLayer().fields()
    assert block["shipped"] == {"version": "2", "calibration": SHIPPED}
    assert block["elder_share"] == 0.2
