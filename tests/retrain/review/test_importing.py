"""Answers on their way from Label Studio's export into the dataset bucket, as moto has it."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.boxes import Box, LabelledBox
from contracts.names import Reference
from contracts.yolo import format_labels, parse_labels
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from retrain.bucket import Tree
from retrain.errors import InvalidReview
from retrain.review.importing import ImportSummary, read, store
from retrain.review.label_studio import CANNOT_TELL
from retrain.review.matching import Change
from retrain.review.notes import Note, ReviewedPerson, read_notes
from tests.retrain.review.shop import (
    CHECKED_AT,
    HER,
    HIM,
    JPEG,
    LEFT,
    RIGHT,
    Shop,
    annotation,
    answered,
    photo,
    regions,
)

NOT_HER = LabelledBox(Label.ELDER_MALE, LEFT)


def imported(shop: Shop, file: Path, *, golden_share: float = 0, missing_ok: bool = False) -> ImportSummary:
    return store(
        read(file, classes=LABELS), shop.bucket, shop.results, golden_share=golden_share, missing_ok=missing_ok
    )


def labels_in(shop: Shop, tree: Tree, reference: Reference) -> list[str] | None:
    content = shop.bucket.get(reference.pair_keys(tree)[1])
    return None if content is None else [person.label for person in parse_labels(content.decode(), LABELS)]


def manifest(shop: Shop, build: str, splits: dict[Reference, str]) -> None:
    items = [{"photo": str(reference), "split": split, "sha256": "0" * 64} for reference, split in splits.items()]
    content = json.dumps({"schema": 1, "items": items}).encode()
    shop.bucket.put(f"builds/{build}/manifest.json", content, "application/json")


def test_an_answer_becomes_a_pair_with_a_note(shop: Shop, tmp_path: Path) -> None:
    one = shop.put(Tree.AUTO, photo(1), (HER, HIM))
    shop.decide(one, Person(Label.ELDER_FEMALE, 0.97, LEFT), Person(Label.ADULT_MALE, 0.96, RIGHT))
    summary = imported(shop, answered(tmp_path / "x.json", {one: [NOT_HER, HIM]}))
    assert summary == ImportSummary(reviewed=1, corrected=1)
    assert shop.bucket.get(one.pair_keys(Tree.REVIEWED)[0]) == JPEG
    assert labels_in(shop, Tree.REVIEWED, one) == [Label.ELDER_MALE, Label.ADULT_MALE]
    assert labels_in(shop, Tree.AUTO, one) == [Label.ELDER_FEMALE, Label.ADULT_MALE]
    [(reference, note)] = read_notes(shop.bucket).items()
    assert reference == one
    shown = [(person.predicted.label, person.predicted.confidence, person.label) for person in note.shown]
    assert shown == [
        (Label.ELDER_FEMALE, 0.97, Label.ELDER_MALE),
        (Label.ADULT_MALE, 0.96, Label.ADULT_MALE),
    ]
    assert note == Note(source=Tree.AUTO, sample=True, shown=note.shown, changed=(Change.LABEL,), checked_at=CHECKED_AT)


def test_an_agreement_is_noted_too(shop: Shop, tmp_path: Path) -> None:
    """Also that nobody is there."""
    full, empty = shop.put(Tree.REVIEW, photo(1)), shop.put(Tree.REVIEW, photo(2), ())
    file = answered(tmp_path / "x.json", {full: [HER], empty: []}, source=Tree.REVIEW, sample=False)
    assert imported(shop, file) == ImportSummary(reviewed=2)
    assert [note.agreed for note in read_notes(shop.bucket).values()] == [True, True]
    assert labels_in(shop, Tree.REVIEWED, empty) == []


def test_a_repeated_import_changes_nothing_and_a_correction_replaces(shop: Shop, tmp_path: Path) -> None:
    """Even after the photo and its result have expired where they came from."""
    one = shop.put(Tree.REVIEW, photo(1))
    shop.decide(one, Person(Label.ELDER_FEMALE, 0.61, LEFT))
    first = answered(tmp_path / "1.json", {one: [HER]}, source=Tree.REVIEW)
    assert imported(shop, first) == ImportSummary(reviewed=1)
    for key in one.pair_keys(Tree.REVIEW):
        shop.s3.delete_object(Bucket="dataset", Key=key)
    shop.s3.delete_object(Bucket="images", Key=one.result_key)
    before = shop.keys()
    assert imported(shop, first) == ImportSummary(unchanged=1)
    assert shop.keys() == before
    later = CHECKED_AT + timedelta(hours=1)
    second = answered(tmp_path / "2.json", {one: [NOT_HER]}, source=Tree.REVIEW, at=later)
    assert imported(shop, second) == ImportSummary(reviewed=1, corrected=1)
    assert labels_in(shop, Tree.REVIEWED, one) == [Label.ELDER_MALE]
    [note] = read_notes(shop.bucket).values()
    assert [(person.predicted.confidence, person.label) for person in note.shown] == [(0.61, Label.ELDER_MALE)]
    assert imported(shop, first) == ImportSummary(unchanged=1)  # an old export, found again
    assert labels_in(shop, Tree.REVIEWED, one) == [Label.ELDER_MALE]


def test_photos_of_a_burst_go_into_the_same_tree(shop: Shop, tmp_path: Path) -> None:
    together = {photo(number, minutes=2 * (number // 3)): [HER] for number in range(60)}
    for reference in together:
        shop.put(Tree.AUTO, reference)
    summary = imported(shop, answered(tmp_path / "x.json", together), golden_share=0.5)
    assert summary.reviewed + summary.golden == 60
    assert summary.reviewed
    assert summary.golden
    for start in range(0, 60, 3):
        homes = [labels_in(shop, Tree.GOLDEN, photo(one, minutes=2 * (start // 3))) for one in range(start, start + 3)]
        assert homes in ([None] * 3, [[Label.ELDER_FEMALE]] * 3)


def test_a_photo_stays_in_its_tree_and_its_burst_follows(shop: Shop, tmp_path: Path) -> None:
    """Whatever share is asked for later."""
    taught, judged = shop.put(Tree.REVIEWED, photo(1)), shop.put(Tree.GOLDEN, photo(2, minutes=9))
    with_taught, with_judged = shop.put(Tree.AUTO, photo(3)), shop.put(Tree.AUTO, photo(4, minutes=9))
    answers = {one: [NOT_HER] for one in (taught, judged, with_taught, with_judged)}
    file = answered(tmp_path / "x.json", answers)
    assert imported(shop, file, golden_share=1) == ImportSummary(reviewed=2, golden=2, corrected=4)
    assert imported(shop, file, golden_share=0) == ImportSummary(unchanged=4)
    homes = {tree: [pair.reference for pair in shop.bucket.pairs(tree)] for tree in (Tree.REVIEWED, Tree.GOLDEN)}
    assert homes == {Tree.REVIEWED: [taught, with_taught], Tree.GOLDEN: [judged, with_judged]}


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_photo_that_a_training_may_have_learned_from_never_becomes_golden(
    shop: Shop, tmp_path: Path, split: str
) -> None:
    """Nor does its neighbour of the same moment; what it was judged by may."""
    seen, neighbour, judged = (shop.put(Tree.AUTO, photo(n, minutes=at)) for n, at in ((1, 0), (2, 0), (3, 9)))
    manifest(shop, "20261101t000000z-a", {seen: split, judged: "golden"})
    summary = imported(
        shop, answered(tmp_path / "x.json", {one: [HER] for one in (seen, neighbour, judged)}), golden_share=1
    )
    assert summary == ImportSummary(reviewed=2, golden=1)
    assert [pair.reference for pair in shop.bucket.pairs(Tree.GOLDEN)] == [judged]


def test_an_invalid_manifest_of_a_build_stops_the_import(shop: Shop, tmp_path: Path) -> None:
    one = shop.put(Tree.AUTO, photo(1))
    shop.bucket.put("builds/b/manifest.json", b'{"items": [{"photo": "x"}]}', "application/json")
    shop.bucket.put("builds/b/index.html", b"", "text/html")
    before = shop.keys()
    with pytest.raises(InvalidReview, match=r"builds/b/manifest\.json is not a valid manifest.*nothing was stored"):
        imported(shop, answered(tmp_path / "x.json", {one: [HER]}))
    assert shop.keys() == before


def test_of_a_photo_that_a_person_cannot_tell_only_a_note_is_stored(shop: Shop, tmp_path: Path) -> None:
    """Until somebody can."""
    one = shop.put(Tree.AUTO, photo(1))
    assert imported(shop, answered(tmp_path / "1.json", {one: CANNOT_TELL}), golden_share=1) == ImportSummary(
        cannot_tell=1
    )
    assert imported(shop, answered(tmp_path / "1.json", {one: CANNOT_TELL})) == ImportSummary(unchanged=1)
    assert [len(shop.bucket.pairs(tree)) for tree in (Tree.REVIEWED, Tree.GOLDEN)] == [0, 0]
    [note] = read_notes(shop.bucket).values()
    assert (note.cannot_tell, note.agreed, note.changed) == (True, False, ())
    assert note.shown == (ReviewedPerson(LabelledBox(Label.ELDER_FEMALE, note.shown[0].predicted.box), None),)
    later = CHECKED_AT + timedelta(hours=1)
    assert imported(shop, answered(tmp_path / "2.json", {one: [HER]}, at=later), golden_share=1) == ImportSummary(
        golden=1
    )
    [note] = read_notes(shop.bucket).values()
    assert (note.cannot_tell, note.agreed) == (False, True)


def test_an_invalid_task_is_reported_and_the_others_are_stored(shop: Shop, tmp_path: Path) -> None:
    one, other = shop.put(Tree.AUTO, photo(1)), shop.put(Tree.AUTO, photo(2))
    file = answered(tmp_path / "x.json", {one: [HER], other: [HER]})
    tasks = json.loads(file.read_text())
    tasks[0]["annotations"][0]["result"][0]["value"]["rotation"] = 30
    file.write_text(json.dumps(tasks))
    summary = imported(shop, file)
    reason = "task 1: a box is turned by 30 degrees, which a YOLO label can't express; draw it upright"
    assert summary == ImportSummary(reviewed=1, refused=[reason])
    assert [pair.reference for pair in shop.bucket.pairs(Tree.REVIEWED)] == [other]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"photo": "../../x"}, "kiosk id"),
        ({"tree": "golden"}, "from where nothing is exported"),
        ({"tree": "builds"}, "not a valid Tree"),
    ],
)
def test_a_task_whose_data_was_edited_is_refused(tmp_path: Path, data: dict[str, str], why: str) -> None:
    file = answered(tmp_path / "x.json", {photo(1): [HER]})
    tasks = json.loads(file.read_text())
    tasks[0]["data"] |= data
    file.write_text(json.dumps(tasks))
    done = read(file, classes=LABELS)
    assert done.answers == ()
    assert len(done.refused) == 1
    assert why in done.refused[0]


def test_an_annotation_without_a_time_is_refused(tmp_path: Path) -> None:
    """Which of two is later could not be told."""
    file = answered(tmp_path / "x.json", {photo(1): [HER]})
    tasks = json.loads(file.read_text())
    del tasks[0]["annotations"][0]["updated_at"]
    file.write_text(json.dumps(tasks))
    assert len(read(file, classes=LABELS).refused) == 1


def test_the_sample_is_of_the_sure_only(tmp_path: Path) -> None:
    """Whatever the file says: an unsure one would spoil the agreement."""
    [answer] = read(
        answered(tmp_path / "x.json", {photo(1): [HER]}, source=Tree.REVIEW, sample=True), classes=LABELS
    ).answers
    assert not answer.sample


def test_unfinished_and_skipped_tasks_wait(tmp_path: Path) -> None:
    file = answered(tmp_path / "x.json", {photo(1): [HER], photo(2): [HER]})
    tasks = json.loads(file.read_text())
    tasks[0]["annotations"] = []
    tasks[1]["annotations"][0]["was_cancelled"] = True
    file.write_text(json.dumps(tasks))
    done = read(file, classes=LABELS)
    assert (done.answers, done.waiting, done.refused) == ((), 2, ())


def test_of_two_tasks_of_one_photo_the_one_finished_last_counts(tmp_path: Path) -> None:
    """In whichever order they stand."""
    file = answered(tmp_path / "x.json", {photo(1): [HER]})
    [task] = json.loads(file.read_text())
    later = annotation(regions([NOT_HER]), at=CHECKED_AT + timedelta(minutes=1))
    both: list[Any] = [task, task | {"annotations": [later]}]
    for order in (both, both[::-1]):
        file.write_text(json.dumps(order))
        [answer] = read(file, classes=LABELS).answers
        assert [person.label for person in answer.annotation.people] == [Label.ELDER_MALE]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xd8", "is not JSON"),
        (b"photo,label\n", "is not JSON"),
        (b"{}", "not a list of tasks"),
        (b"[1]", "without annotations"),
        (b'[{"image": "/x.jpg", "label": []}]', "not JSON-MIN"),
        (b'[{"data": {"image": "x"}, "annotations": []}]', "names no photo"),
        (b'[{"annotations": []}]', "names no photo"),
    ],
)
def test_a_file_that_is_not_an_export_stores_nothing(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(InvalidReview, match=why) as refused:
        read(file, classes=LABELS)
    assert "nothing" in str(refused.value)


def test_a_file_that_is_not_there_stores_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidReview, match="can't be read"):
        read(tmp_path / "gone.json", classes=LABELS)


def test_photos_that_are_not_there_stop_the_import_unless_they_may_be_missing(shop: Shop, tmp_path: Path) -> None:
    here = shop.put(Tree.AUTO, photo(1))
    answers = {here: [HER]} | {photo(number): [HER] for number in range(2, 7)}
    file = answered(tmp_path / "x.json", answers)
    before = shop.keys()
    with pytest.raises(InvalidReview, match=r"and 2 more: not in s3://dataset.*nothing was stored") as refused:
        imported(shop, file)
    assert str(photo(2)) in str(refused.value)
    assert shop.keys() == before
    assert imported(shop, file, missing_ok=True) == ImportSummary(reviewed=1, missing=5)


def test_a_box_is_stored_as_it_was_drawn(shop: Shop, tmp_path: Path) -> None:
    one = shop.put(Tree.AUTO, photo(1))
    drawn = LabelledBox(Label.ELDER_FEMALE, Box(0.125, 0.25, 0.5, 0.75))
    imported(shop, answered(tmp_path / "x.json", {one: [drawn]}))
    assert shop.bucket.get(one.pair_keys(Tree.REVIEWED)[1]) == format_labels([drawn], LABELS).encode()


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "nan", "elder_male", "rectanglelabels"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "value", "x", "width"]), inner)
    ),
    max_leaves=4,
)


@settings(max_examples=100)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=3), JUNK)
def test_any_export_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, places: list[int], junk: Any) -> None:
    """Whatever stands in place of any part of it."""
    file = answered(tmp_path_factory.getbasetemp() / "x.json", {photo(1): [HER, HIM]})
    tasks = json.loads(file.read_text())
    for place in places:
        parts: list[tuple[Any, Any]] = []
        waiting = [tasks]
        while waiting:
            part = waiting.pop()
            keys = part.keys() if isinstance(part, dict) else range(len(part))
            parts += [(part, key) for key in keys]
            waiting += [part[key] for key in keys if hasattr(part[key], "__len__") and not isinstance(part[key], str)]
        if parts:
            part, key = parts[place % len(parts)]
            part[key] = deepcopy(junk)
    file.write_text(json.dumps(tasks))
    try:
        done = read(file, classes=LABELS)
    except InvalidReview as error:
        assert "nothing was stored" in str(error)
        return
    assert len(done.answers) + done.waiting + len(done.refused) == len(tasks)
