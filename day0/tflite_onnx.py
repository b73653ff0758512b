"""Converts a network from TensorFlow Lite to ONNX, for the finders of the worker (blazeface.py, pose.py).

The files hold their weights as 16-bit floats, and so does the ONNX file, which casts them when it is loaded. Layout:
TensorFlow Lite has (n, height, width, channels), ONNX (n, channels, height, width), so every constant is transposed
here, and an output is transposed back before its reshape.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 13
_OPERATORS: Final = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
_ACTIVATIONS: Final = {
    tflite.ActivationFunctionType.NONE: "",
    tflite.ActivationFunctionType.RELU: "Relu",
    tflite.ActivationFunctionType.RELU6: "Clip",
}


def packaged(package: str, source: str, sha256: str) -> bytes:
    """A file of an installed package, read where it lies: importing the package would need what it runs on.

    SystemExit if it has another digest.
    """
    content = Path(str(metadata.distribution(package).locate_file(source))).read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise SystemExit(f"{package}: {source} has SHA-256 {digest}, not {sha256}: install the pinned version")
    return content


class Converter:
    """One graph of convolutions, additions, pooling and bilinear resizing; ValueError for any other operator.

    `outputs`: the name in the ONNX file of each output of the other file, by its name there; what none of them needs is
    left out.
    """

    def __init__(self, content: bytes, name: str, outputs: Mapping[str, str]) -> None:
        self._file: Any = tflite.Model.GetRootAs(content, 0)
        self._graph: Any = self._file.Subgraphs(0)
        self._name, self._outputs = name, outputs
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._halves: dict[int, int] = {}  # tensor after DEQUANTIZE → the 16-bit constant before it
        self._convert: dict[str, Callable[[Any, list[int], int], None]] = {
            "DEQUANTIZE": self._dequantize,
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._convolution,
            "RELU": lambda _, inputs, output: self._node("Relu", [_name(inputs[0])], output),
            "LOGISTIC": lambda _, inputs, output: self._node("Sigmoid", [_name(inputs[0])], output),
            "ADD": self._addition,
            "PAD": self._padding,
            "MAX_POOL_2D": self._pooling,
            "RESIZE_BILINEAR": self._resize,
            "RESHAPE": self._reshape,
        }

    def model(self) -> Any:
        """The ONNX model: `input` (n, channels, height, width) → the outputs, in the order they were named."""
        for index in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(index)
            code = self._file.OperatorCodes(operator.OpcodeIndex())
            name = _OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if name not in self._convert:
                raise ValueError(f"operator {name} of the TensorFlow Lite file is not supported")
            inputs = [int(tensor) for tensor in operator.InputsAsNumpy()]
            self._convert[name](operator, inputs, int(operator.OutputsAsNumpy()[0]))
        first = int(self._graph.InputsAsNumpy()[0])
        there = {self._graph.Tensors(tensor).Name().decode(): int(tensor) for tensor in self._graph.OutputsAsNumpy()}
        outputs = {name: there[source] for source, name in self._outputs.items()}
        for name, tensor in outputs.items():
            self._nodes.append(helper.make_node("Identity", [_name(tensor)], [name]))
        nodes = _needed([helper.make_node("Identity", ["input"], [_name(first)]), *self._nodes], set(outputs))
        used = {name for node in nodes for name in node.input}
        _, height, width, channels = self._shape(first)
        graph = helper.make_graph(
            nodes,
            self._name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", channels, height, width])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *self._shape(tensor)[1:]])
                for name, tensor in outputs.items()
            ],
            [weight for weight in self._weights if weight.name in used],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="nunchi", ir_version=8
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _shape(self, tensor: int) -> list[int]:
        return [int(side) for side in self._graph.Tensors(tensor).ShapeAsNumpy()]

    def _constant(self, tensor: int) -> Any:
        index = self._halves.get(tensor, tensor)
        kinds = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.INT32: np.int32}
        entry = self._graph.Tensors(index)
        data = self._file.Buffers(entry.Buffer()).DataAsNumpy()
        return data.view(kinds[entry.Type()]).reshape(self._shape(index))

    def _weight(self, name: str, values: Any) -> str:
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{name}_16"))
        self._nodes.append(helper.make_node("Cast", [f"{name}_16"], [name], to=TensorProto.FLOAT))
        return name

    def _integers(self, name: str, values: list[int]) -> str:
        self._weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def _number(self, name: str, value: float) -> str:
        self._weights.append(numpy_helper.from_array(np.array(value, np.float32), name))
        return name

    def _node(self, kind: str, inputs: list[str], output: int, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [_name(output)], **attributes))

    def _dequantize(self, _: Any, inputs: list[int], output: int) -> None:
        self._halves[output] = inputs[0]

    def _convolution(self, operator: Any, inputs: list[int], output: int) -> None:
        image, kernel, bias = inputs
        options = _options(operator, (tflite.Conv2DOptions, tflite.DepthwiseConv2DOptions))
        depthwise = isinstance(options, tflite.DepthwiseConv2DOptions)
        # (out, height, width, in), or (1, height, width, channels) → (out, in or 1, height, width)
        weights = self._constant(kernel).transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        name = _name(output)
        self._activated(
            "Conv",
            [_name(image), self._weight(f"{name}_w", weights), self._weight(f"{name}_b", self._constant(bias))],
            output,
            options,
            strides=[options.StrideH(), options.StrideW()],
            auto_pad=_padding_mode(options),
            group=self._shape(image)[3] if depthwise else 1,
        )

    def _activated(self, kind: str, inputs: list[str], output: int, options: Any, **attributes: Any) -> None:
        """A node, and the activation that is fused with it in the other file."""
        if (number := options.FusedActivationFunction()) not in _ACTIVATIONS:
            raise ValueError(f"the fused activation {number} of the TensorFlow Lite file is not supported")
        activation, name = _ACTIVATIONS[number], _name(output)
        linear = f"{name}_linear" if activation else name
        self._nodes.append(helper.make_node(kind, inputs, [linear], **attributes))
        if activation:
            limits = [self._number(f"{name}_low", 0), self._number(f"{name}_high", 6)] if activation == "Clip" else []
            self._node(activation, [linear, *limits], output)

    def _addition(self, operator: Any, inputs: list[int], output: int) -> None:
        options = _options(operator, (tflite.AddOptions,))
        self._activated("Add", [_name(tensor) for tensor in inputs], output, options)

    def _padding(self, _: Any, inputs: list[int], output: int) -> None:
        batch, height, width, channels = self._constant(inputs[1]).tolist()
        order = (batch, channels, height, width)
        pads = self._integers(f"{_name(output)}_pads", [side[end] for end in (0, 1) for side in order])
        self._node("Pad", [_name(inputs[0]), pads], output)

    def _pooling(self, operator: Any, inputs: list[int], output: int) -> None:
        options = _options(operator, (tflite.Pool2DOptions,))
        self._node(
            "MaxPool",
            [_name(inputs[0])],
            output,
            kernel_shape=[options.FilterHeight(), options.FilterWidth()],
            strides=[options.StrideH(), options.StrideW()],
            auto_pad=_padding_mode(options),
        )

    def _resize(self, operator: Any, inputs: list[int], output: int) -> None:
        options = _options(operator, (tflite.ResizeBilinearOptions,))
        mode = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
        _, height, width, _ = self._shape(output)
        _, old_height, old_width, _ = self._shape(inputs[0])
        name = f"{_name(output)}_scales"
        scales = np.array([1, 1, height / old_height, width / old_width], np.float32)
        self._weights.append(numpy_helper.from_array(scales, name))
        self._node(
            "Resize",
            [_name(inputs[0]), "", name],
            output,
            mode="linear",
            coordinate_transformation_mode="align_corners" if options.AlignCorners() else mode,
        )

    def _reshape(self, _: Any, inputs: list[int], output: int) -> None:
        name = _name(output)
        self._nodes.append(helper.make_node("Transpose", [_name(inputs[0])], [f"{name}_nhwc"], perm=[0, 2, 3, 1]))
        middle = [-1] * (len(self._shape(output)) - 2)
        shape = self._integers(f"{name}_shape", [0, *middle, self._shape(output)[-1]])  # 0: as many images as came in
        self._node("Reshape", [f"{name}_nhwc", shape], output)


def _name(tensor: int) -> str:
    return f"t{tensor}"


def _needed(nodes: list[Any], wanted: set[str]) -> list[Any]:
    """Those of the nodes, which are in the order of computing, that the wanted names depend on."""
    needed = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            needed.append(node)
    return needed[::-1]


def _options(operator: Any, kinds: tuple[type, ...]) -> Any:
    names = {number: name for name, number in vars(tflite.BuiltinOptions).items() if isinstance(number, int)}
    (kind,) = (kind for kind in kinds if kind.__name__ == names[operator.BuiltinOptionsType()])
    options: Any = kind()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    return options


def _padding_mode(options: Any) -> str:
    return "SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID"
