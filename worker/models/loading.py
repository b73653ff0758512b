"""From a manifest to a loaded model, of the kinds that the recipe knows (worker/kinds.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from worker.models.detector import ImageModel
from worker.models.manifests import InvalidModel, ModelManifest, read_manifest

Loaded = TypeVar("Loaded", bound=ImageModel)


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
