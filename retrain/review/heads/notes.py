"""Notes: when a person checked a recipe's photo, `<tree>/notes/<device>/<image>.json`, beside the pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.instants import from_text, to_text
from contracts.schema import SCHEMA, Record
from retrain.bucket import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectsNote(Record):
    """`source`: the tree that the photo came from. `corrected`: whether the person changed what the model said.

    `sample`: whether the photo belongs to the random sample of those that teach already.
    """

    TITLE = "review note"

    source: Tree
    sample: bool
    corrected: bool
    checked_at: datetime

    def to_fields(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "from": self.source,
            "sample": self.sample,
            "corrected": self.corrected,
            "checked_at": to_text(self.checked_at),
        }

    @classmethod
    def read_fields(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "source": Tree(values["from"]),
            "sample": values["sample"] is True,
            "corrected": values["corrected"] is True,
            "checked_at": from_text(values["checked_at"]),
        }
