"""Whose class number means which label, in somebody else's YOLO folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from contracts.labels import LABELS, Label
from retrain.errors import InvalidDataset


def classes_in(folder: Path, aliases: Mapping[str, Label]) -> tuple[dict[int, Label], str]:
    """The label of each class number, and the name of the file that says so.

    Read from `names:` in a YAML file of the folder, or from `classes.txt` (Label Studio writes one); without either,
    the numbers are ours. `aliases`: labels of names that aren't ours. InvalidDataset when a name says no label.
    """
    told = {}
    for path in sorted({*folder.glob("*.yaml"), *folder.glob("*.yml")}):
        names = _names(path)
        if names is not None:
            told[path.name] = names
    lines = folder / "classes.txt"
    if not told and lines.is_file():
        told[lines.name] = dict(enumerate(lines.read_text(errors="replace").split("\n")))
    if not told:
        return dict(enumerate(LABELS)), ""
    (where, names), *others = told.items()
    for other, different in others:
        if different != names:
            raise InvalidDataset(
                f"{where} and {other} in {folder} name different classes; nothing was imported. Leave the one that the "
                "labels were written with"
            )
    return _labels(names, aliases, folder / where), where


def _names(path: Path) -> dict[int, str] | None:
    try:
        content = yaml.safe_load(path.read_text(errors="replace"))
    except (OSError, yaml.YAMLError) as error:
        raise InvalidDataset(f"{path} can't be read ({error}); nothing was imported. Mend it") from None
    names = content.get("names") if isinstance(content, dict) else None
    match names:
        case list():
            return {number: str(name) for number, name in enumerate(names)}
        case dict() if all(str(number).isdecimal() for number in names):
            return {int(number): str(name) for number, name in names.items()}
    return None


def _labels(names: Mapping[int, str], aliases: Mapping[str, Label], where: Path) -> dict[int, Label]:
    known = {_plain(label): label for label in LABELS} | {_plain(name): label for name, label in aliases.items()}
    named = {number: name for number, name in names.items() if name.strip()}
    unknown = [name for name in named.values() if _plain(name) not in known]
    if unknown:
        raise InvalidDataset(
            f"{where} names {_listed(unknown)}, which is none of {_listed(LABELS)}; nothing was imported. Say what "
            f"it means: --class '{unknown[0]}={LABELS[0]}'"
        )
    return {number: known[_plain(name)] for number, name in named.items()}


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
