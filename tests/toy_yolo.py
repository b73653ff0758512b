"""A toy YOLO with known outputs: it detects the red, green, blue and yellow patch of a picture exactly.

One colour per label, in the order of LABELS. As a real network it has overlapping detections, for NMS: each patch
exactly, one pixel wider with less confidence, and as the next label with still less. White gives NaN.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from recipes.kiosk.labels import LABELS
from worker.models.detector import Image

SIDE: Final = 160
COLOURS: Final = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
SURE: Final = (0.9, 0.8, 0.7, 0.6)
OBJECTNESS: Final = 0.96
AS_IT_IS: Final = {"confidence": {"bias": 0, "weights": {"log_right": 1, "log_wrong": -1}}}  # s(logit p) = p


def picture(width: int, height: int, **patches: tuple[int, int, int, int]) -> Image:
    """A black picture with a patch (x0, y0, x1, y1) for each label, in pixels."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    for label, (x0, y0, x1, y1) in patches.items():
        image[y0:y1, x0:x1] = COLOURS[[str(known) for known in LABELS].index(label)]
    return image


def toy_manifest(
    folder: Path, *, network: bytes | None = None, several: bool = True, any_shape: bool = True, **fields: Any
) -> Path:
    """The manifest of the toy with some fields replaced; a field of None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    if network is None:
        network = toy_network(head=fields.get("head", "v8"), several=several, any_shape=any_shape)
    (folder / "network.onnx").write_bytes(network)
    manifest = {
        "kind": "yolov5",
        "name": "toy",
        "version": "1",
        "classes": [str(label) for label in LABELS],
        "files": {"network": {"path": "network.onnx", "sha256": hashlib.sha256(network).hexdigest()}},
        "input": SIDE,
        "head": "v8",
        "cut": {"confidence": 0.25, "class_iou": 0.7, "person_iou": 0.6},
        "calibration": AS_IT_IS,
        **fields,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps({name: value for name, value in manifest.items() if value is not None}))
    return path


def toy_network(
    *, head: str = "v8", several: bool = True, any_shape: bool = True, sure: tuple[float, ...] = SURE
) -> bytes:
    """The ONNX bytes. The batch size is dynamic if `several`, the input's height and width if `any_shape`."""
    graph = _Graph()
    bits = graph.add("Cast", graph.add("Greater", "images", graph.constant(np.float32(0.5))), to=TensorProto.FLOAT)
    red, green, blue = (graph.add("Gather", bits, graph.constant(np.array([c])), axis=1) for c in range(3))
    one = graph.constant(np.float32(1))
    no_red, no_green, no_blue = (graph.add("Sub", one, channel) for channel in (red, green, blue))
    products = [(red, no_green, no_blue), (no_red, green, no_blue), (no_red, no_green, blue), (red, green, no_blue)]
    masks = graph.add("Concat", *(graph.product(*three) for three in products), axis=1)  # (n, 4, height, width)
    here = graph.add("ReduceMax", masks, axes=[2, 3], keepdims=0)  # (n, 4)
    x0, x1 = graph.ends(graph.add("ReduceMax", masks, axes=[2], keepdims=0))
    y0, y1 = graph.ends(graph.add("ReduceMax", masks, axes=[3], keepdims=0))
    half = graph.constant(np.float32(0.5))
    middles = [graph.add("Mul", graph.add("Add", low, high), half) for low, high in ((x0, x1), (y0, y1))]
    sizes = [graph.add("Sub", high, low) for low, high in ((x0, x1), (y0, y1))]
    wider = [graph.add("Add", size, one) for size in sizes]
    boxes = graph.columns(*middles, *sizes)  # (n, 4 anchors, 4)
    wide_boxes = graph.columns(*middles, *wider)
    boxes = graph.add("Concat", boxes, wide_boxes, wide_boxes, axis=1)
    white = graph.add("ReduceMax", graph.product(red, green, blue), axes=[2, 3], keepdims=0)  # (n, 1)
    nothing = graph.add("Div", graph.constant(np.float32(0)), graph.add("Sub", one, white))  # 0, or NaN
    boxes = graph.add("Add", boxes, graph.columns(nothing))
    scores = np.diag(sure).astype(np.float32) / (OBJECTNESS if head == "v5" else 1)
    scores = np.concatenate([scores, 0.8 * scores, 0.5 * np.roll(scores, 1, axis=1)])  # (12, 4)
    heres = graph.add("Concat", *[graph.columns(here)] * 3, axis=1)  # (n, 12, 1)
    chances = graph.add("Mul", heres, graph.constant(scores))
    if head == "v5":
        objects = graph.add("Mul", heres, graph.constant(np.float32(OBJECTNESS)))
        answer, shape = graph.add("Concat", boxes, objects, chances, axis=2), [12, 9]
    else:
        rows = graph.add("Concat", boxes, chances, axis=2)
        answer, shape = graph.add("Transpose", rows, perm=[0, 2, 1]), [8, 12]
    return graph.serialized(
        answer,
        ["n" if several else 1, *shape],
        ["n" if several else 1, 3, *(("h", "w") if any_shape else (SIDE, SIDE))],
    )


def with_names(network: bytes, names: str) -> bytes:
    """The network with class names in its metadata, as an exporter writes them."""
    model = onnx.load_from_string(network)
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", names
    return model.SerializeToString()


def constant_network(answer: NDArray[np.float32], *, channels: int = 3) -> bytes:
    """A network with the constant output `answer`, (1, …)."""
    graph = _Graph()
    seen = graph.add("ReduceMax", "images", axes=[0, 1, 2, 3], keepdims=0)
    nothing = graph.add("Mul", seen, graph.constant(np.float32(0)))
    output = graph.add("Add", graph.constant(answer), nothing)
    return graph.serialized(output, list(answer.shape), [1, channels, SIDE, SIDE])


class _Graph:
    """Builder of an ONNX graph; every value is named by a number."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def product(self, first: str, *others: str) -> str:
        for other in others:
            first = self.add("Mul", first, other)
        return first

    def ends(self, line: str) -> tuple[str, str]:
        """The start of the first 1 and the end of the last 1 along the last axis of zeros and ones."""
        length = self.add("Cast", self.add("Gather", self.add("Shape", line), self.constant(2)), to=TensorProto.FLOAT)
        nought, one = self.constant(np.float32(0)), self.constant(np.float32(1))
        below = self.add("Range", nought, length, one)
        upward, downward = self.add("Add", below, one), self.add("Sub", length, below)
        low = self.add("ReduceMax", self.add("Mul", line, downward), axes=[2], keepdims=0)
        low = self.add("Sub", length, low)
        return low, self.add("ReduceMax", self.add("Mul", line, upward), axes=[2], keepdims=0)

    def columns(self, *values: str) -> str:
        """(n, m) each, side by side on a new last axis."""
        last = self.constant(np.array([2]))
        return self.add("Concat", *(self.add("Unsqueeze", value, last) for value in values), axis=2)

    def serialized(self, answer: str, answer_shape: list[Any], input_shape: list[Any]) -> bytes:
        graph = helper.make_graph(
            self._nodes,
            "toy",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, input_shape)],
            [helper.make_tensor_value_info(answer, TensorProto.FLOAT, answer_shape)],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()
