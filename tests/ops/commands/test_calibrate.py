"""`nunchi calibrate` against AWS, as moto has it, with the model and the photos of this repository."""

from __future__ import annotations

import inspect
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import typer
from moto import mock_aws
from PIL import Image as Pillow
from typer.testing import CliRunner, Result

from contracts.boxes import LabelledBox
from contracts.names import Reference, new_image_id
from contracts.yolo import format_labels
from imaging.decoding import decode
from ops.commands.calibrate import EXIT_NOT_BETTER, EXIT_POINTER_MOVED, calibrate
from ops.exits import Exit
from recipes.kiosk.labels import LABELS, Label
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from tests.toy_yolo import toy_manifest
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.detector import Image

REGION: Final = "eu-west-1"
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {
        "WeightsBucket": {"Value": "weights"},
        "DatasetBucket": {"Value": "dataset"},
        "ImagesBucket": {"Value": "images"},
    },
}
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAMPLES: Final = Path(__file__).parents[3] / "samples"
# Portraits that day 0 calls elder or adult with all shades of confidence, as the people of this shop are: to its camera
# even the woman of 51, whom day 0 calls adult at 0.54, and the one of 46 look younger than they are.
ELDERS: Final = ("usg_B001232", "usg_D000601", "usg_L000261", "usg_K000305", "usg_H001062", "usg_H001044")
ADULTS: Final = ("usg_H001048", "usg_G000569")
app = typer.Typer()
app.command()(calibrate)


@dataclass(frozen=True)
class Shop:
    weights: WeightsRegistry
    bucket: DatasetBucket

    def put(self, tree: Tree, elders: int, adults: int, *, kiosk: str) -> None:
        """Photos of the portraits in turn, each of other bytes, two minutes apart."""
        names = [ELDERS[number % len(ELDERS)] for number in range(elders)]
        names += [ADULTS[number % len(ADULTS)] for number in range(adults)]
        for number, name in enumerate(names):
            reference = Reference(kiosk, new_image_id(NOON + number * timedelta(minutes=2), number.to_bytes(10)))
            quality = 60 + number % 30
            jpeg = _jpeg(name, quality, shade=1 - number / 500 - (0.03 if tree is Tree.GOLDEN else 0))
            labels = format_labels([person for person in (_person(name),) if person], LABELS)
            self.bucket.put_pair(tree, reference, jpeg=jpeg, labels=labels)


def _jpeg(name: str, quality: int, *, shade: float) -> bytes:
    file = io.BytesIO()
    with Pillow.open(SAMPLES / f"{name}.jpg") as portrait:
        portrait.convert("RGB").point(lambda value: value * shade).save(file, "JPEG", quality=quality)
    return file.getvalue()


PEOPLE: Final[dict[str, LabelledBox]] = {}


def _person(name: str) -> LabelledBox:
    """The person of a portrait, in the box of the model; the age of this shop."""
    if not PEOPLE:
        model = load_detector(DEFAULT_MANIFEST)
        for each in (*ELDERS, *ADULTS):
            image: Image = decode((SAMPLES / f"{each}.jpg").read_bytes(), max_pixels=10**7).image
            [[person]] = model.detect([image])
            PEOPLE[each] = LabelledBox(Label.of(elder=each in ELDERS, female=person.label.female), person.box)
    return PEOPLE[name]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A deployed account in the region of an operator's nunchi.toml, with day 0 in service."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE)
        )
        for bucket in ("weights", "dataset", "images"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield Shop(WeightsRegistry(s3, "weights"), DatasetBucket(s3, "dataset", classes=LABELS))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def told(result: Result) -> str:
    return " ".join(result.output.split())


def test_a_shop_whose_elders_look_younger_gets_a_calibration_that_serves(shop: Shop) -> None:
    """First it is tried, then promoted; the same photos change nothing, and give no second run."""
    shop.put(Tree.REVIEWED, 36, 24, kiosk="k1")
    shop.put(Tree.GOLDEN, 36, 24, kiosk="k2")

    tried = run("--dry-run", "--json")

    assert tried.exit_code == 0, tried.output
    fields: dict[str, Any] = json.loads(tried.stdout)
    assert (fields["verdict"], fields["dry_run"], fields["run"]) == ("better", True, None)
    assert fields["layer"]["elder"]["shift"] > 0
    assert fields["after"]["elders_told_elder"]["count"] > fields["before"]["elders_told_elder"]["count"]
    assert (shop.weights.current().pointer, shop.weights.runs()) == (None, [])

    promoted = run("--by", "mina")

    assert promoted.exit_code == 0, promoted.output
    [stored] = shop.weights.runs()
    pointer = shop.weights.current().pointer
    assert pointer
    assert (pointer.run, pointer.previous, pointer.moved_by) == (stored.id, None, "mina")
    assert stored.version == fields["version"]
    assert f"{stored.id} is in service, after day-0" in told(promoted)
    assert "elders told elder" in told(promoted)
    assert "nunchi weights rollback" in promoted.output

    again = run()

    assert again.exit_code == 0, again.output
    assert f"Nothing changed: the reviewed photos give the calibration of run {stored.id} again" in told(again)
    assert [each.id for each in shop.weights.runs()] == [stored.id]


def test_too_few_reviewed_photos_are_counted(shop: Shop) -> None:
    shop.put(Tree.REVIEWED, 1, 1, kiosk="k1")
    shop.put(Tree.GOLDEN, 20, 20, kiosk="k2")
    result = run()
    assert result.exit_code == Exit.INVALID
    assert "in 2 reviewed photos the model finds 2 people (50 are needed)" in told(result)
    assert "nunchi review export" in told(result)


def test_without_golden_photos_the_remedy_is_told(shop: Shop) -> None:
    shop.put(Tree.REVIEWED, 1, 1, kiosk="k1")
    result = run()
    assert result.exit_code == Exit.INVALID
    assert "golden has 0 elders (20 are needed)" in told(result)


def test_a_yolo_in_service_is_calibrated_by_its_training(shop: Shop, tmp_path: Path) -> None:
    shop.weights.add(toy_manifest(tmp_path / "toy").parent, "toy")
    shop.weights.promote("toy", by="test", reason="test")
    result = run()
    assert result.exit_code == Exit.INVALID
    assert "toy, the model in service, is of kind 'yolov5'" in told(result)
    assert "nunchi train" in told(result)


def test_a_local_cloud_that_is_down_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--local", "--state", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "no cloud is up" in str(result.exception)
    assert "nunchi up --detach" in str(result.exception)


@pytest.mark.parametrize("wrong", [("--elder-share", "0"), ("--elder-share", "1.5"), ("--most", "0")])
def test_an_option_out_of_range_is_a_wrong_call(wrong: tuple[str, str]) -> None:
    assert run(*wrong).exit_code == 2


def test_the_help_names_every_exit_status() -> None:
    named = re.findall(r"\b(\d) ", (inspect.getdoc(calibrate) or "").partition("Exit status:")[2].partition("With")[0])
    named += re.findall(r"; (\d)\n", (inspect.getdoc(calibrate) or ""))
    assert {int(one) for one in named} == {0, 1, 2, EXIT_NOT_BETTER, Exit.INVALID, EXIT_POINTER_MOVED}
