"""The manifest of a dataset: its photos with their labels and digests, and the excluded photos."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.classes import Classes
from contracts.errors import ContractError
from contracts.instants import from_text, to_text
from contracts.names import Reference
from contracts.weights import check_run_id
from contracts.yolo import format_labels, parse_labels
from retrain.bucket import Tree
from retrain.dataset.photos import DatasetPhoto, Excluded, ExclusionReason, Split
from retrain.errors import InvalidDataset

SCHEMA: Final = 1
MANIFEST: Final = "manifest.json"
PICTURES: Final = "pictures"
NOBODY: Final = "nobody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item(DatasetPhoto):
    """A photo of the dataset. `new`: the incumbent was not trained on it, or a person has checked it since."""

    split: Split
    weight: int
    new: bool

    def label_file(self, classes: Classes) -> str:
        """The text of the photo's label file."""
        return format_labels(self.people, classes)

    def to_fields(self, classes: Classes) -> dict[str, Any]:
        return {
            "photo": str(self.reference),
            "split": self.split,
            "source": self.source,
            "weight": self.weight,
            "new": self.new,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "labels": self.label_file(classes),
            "phash": self.phash,
            "suspect": self.label_error,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], classes: Classes) -> Item:
        return cls(
            reference=Reference.parse(fields["photo"]),
            split=Split(fields["split"]),
            source=Tree(fields["source"]),
            weight=int(fields["weight"]),
            new=bool(fields["new"]),
            sha256=str(fields["sha256"]),
            bytes=int(fields["bytes"]),
            people=parse_labels(fields["labels"], classes),
            phash=str(fields["phash"]),
            label_error=fields["suspect"],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetManifest:
    """One build. Items and excluded photos are in the order of their references; `classes` in that of their numbers."""

    build: str
    made_at: datetime
    classes: Classes
    settings: Mapping[str, Any]
    items: tuple[Item, ...]
    excluded: tuple[Excluded, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_run_id(self.build)

    @property
    def digest(self) -> str:
        """SHA-256 over items and settings: the same for the same photos, labels and settings, whenever built."""
        fields = {"items": [item.to_fields(self.classes) for item in self.items], "settings": dict(self.settings)}
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """By split: people of each label, pictures, and pictures without people; a repeated picture counts once."""
        return {split: counted(self.of(split), self.classes) for split in Split}

    def of(self, split: Split) -> list[Item]:
        return [item for item in self.items if item.split is split]

    def to_json(self) -> str:
        fields = {
            "schema": SCHEMA,
            "build": self.build,
            "made_at": to_text(self.made_at),
            "digest": self.digest,
            "settings": dict(self.settings),
            "classes": list(self.classes),
            "items": [item.to_fields(self.classes) for item in self.items],
            "left_out": [
                {"photo": str(photo.reference), "source": photo.source, "why": photo.why, "detail": photo.detail}
                for photo in self.excluded
            ],
            "counts": self.counts,
            "warnings": list(self.warnings),
        }
        return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> DatasetManifest:
        """InvalidDataset when the text breaks the schema, or the digest is not that of the items."""
        try:
            fields = json.loads(text)
            if not isinstance(fields, dict) or fields["schema"] != SCHEMA:
                raise ValueError(f"not of schema {SCHEMA}")
            classes = tuple(map(str, fields["classes"]))
            manifest = cls(
                build=fields["build"],
                made_at=from_text(fields["made_at"]),
                classes=classes,
                settings=dict(fields["settings"]),
                items=tuple(Item.from_fields(item, classes) for item in fields["items"]),
                excluded=tuple(map(_excluded, fields["left_out"])),
                warnings=tuple(map(str, fields["warnings"])),
            )
            recorded = fields["digest"]
        except (ContractError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidDataset(
                f"{where} is not a dataset's manifest ({error!r}), so the dataset can't be used. Build it anew, or "
                "update this program"
            ) from None
        if manifest.digest != recorded:
            raise InvalidDataset(
                f"{where} records digest {recorded}, but its items have {manifest.digest}: the file was changed, so "
                "the dataset can't be used. Fetch it again: nunchi dataset fetch"
            )
        return manifest

    @classmethod
    def read(cls, path: Path) -> DatasetManifest:
        """The manifest of a file, or of a dataset's folder; InvalidDataset when it is missing or invalid."""
        path = path / MANIFEST if path.is_dir() else path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InvalidDataset(
                f"{path} can't be read ({error.strerror}); name the folder of a dataset: nunchi dataset fetch"
            ) from None
        return cls.from_json(content, str(path))


def counted(items: Iterable[Item], classes: Classes) -> dict[str, int]:
    """People of each label, pictures, and pictures without people."""
    items = list(items)
    people = Counter(person.label for item in items for person in item.people)
    empty = sum(not item.people for item in items)
    return {**{label: people[label] for label in classes}, PICTURES: len(items), NOBODY: empty}


def _excluded(fields: Mapping[str, Any]) -> Excluded:
    return Excluded(
        Reference.parse(fields["photo"]),
        Tree(fields["source"]),
        ExclusionReason(fields["why"]),
        str(fields["detail"]),
    )
