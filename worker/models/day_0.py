"""The paths of the built-in day-0 model. Settings import them without loading a model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "model_data"
DEFAULT_MANIFEST: Final = _FOLDER / "cascade-v2" / "manifest.json"
WARM_UP: Final = _FOLDER / "warm_up.jpg"
