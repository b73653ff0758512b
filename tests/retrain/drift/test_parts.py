"""Labels by kiosk and week: shares, and every photo in its part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.kiosk.labels import LABELS, Label
from retrain.drift.guard import NOBODY, LabelFact
from retrain.drift.parts import parts

HER, HIM = Label.ELDER_FEMALE, Label.ADULT_MALE
FACTS = [
    LabelFact("lobby", "2026-W46", (HER,), True, 0.96, checked=1, right=1),
    LabelFact("lobby", "2026-W47", (HER, HIM), True, 0.98),
    LabelFact("lobby", "2026-W47", (HIM,), False, 0.5),
    LabelFact("door", "2026-W47", (), True, None),
]


def test_all_come_first_then_kiosks_then_weeks() -> None:
    shown = list(parts(FACTS, classes=LABELS))
    assert [one.where for one in shown] == ["all", "kiosk door", "kiosk lobby", "week 2026-W46", "week 2026-W47"]
    assert [one.photos for one in shown] == [4, 1, 3, 1, 3]


def test_shares_and_confidence_are_of_the_sure_alone() -> None:
    """A photo of two people counts half for each; photos without people have a share, too."""
    lobby = next(one for one in parts(FACTS, classes=LABELS) if one.where == "kiosk lobby")
    assert lobby.unsure == pytest.approx(1 / 3)
    assert {name: share for name, share in lobby.labels.items() if share} == {HER: 0.75, HIM: 0.25}
    assert lobby.labels.keys() == {*LABELS, NOBODY}
    assert lobby.confidence == pytest.approx(0.97)
    assert (lobby.checked, lobby.right) == (1, 1)


def test_without_photos_or_sure_labels_there_are_no_figures() -> None:
    assert list(parts([], classes=LABELS)) == []
    unsure = next(parts([LabelFact("lobby", "2026-W47", (HER,), False, 0.4)], classes=LABELS))
    assert (unsure.unsure, sum(unsure.labels.values()), unsure.confidence) == (1, 0, None)


facts = st.builds(
    LabelFact,
    kiosk=st.sampled_from(["lobby", "door"]),
    week=st.sampled_from(["2026-W46", "2026-W47", "unknown"]),
    labels=st.lists(st.sampled_from(LABELS), max_size=3).map(tuple),
    sure=st.booleans(),
    confidence=st.none() | st.floats(0, 1),
)


@given(st.lists(facts, min_size=1))
def test_kiosks_and_weeks_each_make_up_all(every: list[LabelFact]) -> None:
    whole, *rest = parts(every, classes=LABELS)
    for kind in ("kiosk", "week"):
        assert sum(one.photos for one in rest if one.where.startswith(kind)) == whole.photos == len(every)
    assert sum(whole.labels.values()) == pytest.approx(float(any(one.sure for one in every)))
