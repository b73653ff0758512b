"""The files of an imported folder: pictures, label files, class names, and what is not looked at."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from contracts.box_rules import number
from contracts.errors import InvalidBox, InvalidText
from contracts.text_files import decoded
from retrain.errors import InvalidDataset
from retrain.name_files import YAMLS, UnreadableNames, is_list, parsed_yaml

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".heic", ".heif"})
OTHER_PICTURES: Final = frozenset(
    {".avif", ".bmp", ".dng", ".gif", ".jp2", ".jxl", ".pfm", ".pgm", ".pnm", ".ppm", ".tga", ".tif", ".tiff"}
)
FIRST: Final = 3  # names that a summary shows
_IMAGES, _LABELS = "images", "labels"
_SPLITS: Final = ("train", "val", "valid", "test")
_Place = tuple[tuple[str, ...], str]  # the folders and the stem of a file, relative to the imported folder


@dataclass(frozen=True, slots=True)
class Unread:
    """Files of one kind that were not looked at, or that a person must know about. `names` are relative."""

    kind: str
    words: str
    names: tuple[str, ...]

    def to_fields(self) -> dict[str, Any]:
        return {"kind": self.kind, "count": len(self.names), "first": list(self.names[:FIRST])}

    def __str__(self) -> str:
        more = f" and {len(self.names) - FIRST} more" if len(self.names) > FIRST else ""
        return f"{self.words}: {len(self.names)} ({', '.join(self.names[:FIRST])}{more})"


@dataclass(frozen=True)
class Listing:
    """The files below a folder, in order. Links to folders are not followed, so that nothing is read twice or for ever.

    `pictures` can be read by their suffix, `texts` are the other files that may state something. Links to files are
    read, and in `linked_files`, too.
    """

    folder: Path
    pictures: tuple[Path, ...]
    texts: tuple[Path, ...]
    others: tuple[Path, ...]
    hidden: tuple[Path, ...]
    linked_folders: tuple[Path, ...]
    linked_files: tuple[Path, ...]
    broken_links: tuple[Path, ...]

    @cached_property
    def label_files(self) -> Mapping[_Place, Sequence[Path]]:
        """The text files by the place of the picture that they may belong to."""
        files: dict[_Place, list[Path]] = defaultdict(list)
        for path in self.texts:
            if path.suffix.lower() == ".txt":
                files[self._place(path)].append(path)
        return files

    def labels_of(self, picture: Path) -> list[Path]:
        """The files that may hold a picture's labels: under `labels/` where it is under `images/`, and beside it."""
        folders, stem = self._place(picture)
        under = [depth for depth, name in enumerate(folders) if name == _IMAGES]
        places = [(folders, stem)]
        if under:
            places.insert(0, ((*folders[: under[-1]], _LABELS, *folders[under[-1] + 1 :]), stem))
        return [path for place in places for path in self.label_files.get(place, ())]

    @cached_property
    def used_labels(self) -> Mapping[Path, Sequence[Path]]:
        """The pictures of each label file."""
        pictures: dict[Path, list[Path]] = defaultdict(list)
        for picture in self.pictures:
            for path in self.labels_of(picture):
                pictures[path].append(picture)
        return pictures

    @cached_property
    def name_files(self) -> tuple[Path, ...]:
        """The files that may state class names: not the label files that are called so."""
        return tuple(
            path
            for path in self.texts
            if path not in self.used_labels and not self.is_label_file(path) and not pictures_of_list(path)
        )

    @cached_property
    def orphans(self) -> tuple[Path, ...]:
        """The label files without a picture: with rows of labels, or empty and under `labels/`."""
        texts = (path for path in self.texts if path.suffix.lower() == ".txt" and path not in self.used_labels)
        return tuple(path for path in texts if self.is_label_file(path))

    def is_label_file(self, path: Path) -> bool:
        """Whether a text file holds rows of numbers, as label files do, or is empty and under `labels/`."""
        if path.suffix.lower() != ".txt":
            return False
        rows = [line.split() for line in _text(path).splitlines() if line.strip()]
        if not rows:
            return _LABELS in self._place(path)[0]
        return all(len(row) > 4 and all(map(_is_number, row[:5])) for row in rows)

    def name(self, path: Path) -> str:
        """The path of a file as a summary shows it."""
        return os.fsencode(path.relative_to(self.folder).as_posix()).decode(errors="replace")

    def unread(self, *, read: Iterable[Path] = ()) -> list[Unread]:
        """What is not looked at, by kind. `read`: files that were read besides pictures and their labels."""
        lists = [path for path in self.texts if path not in self.used_labels and pictures_of_list(path)]
        known = {*self.used_labels, *self.orphans, *lists, *read}
        by_suffix: dict[str, list[Path]] = defaultdict(list)
        for path in sorted({*self.others, *self.texts} - known):
            by_suffix[path.suffix.lower()].append(path)
        found = [
            Unread("orphan_labels", "label files without a picture", self._names(self.orphans)),
            Unread("linked_folders", "linked folders, not followed", self._names(self.linked_folders)),
            Unread("broken_links", "links that lead nowhere", self._names(self.broken_links)),
            Unread("linked_files", "linked files, read", self._names(self.linked_files)),
            Unread("missing_folders", "paths of a data.yaml that lead to nothing here", self._missing_folders()),
            Unread("missing_pictures", "pictures of a list that are missing", self._missing_pictures(lists)),
        ]
        for suffix, paths in by_suffix.items():
            if suffix in OTHER_PICTURES:
                words = f"{suffix} pictures, not read; convert them to JPEG or PNG"
                found.append(Unread("other_pictures", words, self._names(paths)))
            else:
                found.append(
                    Unread("other_files", f"other files ({suffix or 'no suffix'}), not read", self._names(paths))
                )
        found.append(Unread("hidden_files", "hidden files, not read", self._names(self.hidden)))
        return [each for each in found if each.names]

    def _names(self, paths: Iterable[Path]) -> tuple[str, ...]:
        return tuple(map(self.name, paths))

    def _place(self, path: Path) -> _Place:
        *folders, name = path.relative_to(self.folder).parts
        known = {_IMAGES, _LABELS}
        return tuple(part.lower() if part.lower() in known else part for part in folders), Path(name).stem

    def _missing_folders(self) -> tuple[str, ...]:
        """The paths of each data.yaml that lead to nothing in the folder, whatever they are relative to."""
        missing: list[str] = []
        for path in self.texts:
            if path.suffix.lower() in YAMLS:
                try:
                    content = parsed_yaml(path)
                except (UnreadableNames, OSError, InvalidText):
                    continue
                fields = (
                    {str(key).lower(): value for key, value in content.items()} if isinstance(content, dict) else {}
                )
                if "names" in fields:
                    missing += [
                        f"{self.name(path)}: {split}: {place}"
                        for split in _SPLITS
                        for place in _paths(fields.get(split))
                        if not self._is_here(path.parent, fields.get("path"), place)
                    ]
        return tuple(missing)

    def _is_here(self, beside: Path, root: Any, place: str) -> bool:
        """Whether the path of a data.yaml leads into the folder; Roboflow's begin with a `../` too many."""
        bare = re.sub(r"^(?:\.\.?/)+", "", place.replace("\\", "/"))
        roots = [beside, *([beside / root, Path(root)] if isinstance(root, str) else [])]
        here = self.folder.resolve()
        try:
            found = [way.resolve() for root in roots for way in (root / place, root / bare) if way.exists()]
        except (OSError, ValueError):
            return False
        return any(way.is_relative_to(here) for way in found)

    def _missing_pictures(self, lists: Iterable[Path]) -> tuple[str, ...]:
        """The pictures that a list such as train.txt names, and that are not here by their name."""
        known = {picture.name for picture in self.pictures}
        lines = [(path, line) for path in lists for line in pictures_of_list(path)]
        return tuple(f"{self.name(path)}: {line}" for path, line in lines if re.split(r"[/\\]", line)[-1] not in known)


