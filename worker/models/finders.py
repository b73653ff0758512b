"""The finder that a recipe's heads stand on: that of the day-0 model, so that boxes mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.boxes import Corners
from recipes.recipe import Finder
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.detector import Image
from worker.models.faces import FaceFinder, finder_from_fields
from worker.models.manifests import ModelManifest, read_manifest
from worker.models.pose import POSE, POSE_SHA256, BodyFinder
from worker.models.regions import FoundSubject, faces_of, people_of, whole_of

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
    files = {"finder": _entry(DEFAULT_MANIFEST.parent / entry["path"], entry["sha256"])}
    if kind is Finder.FACE:
        return DefaultFinder(face_finder(manifest, fields), manifest.model.digest, fields, files)
    find = _people(manifest, fields, BodyFinder.shipped())
    digest = f"{manifest.model.digest} {POSE_SHA256}"
    return DefaultFinder(find, digest, fields, files | {"body": _entry(POSE, POSE_SHA256)})


def finder_of(manifest: ModelManifest, kind: Finder, fields: Mapping[str, Any]) -> Find:
    """The finder of a manifest of heads, of its file "finder" and, for people, "body"; errors as of `face_finder`."""
    if kind is Finder.WHOLE:
        return whole_of
    if kind is Finder.FACE:
        return face_finder(manifest, fields)
    return _people(manifest, fields, BodyFinder(manifest.file("body").read_bytes()))


def face_finder(manifest: ModelManifest, fields: Mapping[str, Any]) -> Find:
    """The finder of a manifest with the file "finder"; KeyError, TypeError or ValueError if a number is invalid."""
    finder, margins = _faces(manifest, fields)
    return lambda image: faces_of(image, finder, margins)


def _people(manifest: ModelManifest, fields: Mapping[str, Any], bodies: BodyFinder) -> Find:
    finder, margins = _faces(manifest, fields)
    return lambda image: people_of(image, finder, margins, bodies)


def _faces(manifest: ModelManifest, fields: Mapping[str, Any]) -> tuple[FaceFinder, Corners]:
    left, top, right, bottom = map(float, fields["head_margins"])
    return finder_from_fields(manifest.file("finder").read_bytes(), fields), (left, top, right, bottom)


def _entry(file: Path, sha256: str) -> dict[str, str]:
    """A file of the worker's package in a manifest."""
    place = file.relative_to(DEFAULT_MANIFEST.parents[2])
    return {"package": "worker.models", "path": str(place), "sha256": sha256}
