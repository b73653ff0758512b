"""The classes of an imported YOLO folder: the label of each class number, by the folder's class names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from contracts.classes import Classes, normalised
from retrain.dataset.yolo_import.listing import Listing
from retrain.errors import InvalidDataset
from retrain.name_files import Names, UnreadableNames, may_state_names, names_in

_REMEDY = "nothing was imported. Correct it, or name the file that counts: --names FILE"


@dataclass(frozen=True)
class ClassMeaning:
    """The label of each class number. `names`: all names that the folder states, `files` the files that state them.

    `classes`: the recipe's; without files the numbers are theirs. `left_out`: the numbers of classes whose boxes are
    left out.
    """

    classes: Classes
    labels: Mapping[int, str]
    names: Names = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    left_out: frozenset[int] = frozenset()

    def name(self, number: int) -> str:
        """The name of a class; its number when it has none."""
        return self.names.get(number) or str(number)

    def to_fields(self, folder: Path) -> dict[str, Any]:
        """As JSON: `from`, the files with the names, empty for the recipe's order; and the label of each number."""
        return {
            "from": [_relative(path, folder) for path in self.files],
            "labels": {str(number): label for number, label in sorted(self.labels.items())},
            "left_out": [self.name(number) for number in sorted(self.left_out)],
        }


def classes_in(
    listing: Listing,
    classes: Classes,
    aliases: Mapping[str, str] | None = None,
    *,
    left_out: Collection[str] = (),
    names_file: Path | None = None,
) -> ClassMeaning:
    """The classes of a folder, by the files anywhere in it that state their names, or by `names_file` alone.

    `aliases` are labels of further names, `left_out` names of classes whose boxes are left out; both also take a class
    number. A name that is neither ours nor an alias has no label, which matters if a label file uses it. InvalidDataset
    when a file can't be read, files contradict each other, or an alias or `left_out` names no class.
    """
    stated = _stated((names_file,) if names_file else listing.name_files, listing, only=names_file is not None)
    if not stated:
        _check_above(listing.folder, classes)
    files = tuple(stated)
    names = next(iter(stated.values()), dict(enumerate(map(str, classes))))
    known = {normalised(label): label for label in classes}
    given = {normalised(name): label for name, label in (aliases or {}).items()}
    out = set(map(normalised, left_out))
    labels: dict[int, str] = {}
    numbers_out, used = set[int](), set[str]()
    for number in sorted({*names, *(int(name) for name in (given.keys() | out) if name.isdecimal())}):
        # A class of a name is also called by its number, unless a name is such a number.
        name = normalised(names.get(number, ""))
        called = [key for key in (name, str(number)) if key in given or key in out]
        used.update(called)
        if any(key in out for key in called):
            numbers_out.add(number)
        elif called:
            labels[number] = given[called[0]]
        elif name in known:
            labels[number] = known[name]
    _check_used({*given, *out} - used, names, listing.folder)
    return ClassMeaning(classes, labels, names, files, frozenset(numbers_out))


def _stated(paths: Collection[Path], listing: Listing, *, only: bool) -> dict[Path, Names]:
    """The names of each file that states some; the same in all. `only`: a file must state some."""
    stated: dict[Path, Names] = {}
    unreadable: dict[Path, UnreadableNames] = {}
    for path in paths:
        try:
            names = names_in(path, named=only)
        except UnreadableNames as error:
            unreadable[path] = error
            continue
        if names is not None:
            stated[path] = names
        elif only:
            raise InvalidDataset(f"{path} states no class names; nothing was imported. Name a data.yaml or classes.txt")
    for path, error in unreadable.items():
        if not (error.other and stated):
            raise InvalidDataset(f"the class names in {path} can't be read: {error}; {_REMEDY}")
    for (first, names), (other, different) in pairwise(stated.items()):
        if _plain(different) != _plain(names):
            raise InvalidDataset(
                f"{listing.name(first)} and {listing.name(other)} in {listing.folder} name different classes, "
                f"{_shown(names)} and {_shown(different)}; nothing was imported. Name the one that the labels were "
                "written with: --names FILE"
            )
    return stated


def _check_above(folder: Path, classes: Classes) -> None:
    """InvalidDataset when a file beside the folder names other classes: it is a part of an export, such as train/."""
    above = folder.resolve().parent
    try:
        files = sorted(path for path in above.iterdir() if path.is_file() and may_state_names(path))
    except OSError:
        return
    for path in files:
        try:
            names = names_in(path)
        except UnreadableNames:
            continue
        if names is not None and _plain(names) != dict(enumerate(classes)):
            raise InvalidDataset(
                f"{folder} holds no class names, and {path.name} beside it names {_shown(names)}; nothing was imported."
                f" If these are its classes: --names '{path}'. If not, write a classes.txt into {folder}"
            )


def _check_used(unused: Collection[str], names: Names, folder: Path) -> None:
    if unused:
        raise InvalidDataset(
            f"no class of {folder} is called {', '.join(sorted(unused))}, but {_shown(names)}; nothing was imported. "
            "Correct --class or --leave-out"
        )


def _plain(names: Names) -> Names:
    return {number: plain for number, name in names.items() if (plain := normalised(name))}


def _shown(names: Names) -> str:
    """The names in an error, the first dozen."""
    shown = ", ".join(f"{number}: {name}" for number, name in sorted(names.items())[:12] if name.strip())
    return f"{shown} …" if len(names) > 12 else shown


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
