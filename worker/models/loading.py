"""From a manifest to a loaded model. A new kind of the kiosk's models is one more entry in `_SINGLE`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from recipes.reading import KIOSK
from recipes.recipe import Recipe
from worker.models.cascade import load_cascade
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.detector import Detector, ImageModel
from worker.models.ensemble import load_ensemble
from worker.models.heads import load_heads
from worker.models.manifests import HEADS, InvalidModel, ModelManifest, read_manifest
from worker.models.yolo import load_yolo

__all__ = ["DEFAULT_MANIFEST", "KINDS", "InvalidModel", "load_detector", "load_model"]

Loaded = TypeVar("Loaded", bound=ImageModel)
Kinds = Mapping[str, Callable[[ModelManifest], Detector]]

_SINGLE: Final[Kinds] = {"cascade": load_cascade, "yolov5": load_yolo}
KINDS: Final[Kinds] = {
    **_SINGLE,
    "ensemble": lambda manifest: load_ensemble(manifest, lambda member: load_detector(member, _SINGLE)),
}


def kinds_for(recipe: Recipe) -> Mapping[str, Callable[[ModelManifest], ImageModel]]:
    """The loader of each kind of model that can serve a recipe."""
    return KINDS if recipe.name == KIOSK else {HEADS: partial(load_heads, recipe=recipe)}


def load_detector(manifest_path: Path, kinds: Kinds = KINDS) -> Detector:
    """The kiosk's model of a manifest; as `load_model`."""
    return load_model(manifest_path, kinds)


def load_model(manifest_path: Path, kinds: Mapping[str, Callable[[ModelManifest], Loaded]]) -> Loaded:
    """The model of a manifest, its files' digests checked, ready to detect. Takes a second or two.

    InvalidModel if the manifest or a file of it is missing or invalid.
    """
    manifest = read_manifest(manifest_path)
    if (load := kinds.get(manifest.kind)) is None:
        raise InvalidModel(
            f"{manifest_path}: the kind {manifest.kind!r} is unknown, only {', '.join(sorted(kinds))} are supported; "
            "this model is not loaded. Update the worker, or name another manifest."
        )
    return load(manifest)
