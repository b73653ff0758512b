"""A packaged run: the registry stores it and a worker loads it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.errors import InvalidName
from contracts.weights import files_beside
from recipes.kiosk.labels import LABELS
from registry.weights import WeightsRegistry
from retrain.fit.calibration import AS_IT_IS, calibrate
from retrain.fit.candidate import CUT, LICENCE, package, with_fields
from tests.toy_yolo import SIDE, toy_network
from worker.kiosk.kinds import load_detector

RUN = "20260301t000000z-yolov5n"


def packaged(folder: Path, **changes: Any) -> Path:
    trained = folder / "trained"
    trained.mkdir(exist_ok=True)
    (trained / "last.onnx").write_bytes(toy_network())
    (trained / "last.pt").write_bytes(b"weights")
    fields: dict[str, Any] = {
        "run": RUN,
        "classes": LABELS,
        "onnx": trained / "last.onnx",
        "weights_pt": trained / "last.pt",
        "input": SIDE,
        "calibration": calibrate([], least=CUT["confidence"]),
        "data": {"build": "20260228t000000z-dataset", "digest": "d" * 64},
        "training": {"epochs": 3},
        "code_version": "0.1.0",
    }
    return package(folder / RUN, **(fields | changes))


def test_the_manifest_of_a_run_is_complete(tmp_path: Path) -> None:
    manifest = json.loads(packaged(tmp_path).read_bytes())

    calibration = manifest.pop("calibration")
    assert calibration["fitted"]["method"].startswith("beta calibration")
    assert manifest == {
        "kind": "yolov5",
        "name": "yolov5n",
        "version": RUN,
        "classes": [str(label) for label in LABELS],
        "files": {"network": {"path": "network.onnx", "sha256": hashlib.sha256(toy_network()).hexdigest()}},
        "input": SIDE,
        "head": "v8",
        "cut": {"confidence": 0.25, "class_iou": 0.7, "person_iou": 0.6},
        "data": {"build": "20260228t000000z-dataset", "digest": "d" * 64},
        "training": {
            "epochs": 3,
            "weights": {"path": "weights.pt", "sha256": hashlib.sha256(b"weights").hexdigest()},
        },
        "metrics": {},
        "code_version": "0.1.0",
        "licence": LICENCE,
    }


def test_a_worker_loads_it(tmp_path: Path) -> None:
    detector = load_detector(packaged(tmp_path))

    assert (detector.model.name, detector.model.version) == ("yolov5n", RUN)


def test_the_registry_stores_it_with_the_weights_to_train_on_beside(tmp_path: Path) -> None:
    """Workers download the files in the manifest only."""
    manifest = packaged(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="weights")

        added = WeightsRegistry(s3, "weights").add(manifest.parent, RUN)

        keys = [one["Key"] for one in s3.list_objects_v2(Bucket="weights")["Contents"]]
    assert keys == [f"runs/{RUN}/{path}" for path in ("manifest.json", "network.onnx", "weights.pt")]
    assert list(files_beside(added.manifest)) == ["network.onnx"]


def test_packaging_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """An interrupted training packages again."""
    first = packaged(tmp_path).read_bytes()

    assert packaged(tmp_path).read_bytes() == first


def test_fields_of_the_manifest_are_replaced(tmp_path: Path) -> None:
    path = packaged(tmp_path, calibration=AS_IT_IS)
    before = json.loads(path.read_bytes())

    again = with_fields(path.parent, calibration=calibrate([], least=0.25), metrics={"map50": 0.5})

    assert again == path
    after = json.loads(path.read_bytes())
    assert {name for name in after if after[name] != before[name]} == {"calibration", "metrics"}
    load_detector(path)


def test_an_invalid_run_id_packages_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidName, match="is not the id of a run"):
        packaged(tmp_path, run="day-0")

    assert not (tmp_path / RUN).exists()
