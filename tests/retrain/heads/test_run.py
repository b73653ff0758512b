"""A training of heads in the bucket, each way it can end. Real features, a real judge; S3 is moto."""

from __future__ import annotations

import io
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.boxes import Box
from contracts.names import Reference, new_image_id
from contracts.subject_labels import LabelledSubject, SubjectLabels
from contracts.training import Verdict
from recipes.reading import load
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import Interrupted
from retrain.heads.run import HeadsRun
from retrain.heads.training import train
from retrain.run.reporting import Reporter
from retrain.run.stopping import Stopping
from retrain.settings import RetrainSettings
from tests.shapes_recipe import COLOURS, NAME, SHAPES, SIZES, draw, write_dataset, write_recipe

TRAINING = "20261129t030405z-shapes"
AT = datetime(2026, 11, 29, 3, 4, 5, tzinfo=UTC)
PHOTOS = 60
GOLDEN = 30
Labels = tuple[Reference, bytes, dict[str, str | float]]


def drawn(seed: int, count: int) -> Iterator[Labels]:
    """Photos of a device, ten minutes apart, with what they show."""
    chance = random.Random(seed)
    for number in range(count):
        shape, colour = SHAPES[number % 3], list(COLOURS)[number // 3 % 2]
        size = chance.randint(*SIZES)
        written = io.BytesIO()
        draw(shape, colour, size, chance).save(written, "JPEG", quality=90)
        at = AT + timedelta(days=seed, minutes=10 * number)
        reference = Reference("counter-1", new_image_id(at, chance.randbytes(10)))
        yield reference, written.getvalue(), {"shape": shape, "colour": colour, "size": float(size)}


def fill(bucket: DatasetBucket, tree: Tree, seed: int, count: int) -> None:
    for reference, jpeg, answers in drawn(seed, count):
        labels = SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 1, 1), answers),))
        bucket.put_pair(tree, reference, jpeg=jpeg, labels=labels.to_json())


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe with a model to start with that has learned its shapes from wrong labels."""
    folder = tmp_path_factory.mktemp("shapes")
    recipe, data = write_recipe(folder / NAME), write_dataset(folder / "data")
    for number, file in enumerate(sorted((data / "labels" / "demo").iterdir())):
        answers = dict(SubjectLabels.from_json(file.read_text()).subjects[0].answers)
        answers["shape"] = SHAPES[(number + 1) % 3]
        subject = LabelledSubject(Box(0, 0, 1, 1), answers)
        file.write_text(SubjectLabels(NAME, {}, (subject,)).to_json())
    train(str(recipe), data, recipe / "model", version="1", trained_on="drawn shapes", cache=folder / "features")
    return recipe


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for name in ("dataset", "weights"):
            client.create_bucket(Bucket=name)
        yield client


def run_of(s3: Any, recipe: Path, folder: Path, training: str = TRAINING, **settings: Any) -> HeadsRun:
    bucket = DatasetBucket(s3, "dataset", label_suffix=".json")
    told = RetrainSettings(
        dataset_bucket="dataset", weights_bucket="weights", recipe=str(recipe), golden_least=5, least_new_people=30
    )
    folder.mkdir(parents=True)
    return HeadsRun(
        training=training,
        folder=folder,
        recipe=load(str(recipe)),
        recipe_name=str(recipe),
        bucket=bucket,
        weights=WeightsRegistry(s3, "weights"),
        weights_files=DatasetBucket(s3, "weights"),
        settings=replace(told, **settings),
        reporter=Reporter(bucket, training, clock=lambda: AT, silence_s=60, out=io.StringIO()),
        stopping=Stopping(),
        tuner=None,
        clock=lambda: AT,
    )


def filled(s3: Any, *, photos: int = PHOTOS, golden: int = GOLDEN) -> DatasetBucket:
    bucket = DatasetBucket(s3, "dataset", label_suffix=".json")
    fill(bucket, Tree.REVIEWED, 1, photos)
    fill(bucket, Tree.GOLDEN, 2, golden)
    return bucket


def test_a_better_candidate_is_stored_and_serves_and_the_next_training_finds_nothing_new(
    s3: Any, recipe: Path, tmp_path: Path
) -> None:
    filled(s3)
    run = run_of(s3, recipe, tmp_path / "first")
    assert run.check() is None
    outcome = run.run()
    assert (outcome.verdict, outcome.rule, outcome.run) == (Verdict.PROMOTED, "better", TRAINING)
    assert "macro f1 of joined" in outcome.reason
    assert WeightsRegistry(s3, "weights").current().run == TRAINING
    assert run.run() == outcome, "a training that has an outcome is not repeated"

    again = run_of(s3, recipe, tmp_path / "second", training="20261201t030405z-shapes").run()
    assert (again.verdict, again.rule) == (Verdict.SKIPPED, "too_few_new")
    assert again.reason.startswith("only 0 new labelled photos since the model in service, of 30 needed")

    forced = run_of(s3, recipe, tmp_path / "third", training="20261202t030405z-shapes", force=True).run()
    assert (forced.verdict, forced.rule, forced.incumbent) == (Verdict.KEPT, "not_better", TRAINING)
    assert WeightsRegistry(s3, "weights").current().run == TRAINING


def test_without_golden_photos_nothing_is_trained(s3: Any, recipe: Path, tmp_path: Path) -> None:
    filled(s3, golden=0)
    outcome = run_of(s3, recipe, tmp_path / "run").run()
    assert (outcome.verdict, outcome.rule) == (Verdict.SKIPPED, "golden_too_small")
    assert WeightsRegistry(s3, "weights").current().run is None


def test_too_few_golden_subjects_keep_the_model_in_service(s3: Any, recipe: Path, tmp_path: Path) -> None:
    filled(s3, golden=6)
    outcome = run_of(s3, recipe, tmp_path / "run").run()
    assert (outcome.verdict, outcome.rule) == (Verdict.KEPT, "golden_too_small")
    assert "of the golden subjects there are only 2 of shape = circle" in outcome.reason


def test_photos_of_an_older_or_another_recipe_are_left_out_with_the_reason(
    s3: Any, recipe: Path, tmp_path: Path
) -> None:
    bucket = filled(s3, photos=30)
    old, foreign = (reference for reference, _, _ in drawn(3, 2))
    jpeg = next(drawn(3, 1))[1]
    hexagon = SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 1, 1), {"shape": "hexagon"}),))
    bucket.put_pair(Tree.AUTO, old, jpeg=jpeg, labels=hexagon.to_json())
    bucket.put_pair(Tree.GOLDEN, foreign, jpeg=jpeg, labels=SubjectLabels("mask", {}, ()).to_json())
    dataset = run_of(s3, recipe, tmp_path / "run")._download()
    assert dataset.left_out == {
        old: "the recipe 'shapes' has no answer 'hexagon' to 'shape'",
        foreign: "it is of the recipe mask",
    }
    assert len(dataset.train) == 30


def test_a_run_of_another_recipe_in_service_does_not_stop_the_trainings(s3: Any, recipe: Path, tmp_path: Path) -> None:
    filled(s3)
    other = tmp_path / "other"
    shutil.copytree(recipe / "model", other)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["heads"][0]["says"] = ["round", "square", "triangle"]
    (other / "manifest.json").write_text(json.dumps(manifest))
    weights = WeightsRegistry(s3, "weights")
    weights.add(other, "20261101t000000z-other")
    weights.promote("20261101t000000z-other", by="test", reason="it served before the recipe changed")
    outcome = run_of(s3, recipe, tmp_path / "run").run()
    assert (outcome.verdict, outcome.rule) == (Verdict.PROMOTED, "better")


def test_the_moment_of_a_golden_photo_does_not_teach(s3: Any, recipe: Path, tmp_path: Path) -> None:
    bucket = filled(s3)
    golden = bucket.pairs(Tree.GOLDEN)[0].reference
    _, jpeg, answers = next(drawn(2, 1))
    seconds_later = Reference(golden.kiosk_id, new_image_id(AT + timedelta(days=2, seconds=5), b"0" * 10))
    labels = SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 1, 1), answers),))
    bucket.put_pair(Tree.AUTO, seconds_later, jpeg=jpeg, labels=labels.to_json())
    dataset = run_of(s3, recipe, tmp_path / "run")._download()
    assert dataset.left_out == {seconds_later: "the same moment as a golden photo"}
    assert len(dataset.train) == PHOTOS


def test_a_signal_interrupts_and_leaves_no_outcome(s3: Any, recipe: Path, tmp_path: Path) -> None:
    filled(s3)
    run = run_of(s3, recipe, tmp_path / "run")
    run.stopping.requested.set()
    with pytest.raises(Interrupted):
        run.run()
    assert run._artifacts.outcome() is None
