"""The files that come with the worker: the model of day 0, and the picture to try every model on.

Apart from what reads them, so that their names cost no onnxruntime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_DATA: Final = Path(__file__).parent / "model_data"
DEFAULT_MANIFEST: Final = _DATA / "cascade-v1" / "manifest.json"
WARM_UP: Final = _DATA / "warm_up.jpg"
