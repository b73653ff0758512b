"""INT8 quantisation: outputs stay close, and photos are preprocessed as in the worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from demo.drawn_people import draw
from imaging.decoding import decode
from retrain.errors import RetrainError
from retrain.fit.quantise import preprocess, quantise
from worker.models.engine import OnnxRuntime
from worker.models.letterbox import frame_for, letterbox

SIDE = 96


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = []
    for seed in range(8):
        (path := tmp_path / f"{seed}.jpg").write_bytes(draw(seed, size=(200, 150)).jpeg)
        paths.append(path)
    return paths


def small(path: Path, *, opset: int = 17, any_shape: bool = False) -> Path:
    """Two convolutions, and a third that answers: as in a YOLO, one part sigmoids, the other of the size of pixels.

    `any_shape`: height and width are left open.
    """
    chance = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        return numpy_helper.from_array((chance.normal(size=shape) * scale).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["images", "w1"], ["a1"], "first", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Relu", ["a1"], ["r1"], "relu"),
        helper.make_node("Conv", ["r1", "w2"], ["a2"], "second", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Relu", ["a2"], ["r2"], "relu2"),
        helper.make_node("Conv", ["r2", "w3"], ["raw"], "scores", kernel_shape=[1, 1]),
        helper.make_node("Sigmoid", ["raw"], ["sure"], "sigmoid"),
        helper.make_node("Conv", ["r2", "w4"], ["near"], "boxes", kernel_shape=[1, 1]),
        helper.make_node("Mul", ["near", "stride"], ["far"], "pixels"),
        helper.make_node("Concat", ["far", "sure"], ["answer"], "join", axis=1),
    ]
    parts = [weights("w1", 16, 3, 3, 3), weights("w2", 32, 16, 3, 3), weights("w3", 4, 32, 1, 1)]
    parts += [weights("w4", 4, 32, 1, 1), numpy_helper.from_array(np.array(32, dtype=np.float32), "stride")]
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(
                "images", TensorProto.FLOAT, [1, 3, *(("h", "w") if any_shape else [SIDE] * 2)]
            )
        ],
        [
            helper.make_tensor_value_info(
                "answer", TensorProto.FLOAT, [1, 8, *(("down", "across") if any_shape else [SIDE // 4] * 2)]
            )
        ],
        parts,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def answered(network: Path, square: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(network.read_bytes(), providers=["CPUExecutionProvider"])
    [answer] = session.run(None, {"images": square})
    return np.asarray(answer)


def has_vnni() -> bool:
    """Whether the processor multiplies 8-bit numbers without saturating their 16-bit sums."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return "avx512_vnni" in flags or "avx_vnni" in flags


# Instances have VNNI. AVX2 alone saturates the sums, and such a processor gains nothing by 8 bits.
@pytest.mark.skipif(not has_vnni(), reason="8 bits are for processors with VNNI")
def test_int8_outputs_stay_close_to_fp32(tmp_path: Path, photos: list[Path]) -> None:
    network, target = small(tmp_path / "small.onnx"), tmp_path / "int8.onnx"

    quantise(network, target, photos[:6], side=SIDE)

    for photo in photos[6:]:  # seen by neither
        square = preprocess(photo, SIDE, any_shape=False)
        whole, rounded = answered(network, square), answered(target, square)
        assert not np.array_equal(whole, rounded)
        assert np.abs(whole[:, 4:] - rounded[:, 4:]).max() < 0.02  # scores
        assert np.abs(whole[:, :4] - rounded[:, :4]).max() < 0.03 * np.abs(whole[:, :4]).max()  # boxes


def test_the_end_of_the_head_stays_in_fp32(tmp_path: Path, photos: list[Path]) -> None:
    quantise(small(tmp_path / "small.onnx"), tmp_path / "int8.onnx", photos, side=SIDE)

    model = onnx.load(tmp_path / "int8.onnx")
    made_by = {name: node.op_type for node in model.graph.node for name in node.output}
    of = {node.name: made_by.get(node.input[1]) for node in model.graph.node if node.op_type == "Conv"}
    assert of == {"first": "DequantizeLinear", "second": "DequantizeLinear", "scores": None, "boxes": None}


