"""The photos of known people: portraits and FairFace's crops, with what is known of each."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from recipes.kiosk.labels import DEFAULT_ELDER_AGE
from worker.models.detector import Image

CROPS = "fairface_crops"  # tight crops of a face, 176 pixels; all other sources show head and shoulders


@dataclass(frozen=True, slots=True)
class Photo:
    """One row of a manifest. Ages are whole years, inclusive, and None where unknown."""

    path: Path  # of the photo, or of the zip archive that holds it
    file: str
    source: str
    person: str  # prevents leakage: one person is never on both sides of a split
    female: bool
    age_low: int | None
    age_high: int | None
    age_group: str  # elder, adult, teen, child, unknown
    origin: str  # FairFace's "race", by crowd workers; empty elsewhere
    split: str

    @property
    def elder(self) -> bool:
        """Whether the person is known to be an elder."""
        return self.age_low is not None and self.age_low >= DEFAULT_ELDER_AGE

    @property
    def near_border(self) -> bool:
        """Whether the age is known to lie within five years of 60, or in a band that may."""
        return self.age_low is not None and self.age_low < 65 and (self.age_high or 120) >= 55

    def read(self) -> Image:
        """The pixels."""
        if self.path.suffix == ".zip":
            with zipfile.ZipFile(self.path) as archive:
                content = archive.read(self.file)
        else:
            content = self.path.read_bytes()
        with Pillow.open(io.BytesIO(content)) as file:
            return np.ascontiguousarray(np.asarray(file.convert("RGB")))


def read_photos(data: Path) -> list[Photo]:
    """All photos of the data folder, in the order of its two manifests."""
    photos: list[Photo] = []
    for manifest in ("manifest.csv", "fairface/manifest.csv"):
        with (data / manifest).open(newline="") as file:
            photos += [_photo(data, row) for row in csv.DictReader(file)]
    return photos


def _photo(data: Path, row: dict[str, str]) -> Photo:
    name, crop = row["file"], "shard" in row
    return Photo(
        path=data / "fairface" / row["shard"] if crop else data / name,
        file=name,
        source=CROPS if crop else row["source"],
        # A member of Congress has one number in both Congress sources.
        person=name.split("_")[-1] if "congress" in name else name,
        female=row["gender"] == "female",
        age_low=int(row["age_lo"]) if row["age_lo"] else None,
        age_high=int(row["age_hi"]) if row["age_hi"] else None,
        age_group=row["age_group"],
        origin=row.get("origin", ""),
        split=row["split"],
    )
