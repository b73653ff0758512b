"""A stranger who runs `yolo val` on our weights and photos gets the mAP that we publish.

The network is the toy, whose answers are known, made harder: its scores go with how bright the picture is, so that no
two are equal; the labels are often others than what it says, boxes are off by a little, people are missing, and people
are nobody. ultralytics runs in the trainer's environment, on the ONNX file itself.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image as Pillow

from contracts.boxes import Box, LabelledBox
from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS
from retrain.judge.golden import golden_photos
from retrain.judge.matching import people, ranked
from retrain.judge.metrics import average_precision, bootstrap_weights, mean_over_labels
from retrain.judge.predictions import predictor
from tests.toy_yolo import SIDE, picture, toy_manifest, toy_network

PYTHON = Path(__file__).parents[3] / ".venv-trainer/bin/python"
PHOTOS = 60
SCRIPT = """
import json, sys
from ultralytics import YOLO
result = YOLO(sys.argv[1], task="detect").val(
    data=sys.argv[2], imgsz=160, split="test", device="cpu", plots=False, workers=0, project=sys.argv[3], verbose=False
)
print(json.dumps({"map50": result.box.map50, "map50_95": result.box.map, "by_label": result.box.maps.tolist()}))
"""


@pytest.mark.skipif(not PYTHON.exists(), reason="ultralytics is not installed here: make trainer")
@pytest.mark.parametrize("any_shape", [True, False], ids=["of any shape", "of squares"])
def test_ultralytics_own_validation_gives_the_same_map(tmp_path: Path, any_shape: bool) -> None:
    dataset(tmp_path / "dataset")
    network = harder(toy_network(several=any_shape, any_shape=any_shape))
    manifest = toy_manifest(tmp_path / "run", network=network)
    photos = golden_photos(tmp_path / "dataset", classes=LABELS)
    predictions = predictor(manifest, raw=True)([photo.path for photo in photos])
    ap = average_precision(
        ranked(photos, predictions, classes=LABELS),
        people(photos, classes=LABELS),
        bootstrap_weights(photos, draws=0, seed=0),
        classes=LABELS,
    )[..., 0]
    ours = [mean_over_labels(ap)[0], mean_over_labels(ap.mean(axis=1)), *ap.mean(axis=1)]

    theirs = yolo_val(tmp_path, manifest.with_name("network.onnx"))

    assert 0.2 < theirs["map50"] < 0.9
    assert ours == pytest.approx([theirs["map50"], theirs["map50_95"], *theirs["by_label"]], abs=0.005)


def yolo_val(folder: Path, network: Path) -> dict[str, Any]:
    """Ultralytics' own validation of a network on the dataset in `folder`, offline."""
    # The trainer's environment exports networks and does not run them: it borrows the worker's runtime.
    borrowed = folder / "borrowed"
    borrowed.mkdir()
    (borrowed / "onnxruntime").symlink_to(Path(onnxruntime.__file__).parent)
    environment = {
        **os.environ,
        "PYTHONPATH": str(borrowed),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_CONFIG_DIR": str(folder / "config"),
    }
    done = subprocess.run(
        [PYTHON, "-c", SCRIPT, network, folder / "dataset/data.yaml", folder / "val"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def dataset(folder: Path) -> None:
    """Pictures with patches on grey of many shades, and labels that the toy often gets wrong."""
    chance = random.Random(4)
    for name in ("images", "labels"):
        (folder / name / "golden").mkdir(parents=True)
    width, height = SIDE, SIDE * 3 // 4
    for number in range(PHOTOS):
        shown = chance.sample(LABELS, chance.randint(1, 3))
        patches: dict[str, tuple[int, int, int, int]] = {}
        truth: list[LabelledBox] = []
        for place, label in enumerate(shown):
            x, y = 6 + 52 * place + chance.randint(0, 8), chance.randint(4, 40)
            wide, high = chance.randint(20, 36), chance.randint(24, 60)
            patches[str(label)] = (x, y, x + wide, y + high)
            if chance.random() < 0.1:
                continue  # no person: the toy's box is wrong
            shown_as = label if chance.random() < 0.7 else chance.choice(LABELS)
            truth.append(LabelledBox(shown_as, moved(chance, patches[str(label)], width, height)))
        if chance.random() < 0.2:
            # a person that the toy does not detect
            truth.append(LabelledBox(chance.choice(LABELS), Box(0.02, 0.8, 0.2, 0.98)))
        image = picture(width, height, **patches)
        image[(image == 0).all(axis=2)] = 1 + 2 * number
        Pillow.fromarray(image).save(folder / f"images/golden/{number:03}.jpg", quality=98, subsampling=0)
        (folder / f"labels/golden/{number:03}.txt").write_text(format_labels(truth, LABELS))
    names = "".join(f"  {place}: {label}\n" for place, label in enumerate(LABELS))
    (folder / "data.yaml").write_text(
        f"path: {folder}\ntrain: images/golden\nval: images/golden\ntest: images/golden\nnames:\n{names}"
    )


def moved(chance: random.Random, box: tuple[int, int, int, int], width: int, height: int) -> Box:
    """The box with each edge off by up to five pixels."""
    x0, y0, x1, y1 = (edge + chance.randint(-5, 5) * chance.randint(0, 1) for edge in box)
    return Box(max(x0, 0) / width, max(y0, 0) / height, min(x1, width) / width, min(y1, height) / height)


def harder(network: bytes) -> bytes:
    """The toy with scores that go with the picture's brightness, and what ultralytics wants to know of an export."""
    model = onnx.load_from_string(network)
    graph, answer = model.graph, model.graph.output[0].name
    (shape,) = [[one.dim_param or one.dim_value for one in out.type.tensor_type.shape.dim] for out in graph.output]
    factors = np.array([[0.0]] * 4 + [[1.0]] * 4, dtype=np.float32)  # of boxes, of scores
    for name, value in {"scores": factors, "boxes": 1 - factors}.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"harder_{name}"))
    graph.node.extend(
        [
            helper.make_node("ReduceMean", ["images"], ["harder_mean4"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Squeeze", ["harder_mean4", "harder_last"], ["harder_mean"]),
            helper.make_node("Mul", ["harder_mean", "harder_scores"], ["harder_dimmed"]),
            helper.make_node("Add", ["harder_dimmed", "harder_boxes"], ["harder_factors"]),
            helper.make_node("Mul", [answer, "harder_factors"], ["harder_answer"]),
        ]
    )
    graph.initializer.append(numpy_helper.from_array(np.array([3]), "harder_last"))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("harder_answer", TensorProto.FLOAT, shape))
    for key, text in {
        "names": str({place: str(label) for place, label in enumerate(LABELS)}),
        "imgsz": str([SIDE, SIDE]),
        "stride": "32",
        "task": "detect",
        "batch": "1",
        "channels": "3",
    }.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
    onnx.checker.check_model(model)
    return model.SerializeToString()
