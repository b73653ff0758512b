"""The paths of the built-in day-0 models. Settings import them without loading a model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from recipes.reading import KIOSK, folder_of

_FOLDER: Final = Path(__file__).parent / "model_data"
DEFAULT_MANIFEST: Final = _FOLDER / "cascade-v2" / "manifest.json"
WARM_UP: Final = _FOLDER / "warm_up.jpg"


def built_in(recipe: str) -> Path:
    """The manifest of the model that a recipe starts with: the kiosk's is here, another's in its folder."""
    return DEFAULT_MANIFEST if recipe == KIOSK else folder_of(recipe) / "model" / "manifest.json"
