"""The classes of a detector: names whose place is the class number in YOLO files. They come from the recipe.

A recipe's classes are its joined ones (`Recipe.classes`); the kiosk's are its four labels.
"""

from __future__ import annotations

import re

Classes = tuple[str, ...]


def normalised(name: str) -> str:
    """A class name without case and punctuation: `Elder Male` and `ELDER-MALE` are `elder_male`."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")
