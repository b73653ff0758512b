"""A network's ONNX file as a torch module whose last blocks learn, and the same file with what they have learned.

The graph stays as it is, operator by operator, so what is served computes what was trained: padding, clipping and the
normalisation of pixels are the file's. It holds no batch norms; those were folded into the convolutions. The weights of
a convolution are stored in 8 bits with a scale for each output channel, or in 16 bits; they learn in 32, and are stored
as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from retrain.trainer.job import InvalidJob

LEVELS: Final = 127  # of 8 bits, on each side of 0
BLOCKS: Final = 16
OF_BLOCK: Final = 3  # convolutions: expand, depthwise, project; the first block of a network has two


class Unfrozen(nn.Module):
    """Bytes (n, height, width, 3) → maps (n, features, height / 32, width / 32).

    `unfreeze`: of its blocks, from the end, how many learn, with the layer after them.
    """

    def __init__(self, file: Path, unfreeze: int) -> None:
        """InvalidJob if the file has an operator that is not known here."""
        super().__init__()
        self._model = onnx.load(file)
        graph = self._model.graph
        self._stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        constants: dict[str, np.ndarray] = dict(self._stored)
        self._nodes: list[Any] = []
        for node in graph.node:
            if node.op_type in ("Cast", "Mul") and all(name in constants for name in node.input):
                constants[node.output[0]] = _product(node, constants)
            elif node.op_type in _OPERATORS:
                self._nodes.append(node)
            else:
                raise InvalidJob(f"{file}: the operator {node.op_type} can't learn here; its network stays frozen")
        self._output = graph.output[0].name
        convolutions = [node for node in self._nodes if node.op_type == "Conv"]
        self._learning = convolutions[-(1 + OF_BLOCK * unfreeze - (unfreeze == BLOCKS)) :]
        learning = {name for node in self._learning for name in node.input[1:3]}
        self._values = nn.ParameterDict()
        for name in sorted({name for node in self._nodes for name in node.input if name in constants}):
            tensor = torch.from_numpy(np.asarray(constants[name], np.float32).copy())
            self._values[_key(name)] = nn.Parameter(tensor, requires_grad=name in learning)

    def forward(self, images: Tensor) -> Tensor:
        """The maps."""
        values: dict[str, Tensor] = {"images": images}
        for node in self._nodes:
            inputs = [values[name] if name in values else self._values[_key(name)] for name in node.input]
            values[node.output[0]] = _OPERATORS[node.op_type](_attributes(node), *inputs)
        return values[self._output]

    def learning(self) -> list[nn.Parameter]:
        """What learns."""
        return [parameter for parameter in self._values.values() if parameter.requires_grad]

    def to_onnx(self) -> bytes:
        """The file, with the weights as they are now."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        producers = {node.output[0]: node for node in model.graph.node}
        places = {each.name: each for each in model.graph.initializer}

        def store(name: str, array: np.ndarray) -> None:
            places[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), name))

        for node in self._learning:
            weight, bias = (self._values[_key(name)].detach().cpu().numpy() for name in node.input[1:3])
            store(node.input[2], bias)
            made_by = producers.get(node.input[1])
            if made_by is None:
                store(node.input[1], weight)
            elif made_by.op_type == "Cast":
                store(made_by.input[0], weight.astype(self._stored[made_by.input[0]].dtype))
            else:  # the product of integers and scales
                integers = producers[made_by.input[0]].input[0]
                scale = np.abs(weight).reshape(len(weight), -1).max(axis=1) / LEVELS
                scale = np.maximum(scale, 1e-12).astype(np.float32).reshape(self._stored[made_by.input[1]].shape)
                store(integers, np.round(weight / scale).astype(np.int8))
                store(made_by.input[1], scale)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


def _product(node: Any, constants: Mapping[str, np.ndarray]) -> np.ndarray:
    """A constant that the file computes from others: integers as floats, or times their scales."""
    first, *others = (np.asarray(constants[name], np.float32) for name in node.input)
    return first if node.op_type == "Cast" else np.asarray(first * others[0])


def _convolve(attributes: Mapping[str, Any], x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    padded = nn.functional.pad(x, (left, right, top, bottom)) if (top, left) != (bottom, right) else x
    padding = (0, 0) if padded is not x else (top, left)
    stride, groups = tuple(attributes.get("strides", [1, 1])), attributes.get("group", 1)
    return nn.functional.conv2d(padded, weight, bias, stride, padding, groups=groups)


_OPERATORS: Final[Mapping[str, Callable[..., Tensor]]] = {
    "Transpose": lambda attributes, x: x.permute(attributes["perm"]),
    "Cast": lambda _, x: x.float(),
    "Sub": lambda _, x, other: x - other,
    "Div": lambda _, x, other: x / other,
    "Add": lambda _, x, other: x + other,
    "Clip": lambda _, x, low, high: torch.minimum(torch.maximum(x, low), high),
    "Conv": _convolve,
}


def _attributes(node: Any) -> dict[str, Any]:
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def _key(name: str) -> str:
    """A name that torch allows for a parameter."""
    return "of_" + name.replace(".", "_")
