"""python -m voice_build.floats WORK: Kokoro's int8 weights unpacked to float32, for processors where that is quicker.

Without VNNI instructions ONNX Runtime needs twice the time for int8. Runs in `.venv`, which has onnx; the weights stay
those of int8, but activations are no longer rounded, so a sound differs a little from one of the int8 file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from voice_build.kokoro import FLOATS, MODEL

_OPERATORS: Final = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}


def unpacked(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without integers: each dynamically quantised product becomes one of floats. Changes it in place."""
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    inputs: dict[str, str] = {}
    nodes, weights = list[onnx.NodeProto](), list[onnx.TensorProto]()
    for node in graph.node:
        if node.op_type == "DynamicQuantizeLinear":
            inputs[node.output[0]] = node.input[0]
            one = numpy_helper.from_array(np.array(1, np.float32))
            nodes.append(helper.make_node("Constant", [], [node.output[1]], value=one))
        elif node.op_type in _OPERATORS:
            weights.append(_weight(node, stored, f"{node.input[1]}/float/{len(weights)}"))
            product = helper.make_node(
                _OPERATORS[node.op_type], [inputs[node.input[0]], weights[-1].name], node.output, name=node.name
            )
            product.attribute.extend(node.attribute)
            nodes.append(product)
        else:
            nodes.append(node)
    _keep_biases(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *weights])
    return model


def _weight(node: onnx.NodeProto, stored: dict[str, Any], name: str) -> onnx.TensorProto:
    weight = numpy_helper.to_array(stored[node.input[1]]).astype(np.float32)
    if len(node.input) > 3:
        zero = numpy_helper.to_array(stored[node.input[3]]).astype(np.float32)
        by_channel = (-1, *[1] * (weight.ndim - 1)) if node.op_type == "ConvInteger" else (1, -1)
        weight = weight - (zero.reshape(by_channel) if zero.size > 1 else zero)
    return numpy_helper.from_array(np.ascontiguousarray(weight), name)


def _keep_biases(nodes: list[onnx.NodeProto]) -> None:
    """A bias is rounded to whole numbers of the product's scale, before it is added; here it must not be."""
    makers = {name: node for node in nodes for name in node.output}
    for node in nodes:
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.INT32:
            maker = makers.get(node.input[0])
            if maker is not None and maker.op_type == "Floor" and "bias_quant" in maker.name:
                node.attribute[0].i = onnx.TensorProto.FLOAT
                node.input[0] = maker.input[0]


def main(work: Path) -> None:
    """Write the folder's model in floats, beside the int8 one."""
    partial = work / f"{FLOATS}.part"
    onnx.save(unpacked(onnx.load(work / MODEL)), partial)
    partial.rename(work / FLOATS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
