"""The manifest, and whether a dataset is worth a training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from contracts.boxes import Box, LabelledBox
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import Tree
from retrain.dataset.manifest import DatasetManifest, Item
from retrain.dataset.photos import Excluded, ExclusionReason, Split
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.vetting.preconditions import unmet_precondition
from retrain.errors import InvalidDataset
from tests.retrain.dataset.shop import HEAD, NOON, counts, photo_id

ITEM = Item(
    reference=photo_id(),
    split=Split.TRAIN,
    source=Tree.REVIEWED,
    weight=3,
    new=True,
    sha256="0" * 64,
    bytes=1000,
    people=(LabelledBox(Label.ELDER_FEMALE, HEAD),),
    phash="f" * 64,
    label_error="nobody is seen",
)
MANIFEST = DatasetManifest(
    build="20260302t120000z-yolov5n",
    made_at=NOON,
    settings=asdict(DatasetSettings()),
    items=(ITEM,),
    excluded=(Excluded(photo_id(60), Tree.AUTO, ExclusionReason.DUPLICATE, "of that"),),
    warnings=("mind it",),
    classes=LABELS,
)


def holding(
    people: Mapping[Split, Mapping[Label, int]], *, new: bool = True, settings: Mapping[str, object] | None = None
) -> DatasetManifest:
    """A manifest with so many people of each label in each split, one a photo."""
    kinds = [(split, label) for split, labels in people.items() for label, many in labels.items() for _ in range(many)]
    items = (
        replace(ITEM, reference=photo_id(3600 * number), split=split, new=new, people=(LabelledBox(label, HEAD),))
        for number, (split, label) in enumerate(kinds)
    )
    return replace(MANIFEST, items=tuple(items), settings=settings or {})


def even(many: int) -> dict[Label, int]:
    return dict.fromkeys(LABELS, many)


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    assert DatasetManifest.from_json(MANIFEST.to_json()) == MANIFEST
    (tmp_path / "manifest.json").write_text(MANIFEST.to_json())
    assert DatasetManifest.read(tmp_path) == DatasetManifest.read(tmp_path / "manifest.json") == MANIFEST


def test_a_manifest_says_this() -> None:
    told = json.loads(MANIFEST.to_json())
    assert told == {
        "schema": 1,
        "build": "20260302t120000z-yolov5n",
        "made_at": "2026-03-02T12:00:00.000Z",
        "digest": MANIFEST.digest,
        "settings": asdict(DatasetSettings()),
        "classes": ["elder_male", "elder_female", "adult_male", "adult_female"],
        "items": [
            {
                "photo": str(photo_id()),
                "split": "train",
                "source": "reviewed",
                "weight": 3,
                "new": True,
                "sha256": "0" * 64,
                "bytes": 1000,
                "labels": "1 0.425000 0.500000 0.350000 0.600000\n",
                "phash": "f" * 64,
                "suspect": "nobody is seen",
            }
        ],
        "left_out": [{"photo": str(photo_id(60)), "source": "auto", "why": "duplicate", "detail": "of that"}],
        "counts": {
            "train": counts(pictures=1, elder_female=1),
            "val": counts(pictures=0),
            "golden": counts(pictures=0),
        },
        "warnings": ["mind it"],
    }


def test_the_digest_is_of_items_and_settings_alone() -> None:
    later = replace(MANIFEST, build="b2", made_at=NOON.replace(year=2030), excluded=(), warnings=())
    assert later.digest == MANIFEST.digest
    moved = replace(MANIFEST, items=(replace(ITEM, split=Split.VAL),))
    assert len({MANIFEST.digest, moved.digest, replace(MANIFEST, settings={"seed": 1}).digest}) == 3


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        "{}",
        MANIFEST.to_json().replace('"schema": 1', '"schema": 2'),
        MANIFEST.to_json().replace('"train"', '"trian"'),
        MANIFEST.to_json().replace("1 0.425", "9 0.425"),
        MANIFEST.to_json().replace('"k1/', '"K1/'),
    ],
)
def test_an_invalid_manifest_is_refused(broken: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(broken)
    with pytest.raises(InvalidDataset, match="is not a dataset's manifest"):
        DatasetManifest.read(tmp_path)


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="the file was changed"):
        DatasetManifest.from_json(MANIFEST.to_json().replace('"weight": 3', '"weight": 4'))
    with pytest.raises(InvalidDataset, match="No such file"):
        DatasetManifest.read(tmp_path)


def test_a_dataset_with_all_labels_in_all_splits_meets_the_preconditions() -> None:
    people = {Split.TRAIN: even(9), Split.VAL: even(1), Split.GOLDEN: even(5)}
    assert unmet_precondition(holding(people), least_new=40, golden_least=5) is None


@pytest.mark.parametrize(
    ("people", "rule", "reason"),
    [
        (
            {Split.TRAIN: even(9), Split.VAL: even(1), Split.GOLDEN: even(50)},
            "too_few_labels",
            "40 people in new photos since",
        ),
        (
            {Split.TRAIN: even(20), Split.VAL: {**even(2), Label.ELDER_MALE: 0}, Split.GOLDEN: even(5)},
            "class_missing",
            "no elder_male in val: ",
        ),
        (
            {Split.TRAIN: {**even(20), Label.ADULT_MALE: 0}, Split.VAL: even(2), Split.GOLDEN: even(5)},
            "class_missing",
            "no adult_male in train: ",
        ),
        (
            {Split.TRAIN: even(20), Split.VAL: even(2), Split.GOLDEN: {**even(5), Label.ELDER_FEMALE: 4}},
            "golden_too_small",
            "the golden set has 4 elder_female, and needs 5 of each",
        ),
        ({}, "too_few_labels", "0 people in new photos since"),
    ],
)
def test_an_unmet_precondition_names_its_rule(people: dict[Split, dict[Label, int]], rule: str, reason: str) -> None:
    told = unmet_precondition(holding(people), least_new=41, golden_least=5)
    assert told is not None
    assert (told[0], told[1][: len(reason)]) == (rule, reason)


def test_people_in_old_photos_are_not_new() -> None:
    people = {Split.TRAIN: even(9), Split.VAL: even(1), Split.GOLDEN: even(5)}
    told = unmet_precondition(holding(people, new=False), least_new=1, golden_least=5)
    assert told is not None
    assert told[0] == "too_few_labels"


def test_a_box_of_two_people_counts_two() -> None:
    both = (LabelledBox(Label.ELDER_MALE, HEAD), LabelledBox(Label.ADULT_MALE, Box(0.6, 0.1, 0.9, 0.5)))
    manifest = replace(MANIFEST, items=(replace(ITEM, people=both), replace(ITEM, people=())))
    assert manifest.counts[Split.TRAIN] == counts(pictures=2, nobody=1, elder_male=1, adult_male=1)
