"""What an import of a folder did and did not look at, for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from retrain.dataset.yolo_import.class_names import ClassMeaning
from retrain.dataset.yolo_import.folder import ScannedFolder
from retrain.dataset.yolo_import.listing import Listing, Unread


@dataclass(frozen=True)
class ImportedFolder:
    """A folder that was scanned, and the meaning of its classes."""

    listing: Listing
    classes: ClassMeaning
    scanned: ScannedFolder

    def to_fields(self) -> dict[str, Any]:
        """As JSON: counts, the classes and the file that states them, and what was not looked at."""
        people = Counter(person.label for picture in self.scanned.pictures for person in picture.people)
        return {
            "pictures": len(self.scanned.pictures),
            "left_out": len(self.scanned.invalid),
            "people": {label: people[label] for label in self.classes.classes},
            "classes": self.classes.to_fields(self.listing.folder),
            "doubled_boxes": self._doubled,
            "boxes_left_out": self._left_out,
            "copies": len(self.scanned.copies),
            "not_read": [each.to_fields() for each in self._unread],
        }

    def classes_from(self) -> str:
        """Where the class names come from."""
        if not self.classes.files:
            ours = self.classes.classes
            return f"no file states class names, so classes 0 to {len(ours) - 1} are {', '.join(ours)}"
        return f"classes from {' and '.join(self.classes.to_fields(self.listing.folder)['from'])}"

    def lines(self) -> list[str]:
        """For people: what a person may not expect. Empty when everything in the folder was read once."""
        lines = [f"boxes of {name}, left out: {number}" for name, number in self._left_out.items()]
        if self._doubled:
            lines.append(f"boxes that stand twice with the same label, counted once: {self._doubled}")
        if self.scanned.copies:
            lines.append(str(Unread("copies", "copies of pictures, imported once", self.scanned.copies)))
        return lines + [str(each) for each in self._unread]

    @cached_property
    def _unread(self) -> list[Unread]:
        indirect = [path for path in self.listing.texts if path.suffix.lower() == ".data"]  # name a file of names
        return self.listing.unread(read=[*self.classes.files, *indirect])

    @property
    def _doubled(self) -> int:
        return sum(picture.doubled for picture in self.scanned.pictures)

    @property
    def _left_out(self) -> dict[str, int]:
        boxes = Counter(number for picture in self.scanned.pictures for number in picture.left_out)
        return {self.classes.name(number): count for number, count in sorted(boxes.items())}
