"""The classes of an imported YOLO folder: the label of each class number, by the folder's class names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from contracts.labels import LABELS, Label
from retrain.errors import InvalidDataset


def classes_in(folder: Path, aliases: Mapping[str, Label]) -> tuple[dict[int, Label], str]:
    """The label of each class number, and the name of the file that defines the classes; empty without such a file.

    The names are `names:` in a YAML file of the folder, or `classes.txt` (Label Studio writes one); without either, the
    classes are LABELS in their order. `aliases`: labels of further names. InvalidDataset when a name is unknown, or
    files contradict each other.
    """
    files = sorted({*folder.glob("*.yaml"), *folder.glob("*.yml")})
    names_in = {path.name: names for path in files if (names := _names(path)) is not None}
    lines = folder / "classes.txt"
    if not names_in and lines.is_file():
        names_in[lines.name] = dict(enumerate(lines.read_text(errors="replace").split("\n")))
    if not names_in:
        return dict(enumerate(LABELS)), ""
    (where, names), *others = names_in.items()
    for other, different in others:
        if different != names:
            raise InvalidDataset(
                f"{where} and {other} in {folder} name different classes; nothing was imported. Keep the one that the "
                "labels were written with"
            )
    return _labels(names, aliases, folder / where), where


def _names(path: Path) -> dict[int, str] | None:
    try:
        content = yaml.safe_load(path.read_text(errors="replace"))
    except (OSError, yaml.YAMLError) as error:
        raise InvalidDataset(f"{path} can't be read ({error}); nothing was imported. Correct it") from None
    names = content.get("names") if isinstance(content, dict) else None
    match names:
        case list():
            return {number: str(name) for number, name in enumerate(names)}
        case dict() if all(str(number).isdecimal() for number in names):
            return {int(number): str(name) for number, name in names.items()}
    return None


def _labels(names: Mapping[int, str], aliases: Mapping[str, Label], where: Path) -> dict[int, Label]:
    known = {_normalised(label): label for label in LABELS} | {
        _normalised(name): label for name, label in aliases.items()
    }
    named = {number: name for number, name in names.items() if name.strip()}
    unknown = [name for name in named.values() if _normalised(name) not in known]
    if unknown:
        raise InvalidDataset(
            f"{where} names {', '.join(unknown)}, which is not one of {', '.join(LABELS)}; nothing was imported. Map "
            f"it to a label: --class '{unknown[0]}={LABELS[0]}'"
        )
    return {number: known[_normalised(name)] for number, name in named.items()}


def _normalised(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
