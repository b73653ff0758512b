"""The manifest: what a dataset is made of, to the byte, and what was left out of it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.errors import ContractError
from contracts.instants import from_text, to_text
from contracts.labels import LABELS
from contracts.names import Reference
from contracts.weights import check_run_id
from contracts.yolo import parse_labels
from retrain.bucket import Tree
from retrain.dataset.photos import Excluded, ExclusionReason, Split
from retrain.errors import InvalidDataset

SCHEMA: Final = 1
MANIFEST: Final = "manifest.json"
PICTURES: Final = "pictures"
NOBODY: Final = "nobody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A photo of the dataset. `labels` is the text of its label file, `sha256` and `bytes` are the JPEG's.

    `new`: the incumbent has not seen it, or a person has looked at it since. `suspect` says what speaks against its
    labels.
    """

    reference: Reference
    split: Split
    source: Tree
    weight: int
    new: bool
    sha256: str
    bytes: int
    labels: str
    phash: str
    suspect: str | None = None

    def to_fields(self) -> dict[str, Any]:
        return {
            "photo": str(self.reference),
            "split": self.split,
            "source": self.source,
            "weight": self.weight,
            "new": self.new,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "labels": self.labels,
            "phash": self.phash,
            "suspect": self.suspect,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Item:
        parse_labels(fields["labels"])
        return cls(
            reference=Reference.parse(fields["photo"]),
            split=Split(fields["split"]),
            source=Tree(fields["source"]),
            weight=int(fields["weight"]),
            new=bool(fields["new"]),
            sha256=str(fields["sha256"]),
            bytes=int(fields["bytes"]),
            labels=fields["labels"],
            phash=str(fields["phash"]),
            suspect=fields["suspect"],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetManifest:
    """One build. Items and what was left out are in the order of their references."""

    build: str
    made_at: datetime
    settings: Mapping[str, Any]
    items: tuple[Item, ...]
    left_out: tuple[Excluded, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_run_id(self.build)

    @property
    def digest(self) -> str:
        """SHA-256 over items and settings: the same photos, labels and choices, the same digest, whenever built."""
        told = {"items": [item.to_fields() for item in self.items], "settings": dict(self.settings)}
        return hashlib.sha256(_canonical(told)).hexdigest()

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """By split: people of each label, pictures, and pictures of nobody; a repeated picture counts once."""
        return {split: counted(item for item in self.items if item.split is split) for split in Split}

    def of(self, split: Split) -> list[Item]:
        return [item for item in self.items if item.split is split]

    def to_json(self) -> str:
        fields = {
            "schema": SCHEMA,
            "build": self.build,
            "made_at": to_text(self.made_at),
            "digest": self.digest,
            "settings": dict(self.settings),
            "classes": list(LABELS),
            "items": [item.to_fields() for item in self.items],
            "left_out": [
                {"photo": str(one.reference), "source": one.source, "why": one.why, "detail": one.detail}
                for one in self.left_out
            ],
            "counts": self.counts,
            "warnings": list(self.warnings),
        }
        return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the manifest") -> DatasetManifest:
        """InvalidDataset when it is none, or when its digest is not that of its items."""
        try:
            fields = json.loads(text)
            if not isinstance(fields, dict) or fields["schema"] != SCHEMA:
                raise ValueError(f"not of schema {SCHEMA}")
            manifest = cls(
                build=fields["build"],
                made_at=from_text(fields["made_at"]),
                settings=dict(fields["settings"]),
                items=tuple(Item.from_fields(one) for one in fields["items"]),
                left_out=tuple(
                    Excluded(
                        Reference.parse(one["photo"]),
                        Tree(one["source"]),
                        ExclusionReason(one["why"]),
                        str(one["detail"]),
                    )
                    for one in fields["left_out"]
                ),
                warnings=tuple(map(str, fields["warnings"])),
            )
            promised = fields["digest"]
        except (ContractError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidDataset(
                f"{where} is not a dataset's manifest ({error!r}); nothing was made of it. Build the dataset anew, "
                "or update this program"
            ) from None
        if manifest.digest != promised:
            raise InvalidDataset(
                f"{where} promises digest {promised}, and its items have {manifest.digest}: somebody changed it; "
                "nothing was made of it. Fetch it again: nunchi dataset fetch"
            )
        return manifest

    @classmethod
    def read(cls, path: Path) -> DatasetManifest:
        """Of a file, or of a dataset's folder."""
        path = path / MANIFEST if path.is_dir() else path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InvalidDataset(
                f"{path} can't be read ({error.strerror}); name the folder of a dataset: nunchi dataset fetch"
            ) from None
        return cls.from_json(content, str(path))


def counted(items: Iterable[Item]) -> dict[str, int]:
    """People of each label, pictures, and pictures of nobody."""
    people: Counter[str] = Counter()
    pictures = nobody = 0
    for item in items:
        labels = [label for label, _ in parse_labels(item.labels)]
        people.update(labels)
        pictures += 1
        nobody += not labels
    return {**{str(label): people[label] for label in LABELS}, PICTURES: pictures, NOBODY: nobody}


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
