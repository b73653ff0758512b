"""The picture of a recipe's answers: at most one module beside recipe.toml, which draws an SVG from them.

    recipes/<name>/picture.py        def draw(subjects: Sequence[Subject]) -> str

`subjects` are those of the message, from the left. The function is pure: the same answers are the same picture, and it
knows nothing of the photo. A page shows the SVG as an image, in which no script runs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from contracts.answers_message import Subject
from recipes.reading import InvalidRecipe
from recipes.recipe import Recipe

MODULE: Final = "picture.py"
Draw = Callable[[Sequence[Subject]], str]


def load_picture(recipe: Recipe, folder: Path) -> Draw | None:
    """The function that draws a recipe's picture; None if it shows none. InvalidRecipe if its module has no `draw`."""
    if not recipe.show.picture:
        return None
    file = folder / MODULE
    spec = importlib.util.spec_from_file_location(f"picture_of_{recipe.name.replace('-', '_')}", file)
    assert spec is not None  # noqa: S101 - a .py has a loader
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the module does when it is imported
        raise InvalidRecipe(
            f"{file}: show.picture needs this module, and it can't be imported ({error!r}); nothing was done. "
            "Write it, or leave the key out"
        ) from error
    if not callable(draw := getattr(module, "draw", None)):
        raise InvalidRecipe(f"{file} has no function draw(subjects) -> str; nothing was done, write it")
    return draw  # type: ignore[no-any-return]
