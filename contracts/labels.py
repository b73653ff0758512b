"""The four labels. Their order is the wire's: a label's place is its class number in YOLO files."""

from __future__ import annotations

from enum import StrEnum

DEFAULT_ELDER_AGE = 60  # years; "elder" means this age and over unless a setting says otherwise


class Label(StrEnum):
    """Who stands before the kiosk."""

    ELDER_MALE = "elder_male"
    ELDER_FEMALE = "elder_female"
    ADULT_MALE = "adult_male"
    ADULT_FEMALE = "adult_female"

    @classmethod
    def of(cls, *, elder: bool, female: bool) -> Label:
        """The label of a person from the two questions that make it up."""
        return cls(f"{'elder' if elder else 'adult'}_{'female' if female else 'male'}")

    @property
    def yolo_class(self) -> int:
        """The class number of this label in YOLO files, 0-3."""
        return LABELS.index(self)

    @property
    def elder(self) -> bool:
        return self in (Label.ELDER_MALE, Label.ELDER_FEMALE)

    @property
    def female(self) -> bool:
        return self in (Label.ELDER_FEMALE, Label.ADULT_FEMALE)


LABELS: tuple[Label, ...] = tuple(Label)
