"""The finder that a recipe's heads stand on: that of the day-0 model, so that boxes mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.boxes import Corners
from recipes.recipe import Finder
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.detector import Image
from worker.models.faces import finder_from_fields
from worker.models.manifests import ModelManifest, read_manifest
from worker.models.regions import FoundSubject, faces_of, whole_of

Find = Callable[[Image], list[FoundSubject]]
_WHOLE: Final = "whole"


@dataclass(frozen=True, slots=True)
class DefaultFinder:
    """A finder; `digest` changes with what it finds, `fields` and `files` are its part of a manifest."""

    find: Find
    digest: str
    fields: Mapping[str, Any]
    files: Mapping[str, Mapping[str, str]]


def default_finder(kind: Finder) -> DefaultFinder:
    """The finder that new heads are trained on; InvalidModel if its file is missing."""
    if kind is Finder.WHOLE:
        return DefaultFinder(whole_of, _WHOLE, {}, {})
    manifest = read_manifest(DEFAULT_MANIFEST)
    fields = manifest.fields["finder"]
    entry = manifest.fields["files"]["finder"]
    place = DEFAULT_MANIFEST.parent.relative_to(DEFAULT_MANIFEST.parents[2]) / entry["path"]
    files = {"finder": {"package": "worker.models", "path": str(place), "sha256": entry["sha256"]}}
    return DefaultFinder(face_finder(manifest, fields), manifest.model.digest, fields, files)


def face_finder(manifest: ModelManifest, fields: Mapping[str, Any]) -> Find:
    """The finder of a manifest with the file "finder"; KeyError, TypeError or ValueError if a number is invalid."""
    finder = finder_from_fields(manifest.file("finder").read_bytes(), fields)
    left, top, right, bottom = map(float, fields["head_margins"])
    margins: Corners = (left, top, right, bottom)
    return lambda image: faces_of(image, finder, margins)
