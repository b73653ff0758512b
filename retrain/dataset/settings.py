"""The settings of a dataset. All of them are in its manifest, and in its digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contracts.gate import DEFAULT_GATE
from retrain.bursts import APART_S
from retrain.errors import InvalidDataset

MAX_VAL_SHARE: Final = 0.9  # train needs photos, too


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSettings:
    """InvalidDataset when `val_share` is out of range.

    `most_per_label`: the maximum number of people of a label in train, as a multiple of those of the rarest one. At 4,
    a shop where one customer in five is an elder keeps every photo; above it, the common label dominates the loss, and
    the kiosk depends on the rare one. `least_per_label`: the cap is never lower than this, or five photos of one label
    would exclude thousands of the others.
    `near_bits`: photos whose perceptual hashes (256 bits) differ in at most this many bits are duplicates. A photo
    stored anew, smaller or brighter, differs in up to 20; two customers before one camera in 36 and more (measured on
    drawn shops). `replay_share`: the minimum share of train for photos that the incumbent learned from, whatever the
    number of new ones; a network trained on new ones alone forgets.
    `promise`: the workers' confidence gate, which each label must keep to teach (`vetting/label_gates.py`).
    `most_auto_per_checked`: the maximum number of people of a label in auto photos of train, as a multiple of those
    that a person has checked. At 20 a label whose every twentieth is wrong gets no more wrong examples from the model
    than right ones from people. The first `least_auto_per_label` need no check, so that a new shop can start.
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
    promise: float = DEFAULT_GATE
    most_auto_per_checked: float = 20.0
    least_auto_per_label: int = 200
    sure: float = 0.9
    sheet_photos: int = 48
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.val_share <= MAX_VAL_SHARE:
            raise InvalidDataset(
                "the settings of the dataset are invalid; nothing was built: "
                f"val_share is {self.val_share}, and must lie between 0 and {MAX_VAL_SHARE}"
            )
