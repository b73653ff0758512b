"""An exported network in 8 bits: smaller, and on processors with VNNI faster; what it costs in mAP, `bench` says.

Static quantisation by ONNX Runtime: weights a channel at a time, activations by the ranges that validation photos
give, prepared as the worker prepares them. The end of the head stays in 32 bits: there boxes in pixels and scores in
0-1 are joined in one tensor, for which one range would round every score to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image as Pillow

from retrain.errors import RetrainError

MOST_PHOTOS: Final = 200
LEAST_OPSET: Final = 13  # from here on a weight can have a scale for each channel
_GREY: Final = 114
_STRIDE: Final = 32
_QUANTISED: Final = ("Conv", "MatMul", "Gemm")


def quantise(network: Path, target: Path, photos: Sequence[Path], *, side: int) -> None:
    """Write the INT8 network of an export; `photos` are JPEGs to see ranges on, the first MOST_PHOTOS of them.

    `side`: the longer one of what it sees, pixels. RetrainError when there is no photo, or it is no such network.
    """
    if not photos:
        raise RetrainError("no photo to measure ranges on; the network stays in 32 bits. Give it validation photos")
    model = onnx.load(network)
    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if opset < LEAST_OPSET:
        raise RetrainError(f"{network} is of opset {opset}; INT8 needs {LEAST_OPSET}. Export it anew")
    if [len(one.type.tensor_type.shape.dim) for one in model.graph.input] != [4]:
        raise RetrainError(f"{network} is no network of one picture; it stays in 32 bits. Name a YOLO's export")
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Symbolic shapes are for transformers, and want sympy; a YOLO's are known.
        quant_pre_process(str(network), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(prepared).graph
        quantize_static(
            str(prepared),
            str(target),
            _Shown(graph.input[0], photos[:MOST_PHOTOS], side),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=_end_of_head(graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def shown(path: Path, side: int, *, any_shape: bool) -> NDArray[np.float32]:
    """A photo as the worker shows it to its network: (1, 3, height, width), 0-1. A test holds the two together.

    `any_shape`: of a network that takes others than squares.
    """
    with Pillow.open(path) as picture:
        image = picture.convert("RGB")
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    corner_to_corner = (image.width / width, 0, 0, 0, image.height / height, 0)
    inner = image.transform((width, height), Pillow.Transform.AFFINE, corner_to_corner, Pillow.Resampling.BILINEAR)
    across, down = (-(-length // _STRIDE) * _STRIDE if any_shape else side for length in (width, height))
    frame = np.full((down, across, 3), _GREY, dtype=np.uint8)
    left, top = (across - width) // 2, (down - height) // 2
    frame[top : top + height, left : left + width] = np.asarray(inner)
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


class _Shown(CalibrationDataReader):
    """The photos one by one: 200 at once would be a gigabyte."""

    def __init__(self, input: onnx.ValueInfoProto, photos: Sequence[Path], side: int) -> None:
        _, _, height, width = input.type.tensor_type.shape.dim
        any_shape = not height.dim_value and not width.dim_value
        self._shown: Iterator[dict[str, Any]] = (
            {input.name: shown(photo, side, any_shape=any_shape)} for photo in photos
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._shown, None)


def _end_of_head(graph: onnx.GraphProto) -> list[str]:
    """The last layers that compute before the answer, a branch each: what scores and boxes come out of."""
    made_by = {name: node for node in graph.node for name in node.output}
    last: set[str] = set()
    seen: set[str] = set()
    waiting = [one.name for one in graph.output]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if node.op_type in _QUANTISED:
            last.add(node.name)
        else:
            waiting.extend(node.input)
    return sorted(last)
