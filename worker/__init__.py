"""The resident process: photos in, labels out."""

import os

# onnxruntime reports its use to its maker unless told not to, and reads this when it is imported, by any module below.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
