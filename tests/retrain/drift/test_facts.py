"""Label facts, read from a dataset bucket on moto."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from contracts.boxes import LabelledBox
from contracts.instants import now
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from registry.weights import CurrentRun
from retrain.bucket import DatasetBucket, Tree
from retrain.drift.facts import gather_facts
from retrain.drift.guard import DriftLimits, LabelFact, Level, check_drift
from retrain.review.confidences import Results
from retrain.review.notes import Note, ReviewedPerson
from retrain.run.incumbent import Incumbent
from retrain.run.stages import drift_since
from tests.retrain.review.shop import CHECKED_AT, HER, HIM, LEFT, RIGHT, Shop, photo

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        s3.create_bucket(Bucket="images")
        yield Shop(s3, DatasetBucket(s3, "dataset", classes=LABELS), Results(s3, "images"))


def noted(shop: Shop, number: int, *, sample: bool = True, cannot_tell: bool = False) -> None:
    """A person checked both, and labelled the woman as a man."""
    shown = (
        ReviewedPerson(LabelledBox(Label.ELDER_FEMALE, LEFT, 0.97), Label.ELDER_MALE),
        ReviewedPerson(HIM, Label.ADULT_MALE),
    )
    note = Note(
        source=Tree.AUTO, sample=sample, shown=shown, changed=(), checked_at=CHECKED_AT, cannot_tell=cannot_tell
    )
    shop.bucket.put(photo(number).note_key(Tree.REVIEWED), note.to_json().encode(), "application/json")


def test_each_photo_of_the_model_s_own_labels_is_a_fact(shop: Shop) -> None:
    """Not the reviewed ones, nor an invalid label file."""
    shop.put(Tree.AUTO, photo(1), (HER, HIM))
    shop.decide(photo(1), Person(Label.ELDER_FEMALE, 0.99, LEFT), Person(Label.ADULT_MALE, 0.96, RIGHT))
    shop.put(Tree.REVIEW, photo(2, kiosk="door", minutes=7 * 24 * 60), ())
    shop.put(Tree.REVIEWED, photo(3))
    shop.put(Tree.GOLDEN, photo(4))
    shop.bucket.put_pair(Tree.AUTO, photo(5), jpeg=b"", labels="broken")
    both = (Label.ELDER_FEMALE, Label.ADULT_MALE)
    new, earlier = gather_facts(shop.bucket, shop.results, since=None)
    assert (sorted(new, key=str), earlier) == (
        sorted([LabelFact("lobby", "2026-W47", both, True, 0.96), LabelFact("door", "2026-W48", (), False)], key=str),
        [],
    )


def test_facts_are_split_at_the_time_of_the_dataset(shop: Shop) -> None:
    shop.put(Tree.AUTO, photo(1))
    assert [len(one) for one in gather_facts(shop.bucket, shop.results, since=LONG_AGO)] == [1, 0]
    after = now() + timedelta(days=1)
    assert [len(one) for one in gather_facts(shop.bucket, shop.results, since=after)] == [0, 1]


def test_people_of_the_random_sample_are_counted(shop: Shop) -> None:
    """Not of other photos, nor of those marked cannot tell; a note's confidences replace an expired result."""
    for number in (1, 2, 3):
        shop.put(Tree.AUTO, photo(number), (HER, HIM))
    noted(shop, 1)
    noted(shop, 2, sample=False)
    noted(shop, 3, cannot_tell=True)
    new, _ = gather_facts(shop.bucket, shop.results, since=None)
    assert sorted((one.confidence, one.checked, one.right) for one in new) == [
        (0.97, 0, 0),
        (0.97, 0, 0),
        (0.97, 2, 1),
    ]


def test_a_training_compares_labels_with_the_gate_of_its_settings(shop: Shop) -> None:
    """Half of them are wrong: far too many under a gate of 0.95, and as many as may be under one of 0.5."""
    for number in range(10):
        shop.put(Tree.AUTO, photo(number), (HER, HIM))
        noted(shop, number)
    incumbent = Incumbent(CurrentRun(pointer=None, etag=None))
    levels = {gate: drift_since(shop.bucket, None, incumbent, gate=gate).level for gate in (0.95, 0.5)}
    assert levels == {0.95: Level.STOP, 0.5: Level.OK}


def test_of_too_many_photos_a_draw_and_the_checked_ones_are_read(shop: Shop) -> None:
    for number in range(20):
        shop.put(Tree.AUTO, photo(number), (HER, HIM))
        noted(shop, number, sample=number < 10)
    new, _ = gather_facts(shop.bucket, shop.results, since=None, most=5)
    assert sum(one.drawn for one in new) == 5
    assert sum(one.checked for one in new) == 20
    assert new == gather_facts(shop.bucket, shop.results, since=None, most=5)[0]


def test_labels_that_people_find_wrong_stop_a_training(shop: Shop) -> None:
    """From the bucket to the verdict."""
    for number in range(40):
        shop.put(Tree.AUTO, photo(number), (HER, HIM))
        noted(shop, number)
    drift = check_drift(*gather_facts(shop.bucket, shop.results, since=None), DriftLimits(promise=0.95), classes=LABELS)
    assert (drift.level, drift.agreement.right, drift.agreement.checked) == (Level.STOP, 40, 80)
