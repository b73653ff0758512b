"""The resident process: photos in, labels out."""

import os

# onnxruntime sends telemetry to its maker unless disabled here; it reads this when any module below imports it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
