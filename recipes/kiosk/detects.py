"""What the kiosk's detector tells apart: the four labels, of whom the elders are rare, and the ones it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from recipes.detects import Detects
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label

# The weights of the draw that orders photos for review, by label. The rare ones teach most, and the first day-0 model
# labelled elder women adult: decision 22.
_WEIGHTS: Final[Mapping[str, float]] = {
    Label.ELDER_FEMALE: 4.0,
    Label.ELDER_MALE: 3.0,
    Label.ADULT_FEMALE: 2.0,
    Label.ADULT_MALE: 1.0,
}
_BORDER: Final = 1.0  # a person on the border weighs twice as much as one far from it


def weight(people: Iterable[tuple[str, Answers | None]]) -> float:
    """The weight of a photo: that of its heaviest person, by their answers, or by the label without any."""
    return max((_weight(label, answers) for label, answers in people), default=1.0)


def _weight(label: str, answers: Answers | None) -> float:
    """The expected weight of the person's true label, and more the nearer P(elder) is to a half."""
    if answers is None:
        return _WEIGHTS[label]
    elder, female = answers.elder, answers.female
    rare = sum(
        (elder if is_elder else 1 - elder)
        * (female if is_female else 1 - female)
        * _WEIGHTS[Label.of(elder=is_elder, female=is_female)]
        for is_elder in (True, False)
        for is_female in (True, False)
    )
    return rare * (1 + _BORDER * 4 * elder * (1 - elder))


PEOPLE: Final = Detects(
    classes=LABELS,
    groups={label: f"{'elder' if label.elder else 'adult'} {'women' if label.female else 'men'}" for label in LABELS},
    colours={
        Label.ELDER_MALE: "#2f7fd6",
        Label.ELDER_FEMALE: "#d6498f",
        Label.ADULT_MALE: "#2c9c72",
        Label.ADULT_FEMALE: "#e08a1e",
    },
    rare=frozenset(label for label in LABELS if label.elder),
    weigh=weight,
)
