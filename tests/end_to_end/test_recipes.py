"""A recipe's whole loop over a local cloud: photo, labels, training, judgement, promotion, reload, rollback."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.answers_message import AnswersResult, result_from_json
from contracts.boxes import Box
from contracts.names import JSON_LABELS
from contracts.subject_labels import LabelledSubject, SubjectLabels
from contracts.training import Verdict
from demo.recipe_flywheel import Parts, cloud, run, split
from local.record import Record
from recipes.reading import load
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from tests.shapes_recipe import NAME, SHAPES, write_dataset, write_recipe

PICTURES = 240


def wrongly_taught(parts: Parts) -> Parts:
    """The same parts, but the model that the shop opens with learns wrong shapes."""

    def wrong(labels: SubjectLabels) -> SubjectLabels:
        answers = dict(labels.subjects[0].answers)
        answers["shape"] = SHAPES[(SHAPES.index(str(answers["shape"])) + 1) % len(SHAPES)]
        return replace(labels, subjects=(LabelledSubject(Box(0, 0, 1, 1), answers),))

    return replace(parts, start=[(photo, wrong(labels)) for photo, labels in parts.start])


def test_a_recipe_learns_from_its_customers_and_can_be_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("NUNCHI_")]:
        monkeypatch.delenv(name)
    for name in ("NUNCHI_MODEL", "NUNCHI_START_HEADS", "NUNCHI_WORK_DIR", "NUNCHI_GOLDEN_LEAST", "NUNCHI_REVIEW_SHARE"):
        monkeypatch.setenv(name, "")  # so that what the cloud sets is gone after the test
        monkeypatch.delenv(name)
    recipe = write_recipe(tmp_path / NAME)
    read = load(str(recipe))
    parts = wrongly_taught(split(read, write_dataset(tmp_path / "data", PICTURES)))
    with cloud(tmp_path, str(recipe), parts) as record:
        assert run(record, read, parts, tmp_path, since=time.monotonic()) is Verdict.PROMOTED

        weights = WeightsRegistry(record.client("s3"), record.buckets["weights"])
        rolled_back, *earlier = weights.history()
        assert rolled_back.moved_by == "nunchi flywheel"
        assert earlier[-1].moved_by == "retrain"

        bucket = DatasetBucket(record.client("s3"), record.buckets["dataset"], label_suffix=JSON_LABELS)
        taught = bucket.pairs(Tree.AUTO)
        assert taught, "sure answers of customers' photos became training data"
        result = result_from_json(_stored(record, taught[0].reference.result_key))
        assert isinstance(result, AnswersResult)
        assert result.message.recipe == NAME


def _stored(record: Record, key: str) -> bytes:
    s3 = record.client("s3")
    body: bytes = s3.get_object(Bucket=record.buckets["images"], Key=key)["Body"].read()
    return body
