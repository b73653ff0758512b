"""The class names in an ONNX export's own metadata, compared with those that its manifest promises.

ultralytics writes them as the text of a dictionary, `{0: 'elder_male', 1: …}`, other exporters as JSON. A manifest is
written by a script or by hand; the file knows the order in which its classes were trained.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import onnxruntime as ort

from contracts.box_rules import class_number
from contracts.classes import Classes, normalised
from worker.models.onnx_runtime import session

NAMES: Final = "names"  # the key in an export's metadata
_REMEDY: Final = "Export the network with the classes in this order, or remove `names` from its metadata if it is wrong"


def check_class_names(stated: str | None, classes: Classes) -> None:
    """ValueError unless the names are those of `classes`, in order. No names and placeholders pass.

    Placeholders are the numbers themselves or `class0`, which ultralytics writes for a network that was given none.
    """
    if stated is None or not stated.strip():
        return
    names = _read(stated, len(classes))
    if all(normalised(name) in (str(number), f"class{number}", f"class_{number}") for number, name in names.items()):
        return
    if {number: normalised(name) for number, name in names.items()} != dict(enumerate(map(str, classes))):
        raise ValueError(
            f"the file's own class names are {_shown(names)}, not {_shown(dict(enumerate(map(str, classes))))}; its "
            f"labels would be wrong. {_REMEDY}"
        )


def check_folder(folder: Path, classes: Classes) -> None:
    """ValueError, which names the file, if a YOLO in a run's folder states other class names than `classes`.

    Only names are looked at: whether the folder is a run, and the network loads, others check.
    """
    for manifest in sorted(folder.rglob("*.json")):
        try:
            fields = json.loads(manifest.read_bytes())
            network = manifest.parent / fields["files"]["network"]["path"]
            stated = session(network.read_bytes(), optimization=ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        try:
            check_class_names(stated.get_modelmeta().custom_metadata_map.get(NAMES), classes)
        except ValueError as error:
            raise ValueError(f"{network}: {error}") from None


def _read(stated: str, count: int) -> dict[int, str]:
    for read in (json.loads, ast.literal_eval):
        try:
            return _names(read(stated))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    parts = [part.strip() for part in stated.split(",")]
    if len(parts) == count and not set("[]{}()") & set(stated):
        return dict(enumerate(parts))
    raise ValueError(f"the file's own class names can't be read: {stated[:80]!r}. {_REMEDY}")


def _names(value: Any) -> dict[int, str]:
    if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(name, str) for name in value):
        return dict(enumerate(value))
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value.values()):
        return {class_number(number): name for number, name in value.items()}
    if isinstance(value, Mapping):
        return {class_number(number): str(name) for name, number in value.items()}
    raise ValueError("neither a list nor a mapping")


def _shown(names: Mapping[int, str]) -> str:
    return ", ".join(f"{number}: {name}" for number, name in sorted(names.items())[:12])
