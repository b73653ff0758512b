"""Converts the network for body landmarks (BlazePose, full) from TensorFlow Lite to ONNX.

    pip download --no-deps mediapipe==0.10.14 && unzip mediapipe-*.whl 'mediapipe/modules/pose_landmark/*'
    python -m day0.pose mediapipe/modules/pose_landmark/pose_landmark_full.tflite

The package is no requirement of day 0: its wheel is unpacked, not installed. The graph: `input` (n, 3, 256, 256), RGB
0-1 → `landmarks` (n, 195), 39 points of x, y, z (pixels of the input), visibility and presence (logits), and `presence`
(n, 1), of a body, 0-1. The heat maps, the segmentation and the points in metres are left out. The same bytes each time.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Final

from day0.tflite_onnx import Converter
from worker.models.pose import POSE

SOURCE_SHA256: Final = "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"
OUTPUTS: Final = {"Identity": "landmarks", "Identity_1": "presence"}


def main() -> None:
    """Write the ONNX file."""
    parser = argparse.ArgumentParser(
        prog="python -m day0.pose", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the network in TensorFlow Lite")
    parser.add_argument("--out", type=Path, default=POSE, help="the file to write")
    arguments = parser.parse_args()
    content = arguments.file.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != SOURCE_SHA256:
        raise SystemExit(f"{arguments.file} has SHA-256 {digest}, not {SOURCE_SHA256}: take that of mediapipe 0.10.14")
    written = converted(content)
    arguments.out.write_bytes(written)
    print(f"wrote {arguments.out}, {len(written) / 2**20:.2f} MiB, SHA-256 {hashlib.sha256(written).hexdigest()}")


def converted(content: bytes) -> bytes:
    """The ONNX file of the network."""
    model = Converter(content, "pose", OUTPUTS).model()
    return bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