def test_the_engine_of_the_worker_runs_the_int8_network(tmp_path: Path, photos: list[Path]) -> None:
    quantise(small(tmp_path / "small.onnx"), tmp_path / "int8.onnx", photos, side=SIDE)

    answer = OnnxRuntime((tmp_path / "int8.onnx").read_bytes(), SIDE)(np.full((SIDE, SIDE, 3), 114, dtype=np.uint8))

    assert answer.shape == (1, 8, SIDE // 4, SIDE // 4)
    assert np.isfinite(answer).all()


def test_a_network_of_any_shape_keeps_its_dynamic_shape(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its ranges are measured on photos in their own shape."""
    seen: list[tuple[int, ...]] = []

    def watched(path: Path, side: int, *, any_shape: bool) -> NDArray[np.float32]:
        seen.append((picture := preprocess(path, side, any_shape=any_shape)).shape)
        return picture

    (long := tmp_path / "long.jpg").write_bytes(draw(3, size=(301, 77)).jpeg)
    monkeypatch.setattr("retrain.fit.quantise.preprocess", watched)
    quantise(small(tmp_path / "small.onnx", any_shape=True), tmp_path / "int8.onnx", [*photos[:3], long], side=SIDE)
    run = OnnxRuntime((tmp_path / "int8.onnx").read_bytes(), SIDE)

    assert seen == [(1, 3, SIDE, SIDE)] * 3 + [(1, 3, 32, SIDE)]
    assert run.any_shape
    for frame in ((32, SIDE), (SIDE, 64)):
        answer = run(np.full((*frame, 3), 114, dtype=np.uint8))
        assert answer.shape == (1, 8, frame[0] // 4, frame[1] // 4)
        assert np.isfinite(answer).all()


@pytest.mark.parametrize("any_shape", [True, False])
@pytest.mark.parametrize("size", [(200, 150), (150, 200), (96, 96), (301, 77)])
def test_preprocessing_equals_the_letterbox_of_the_worker(
    tmp_path: Path, size: tuple[int, int], any_shape: bool
) -> None:
    (path := tmp_path / "photo.jpg").write_bytes(draw(3, size=size).jpeg)
    image = decode(path.read_bytes(), max_pixels=10**6).image
    frame = np.empty((*(frame_for(image, SIDE) if any_shape else (SIDE, SIDE)), 3), dtype=np.uint8)
    letterbox(image, SIDE, frame)

    assert np.array_equal(np.rint(preprocess(path, SIDE, any_shape=any_shape)[0].transpose(1, 2, 0) * 255), frame)


def test_without_photos_there_are_no_ranges(tmp_path: Path) -> None:
    with pytest.raises(RetrainError, match="no photo to measure activation ranges on; the network stays in FP32"):
        quantise(small(tmp_path / "small.onnx"), tmp_path / "int8.onnx", [], side=SIDE)


def test_an_old_export_is_refused(tmp_path: Path, photos: list[Path]) -> None:
    network = small(tmp_path / "small.onnx", opset=12)

    with pytest.raises(RetrainError, match=r"has opset 12; INT8 needs 13 or newer\. Export it again"):
        quantise(network, tmp_path / "int8.onnx", photos, side=SIDE)


def test_a_network_whose_input_is_not_one_image_is_refused(tmp_path: Path, photos: list[Path]) -> None:
    model = onnx.load(small(tmp_path / "small.onnx"))
    del model.graph.input[0].type.tensor_type.shape.dim[0]
    onnx.save(model, tmp_path / "three.onnx")

    with pytest.raises(RetrainError, match="does not have one image as its input; it stays in FP32"):
        quantise(tmp_path / "three.onnx", tmp_path / "int8.onnx", photos, side=SIDE)
