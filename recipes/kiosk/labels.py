"""The four labels. Their order is the wire's: a label's place is its class number in YOLO files."""

from __future__ import annotations

from enum import StrEnum

# Years: "elder" means this age and over. A property of the model, that its manifest states; the day-0 model was fitted
# to this one, and no setting changes it.
DEFAULT_ELDER_AGE = 60


class Label(StrEnum):
    """The label of a person."""

    ELDER_MALE = "elder_male"
    ELDER_FEMALE = "elder_female"
    ADULT_MALE = "adult_male"
    ADULT_FEMALE = "adult_female"

    @classmethod
    def of(cls, *, elder: bool, female: bool) -> Label:
        """The label of a person from the two questions that make it up."""
        return cls(f"{'elder' if elder else 'adult'}_{'female' if female else 'male'}")

    @property
    def elder(self) -> bool:
        """Whether the label is an elder's."""
        return self in (Label.ELDER_MALE, Label.ELDER_FEMALE)

    @property
    def female(self) -> bool:
        """Whether the label is a woman's."""
        return self in (Label.ELDER_FEMALE, Label.ADULT_FEMALE)

    @property
    def yolo_class(self) -> int:
        """The class number of this label in YOLO files, 0-3."""
        return LABELS.index(self)


LABELS: tuple[Label, ...] = tuple(Label)
