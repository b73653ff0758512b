"""Unpacking a dynamically quantised model: without integers, and near to the model before it was quantised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

from voice_build.floats import main, unpacked
from voice_build.kokoro import FLOATS, MODEL

INPUT = np.random.default_rng(1).standard_normal((1, 4, 9)).astype(np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A convolution with a bias and a product, as Kokoro has both."""
    random = np.random.default_rng(2)
    tensors = {
        "kernel": random.standard_normal((6, 4, 3)),
        "bias": random.standard_normal(6),
        "matrix": random.standard_normal((7, 5)),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "kernel", "bias"], ["y"], name="convolution"),
            helper.make_node("MatMul", ["y", "matrix"], ["z"], name="product"),
        ],
        "both",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 9])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 6, 5])],
        [numpy_helper.from_array(tensor.astype(np.float32), name) for name, tensor in tensors.items()],
    )
    whole = tmp_path / "whole.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), whole)
    quantize_dynamic(whole, tmp_path / MODEL)
    return tmp_path / MODEL


def answer(model: str | bytes) -> NDArray[np.float32]:
    session: Any = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    out: NDArray[np.float32] = session.run(None, {"x": INPUT})[0]
    return out


def test_an_unpacked_model_says_the_same_without_integers(file: Path) -> None:
    """Nearer to the model before quantisation than the quantised one is: only the weights are still rounded."""
    model = unpacked(onnx.load(file))
    whole = answer(str(file.with_name("whole.onnx")))
    off = float(np.abs(answer(model.SerializeToString()) - whole).max())

    assert {node.op_type for node in onnx.load(file).graph.node} >= {"ConvInteger", "MatMulInteger"}
    assert {node.op_type for node in model.graph.node}.isdisjoint({"ConvInteger", "MatMulInteger"})
    assert off < float(np.abs(answer(str(file)) - whole).max()) < 1


def test_the_unpacked_file_lies_beside_the_other(file: Path) -> None:
    """Where voice_build.kokoro looks for it; nothing half written is left."""
    main(file.parent)

    assert sorted(each.name for each in file.parent.glob("kokoro*")) == [FLOATS, MODEL]
    assert answer(str(file.with_name(FLOATS))).shape == (1, 6, 5)
