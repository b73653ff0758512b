"""Which kinds of models can serve a recipe: those of the kiosk, or heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from recipes.recipe import Recipe, Teaches
from worker.kiosk.kinds import KINDS
from worker.models.detector import ImageModel
from worker.models.heads import load_heads
from worker.models.manifests import HEADS, ModelManifest


def kinds_for(recipe: Recipe) -> Mapping[str, Callable[[ModelManifest], ImageModel]]:
    """The loader of each kind of model that can serve a recipe."""
    return KINDS if recipe.teaches is Teaches.DETECTOR else {HEADS: partial(load_heads, recipe=recipe)}
