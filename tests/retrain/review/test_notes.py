"""What a check found out, as it is stored."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box, LabelledBox
from contracts.errors import InvalidMessage
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import Tree
from retrain.review.matching import Change
from retrain.review.notes import Note, ReviewedPerson, noted, read_notes
from tests.retrain.review.shop import CHECKED_AT, LEFT, Shop, photo
from tests.strategies import boxes, fractions, instants, labels

shown = st.builds(ReviewedPerson, st.builds(LabelledBox, labels, boxes(), st.none() | fractions), st.none() | labels)
notes = st.builds(
    Note,
    source=st.sampled_from([Tree.AUTO, Tree.REVIEW]),
    sample=st.booleans(),
    shown=st.lists(shown, max_size=3).map(tuple),
    changed=st.lists(st.sampled_from(Change), unique=True).map(tuple),
    checked_at=instants,
    cannot_tell=st.booleans(),
)
NOTE = Note(
    source=Tree.AUTO,
    sample=True,
    shown=(ReviewedPerson(LabelledBox(Label.ELDER_FEMALE, Box(0.25, 0.5, 0.5, 1), 0.97), Label.ELDER_MALE),),
    changed=(Change.LABEL,),
    checked_at=CHECKED_AT,
)


@given(notes)
def test_a_note_comes_back_as_it_was_stored(note: Note) -> None:
    assert Note.from_json(note.to_json(), classes=LABELS) == note


def test_a_note_says_what_was_shown_and_what_became_of_it() -> None:
    assert json.loads(NOTE.to_json()) == {
        "schema": 1,
        "from": "auto",
        "sample": True,
        "shown": [{"label": "elder_female", "box": [0.25, 0.5, 0.5, 1], "confidence": 0.97, "now": "elder_male"}],
        "agreed": False,
        "changed": ["label"],
        "cannot_tell": False,
        "checked_at": "2026-11-20T09:00:00.000Z",
    }


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"schema":2}', '{"schema":1}', b"\xff"])
def test_an_invalid_note_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidMessage):
        Note.from_json(text, classes=LABELS)


@pytest.mark.parametrize(
    "changed", [{"from": "uploads"}, {"changed": ["hair"]}, {"shown": [{}]}, {"checked_at": "yesterday"}]
)
def test_a_note_with_a_wrong_field_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(InvalidMessage):
        Note.from_json(json.dumps(json.loads(NOTE.to_json()) | changed), classes=LABELS)


def test_notes_are_read_from_what_teaches_and_what_judges(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A stray key is passed over, and a broken note told and not counted."""
    doubtful = Note(source=Tree.AUTO, sample=True, shown=(), changed=(), checked_at=CHECKED_AT, cannot_tell=True)
    one, other, broken = photo(1), photo(2), photo(3)
    for tree, reference, text in (
        (Tree.REVIEWED, one, NOTE.to_json()),
        (Tree.GOLDEN, other, doubtful.to_json()),
        (Tree.GOLDEN, broken, "{}"),
    ):
        shop.bucket.put(reference.note_key(tree), text.encode(), "application/json")
    shop.bucket.put("reviewed/notes/stray.json", b"{}", "application/json")
    with caplog.at_level(logging.WARNING):
        found = read_notes(shop.bucket)
    assert found == {one: NOTE, other: doubtful}
    assert noted(shop.bucket) == {one, other, broken}
    assert str(broken) in caplog.text


def test_a_shown_person_is_right_only_under_the_same_label() -> None:
    predicted = LabelledBox(Label.ELDER_MALE, LEFT)
    left = (Label.ELDER_MALE, Label.ADULT_MALE, None)
    assert [ReviewedPerson(predicted, label).right for label in left] == [True, False, False]
