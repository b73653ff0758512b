"""INT8 quantisation of an exported network: smaller, and faster on processors with VNNI; `bench` measures the mAP.

Static quantisation by ONNX Runtime: weights per channel, activations by their ranges on validation photos, preprocessed
as in the worker. The end of the head stays in FP32: it joins boxes in pixels and scores in 0-1 in one tensor, for which
one range would round every score to 0.
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

from imaging.decoding import decode
from retrain.errors import RetrainError

MAX_PHOTOS: Final = 200
MIN_OPSET: Final = 13  # the first with a scale for each channel of a weight
_GREY: Final = 114
_STRIDE: Final = 32
_QUANTISED: Final = ("Conv", "MatMul", "Gemm")


def quantise(network: Path, target: Path, photos: Sequence[Path], *, side: int) -> None:
    """Quantise the export `network` to `target`, with activation ranges of the first MAX_PHOTOS of `photos`, JPEGs.

    `side` is the longer side of the input, pixels. RetrainError without a photo, or if the network is not supported.
    """
    if not photos:
        raise RetrainError(
            "there is no photo to measure activation ranges on; the network stays in FP32. Pass validation photos"
        )
    model = onnx.load(network)
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if opset < MIN_OPSET:
        raise RetrainError(f"{network} has opset {opset}; INT8 needs {MIN_OPSET} or newer. Export it again")
    if [len(value.type.tensor_type.shape.dim) for value in model.graph.input] != [4]:
        raise RetrainError(f"{network} does not have one image as its input; it stays in FP32. Pass a YOLO's export")
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Symbolic shape inference is for transformers, and needs sympy; a YOLO's shapes are known.
        quant_pre_process(str(network), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(prepared).graph
        quantize_static(
            str(prepared),
            str(target),
            _InputReader(graph.input[0], photos[:MAX_PHOTOS], side),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=_end_of_head(graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def preprocess(path: Path, side: int, *, any_shape: bool) -> NDArray[np.float32]:
    """A photo as the worker's letterbox makes it: (1, 3, height, width), 0-1. A test compares the two.

    `any_shape`: the network's input need not be square.
    """
    image = Pillow.fromarray(decode(path.read_bytes()).image)
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    corner_to_corner = (image.width / width, 0, 0, 0, image.height / height, 0)
    inner = image.transform((width, height), Pillow.Transform.AFFINE, corner_to_corner, Pillow.Resampling.BILINEAR)
    across, down = (-(-length // _STRIDE) * _STRIDE if any_shape else side for length in (width, height))
    frame = np.full((down, across, 3), _GREY, dtype=np.uint8)
    left, top = (across - width) // 2, (down - height) // 2
    frame[top : top + height, left : left + width] = np.asarray(inner)
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


class _InputReader(CalibrationDataReader):
    """Preprocesses the photos one by one: 200 at once would take a gigabyte."""

    def __init__(self, input: onnx.ValueInfoProto, photos: Sequence[Path], side: int) -> None:
        _, _, height, width = input.type.tensor_type.shape.dim
        any_shape = not height.dim_value and not width.dim_value
        self._inputs: Iterator[dict[str, Any]] = (
            {input.name: preprocess(photo, side, any_shape=any_shape)} for photo in photos
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._inputs, None)


def _end_of_head(graph: onnx.GraphProto) -> list[str]:
    """The names of the last quantisable layer of each branch before the output: those of the boxes and the scores."""
    producers = {name: node for node in graph.node for name in node.output}
    last: set[str] = set()
    seen: set[str] = set()
    pending = [value.name for value in graph.output]
    while pending:
        node = producers.get(pending.pop())
        if node is None or node.name in seen:
            continue
        seen.add(node.name)
        if node.op_type in _QUANTISED:
            last.add(node.name)
        else:
            pending.extend(node.input)
    return sorted(last)