def list_folder(folder: Path) -> Listing:
    """The files below a folder. InvalidDataset when it is not a folder, or a folder in it can't be read."""
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise InvalidDataset(f"{folder} {state}; nothing was imported. Name a folder with images/ and labels/")

    def refuse(error: OSError) -> None:
        raise InvalidDataset(
            f"{error.filename} can't be read ({error.strerror}); nothing was imported. Make it readable"
        )

    found: dict[str, list[Path]] = defaultdict(list)
    for place, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in list(folders):
            path = Path(place, name)
            if path.is_symlink():
                found["linked_folders"].append(path)
            elif _is_hidden(name):
                folders.remove(name)
                found["hidden"].append(path)
        for name in sorted(files):
            path = Path(place, name)
            if _is_hidden(name):
                found["hidden"].append(path)
            elif not path.exists():
                found["broken_links"].append(path)
            elif not path.is_file():
                found["others"].append(path)
            else:
                if path.is_symlink():
                    found["linked_files"].append(path)
                found[_kind(path)].append(path)
    kinds = ("pictures", "texts", "others", "hidden", "linked_folders", "linked_files", "broken_links")
    return Listing(folder, **{kind: tuple(sorted(found[kind])) for kind in kinds})


def pictures_of_list(path: Path) -> list[str]:
    """The lines of a list of pictures, such as train.txt; none of another file."""
    if path.suffix.lower() != ".txt":
        return []
    lines = [line.strip() for line in _text(path).splitlines() if line.strip()]
    return lines if all(Path(line).suffix.lower() in SUFFIXES for line in lines) else []


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return "pictures"
    readable = {".txt", ".json", ".data", ".pbtxt", ".csv"} | YAMLS
    return "texts" if suffix in readable or is_list(path) else "others"


def _is_hidden(name: str) -> bool:
    """Of macOS and version control, mostly."""
    return name.startswith(".") or name == "__MACOSX"


def _text(path: Path) -> str:
    try:
        return decoded(path.read_bytes())
    except (OSError, InvalidText):
        return ""


def _is_number(text: str) -> bool:
    try:
        number(text)
    except InvalidBox:
        return False
    return True


def _paths(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str) and each.strip()]
