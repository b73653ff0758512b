"""Writes the network for questions about faces: the first age and gender network up to its last activation, as ONNX.

    python -m day0.face_maps            the same bytes each time

It has learned faces, with masks drawn on them among others, so heads on its maps tell gender and age where those on
ImageNet's features do not. It takes bytes, as the other backbone does (day0/lite0.py): what the worker does before the
network stands in the graph here. The last layers go; all weights before them stay as they are, in 8 bits.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.models.backbone import NETWORKS, Net
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.manifests import read_manifest

LAST: Final = "GlobalAveragePool"  # its input is the last activation
HALF: Final = np.float32(127.5)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m day0.face_maps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=NETWORKS[Net.FACE].file, help="the file to write")
    out: Path = parser.parse_args().out
    content = shortened(onnx.load(read_manifest(DEFAULT_MANIFEST).file("network_0"))).SerializeToString(
        deterministic=True
    )
    out.write_bytes(content)
    print(f"wrote {out}, {len(content) / 2**20:.2f} MiB, SHA-256 {hashlib.sha256(content).hexdigest()}")


def shortened(model: Any) -> Any:
    """The model from bytes (n, side, side, 3) to `maps`, in place of `images` to `logits`."""
    graph = model.graph
    side = graph.input[0].type.tensor_type.shape.dim[2].dim_value
    pool = next(number for number, node in enumerate(graph.node) if node.op_type == LAST)
    maps = graph.node[pool].input[0]
    del graph.node[pool:]
    for node in graph.node:
        node.input[:] = ["normalised" if name == "images" else name for name in node.input]
        node.output[:] = ["maps" if name == maps else name for name in node.output]
    before = [
        helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "half"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "one"], ["normalised"]),
    ]
    after = list(graph.node)
    del graph.node[:]
    graph.node.extend([*before, *after])
    graph.initializer.extend(
        [numpy_helper.from_array(np.array(HALF), "half"), numpy_helper.from_array(np.array(np.float32(1)), "one")]
    )
    used = {name for node in graph.node for name in node.input}
    for unused in [each for each in graph.initializer if each.name not in used]:
        graph.initializer.remove(unused)
    del graph.input[:]
    del graph.output[:]
    graph.input.append(helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", side, side, 3]))
    graph.output.append(helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", "features", "rows", "columns"]))
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    main()
