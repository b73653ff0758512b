"""What a person may choose about a dataset. All of it stands in the manifest, and in its digest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from retrain.bursts import APART_S
from retrain.errors import InvalidDataset


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSettings:
    """InvalidDataset when a value makes no sense; every such value is named at once.

    `most_per_label`: no label has more people in train than this many times those of the rarest one. At 4, a shop where
    one customer in five is an elder keeps every photo; beyond it, the loss is that of the common label alone, and the
    rare one is what the kiosk is for. `least_per_label`: up to so many the cap does not bite, or five photos of one
    label would throw away thousands of the others.
    `near_bits`: photos whose perceptual hashes (256 bits) differ in no more are one photo. A photo stored anew, smaller
    or brighter, differs in up to 20; two customers before one camera in 36 and more (measured on drawn shops).
    `replay_share`: this share of train stays for photos that the incumbent learned from, whatever the number of new
    ones; a network that sees only new ones forgets.
    """

    val_share: float = 0.15
    moment_seconds: float = APART_S
    most_images: int = 20_000
    most_per_label: float = 4.0
    least_per_label: int = 200
    nobody_share: float = 0.1
    reviewed_weight: int = 3
    near_bits: int = 20
    replay_share: float = 0.3
    sure: float = 0.9
    sheet_photos: int = 48
    seed: int = 0

    def __post_init__(self) -> None:
        whole = ("most_images", "least_per_label", "reviewed_weight", "near_bits", "sheet_photos", "seed")
        ranges = {
            "val_share": (0, 0.9),
            "moment_seconds": (0, 86_400),
            "most_images": (1, 10_000_000),
            "most_per_label": (1, math.inf),
            "least_per_label": (0, 10_000_000),
            "nobody_share": (0, 0.9),
            "reviewed_weight": (1, 100),
            "near_bits": (0, 128),
            "replay_share": (0, 1),
            "sure": (0, 1),
            "sheet_photos": (0, 1000),
            "seed": (0, 2**63),
        }
        wrong = []
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if name in whole and value != int(value):
                wrong.append(f"{name} is {value}, and must be a whole number")
            elif not least <= value <= most:
                wrong.append(f"{name} is {value}, and must lie between {least} and {most}")
        if wrong:
            raise InvalidDataset("the settings of the dataset make no sense; nothing was built: " + "; ".join(wrong))

    def to_fields(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_fields(cls, told: Mapping[str, Any]) -> DatasetSettings:
        """Of a manifest; settings that this version doesn't know are passed over."""
        return cls(**{one.name: told[one.name] for one in fields(cls) if one.name in told})
