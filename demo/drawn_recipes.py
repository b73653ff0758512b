"""The recipes whose pictures can be drawn, for trying one without photos of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from demo.drawn_eyes.folder import draw_folder as draw_eyes

# Writes a folder of so many pictures with their label files; the same seed draws the same. FileExistsError.
DrawFolder = Callable[[Path, int, int], None]
DRAWN: Final[Mapping[str, DrawFolder]] = {"pet-eye": draw_eyes}
# Of `nunchi flywheel`: 60 dogs and 60 cats, so that the few which teach the opening model are enough of each.
FLYWHEEL_PICTURES: Final = 540
FLYWHEEL_SEED: Final = 2  # not that of the shipped model
