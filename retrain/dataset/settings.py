"""The settings of a dataset. All of them are in its manifest, and in its digest."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from retrain.bursts import APART_S
from retrain.errors import InvalidDataset


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSettings:
    """InvalidDataset when values are out of range; the error names all of them.

    `most_per_label`: the maximum number of people of a label in train, as a multiple of those of the rarest one. At 4,
    a shop where one customer in five is an elder keeps every photo; above it, the common label dominates the loss, and
    the kiosk depends on the rare one. `least_per_label`: the cap is never lower than this, or five photos of one label
    would exclude thousands of the others.
    `near_bits`: photos whose perceptual hashes (256 bits) differ in at most this many bits are duplicates. A photo
    stored anew, smaller or brighter, differs in up to 20; two customers before one camera in 36 and more (measured on
    drawn shops). `replay_share`: the minimum share of train for photos that the incumbent learned from, whatever the
    number of new ones; a network trained on new ones alone forgets.
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
        invalid = []
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if name in whole and value != int(value):
                invalid.append(f"{name} is {value}, and must be a whole number")
            elif not low <= value <= high:
                invalid.append(f"{name} is {value}, and must lie between {low} and {high}")
        if invalid:
            raise InvalidDataset("the settings of the dataset are invalid; nothing was built: " + "; ".join(invalid))

    def to_fields(self) -> dict[str, Any]:
        return asdict(self)
