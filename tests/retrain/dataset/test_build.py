"""A build from end to end: what comes out of a bucket, and in which order things go wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.boxes import LabelledBox
from contracts.instants import to_text
from contracts.names import image_id_time
from contracts.yolo import parse_labels
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from retrain.bucket import DatasetBucket, Tree, stem
from retrain.dataset import DatasetManifest, DatasetSettings, build
from retrain.dataset.photos import ExclusionReason, Split
from retrain.errors import InvalidDataset
from retrain.judge.predictions import PredictedPerson, Prediction
from retrain.review.confidences import Results
from retrain.review.notes import Note, ReviewedPerson
from tests.pictures import gradient, turned_by_exif
from tests.retrain.dataset.shop import HEAD, NOON, Shuffled, built, counts, empty_bucket, fill, photo_id, put
from tests.retrain.review.shop import Shop


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with empty_bucket() as bucket:
        yield bucket


def excluded(manifest: DatasetManifest) -> dict[str, str]:
    return {str(photo.reference): photo.why for photo in manifest.excluded}


def splits(manifest: DatasetManifest) -> dict[str, str]:
    return {str(item.reference): item.split for item in manifest.items}


class Teacher:
    """Sees what the labels say, but for some photos; remembers which it was asked about."""

    def __init__(self, **otherwise: Prediction) -> None:
        self._otherwise = otherwise
        self.asked: list[str] = []

    def __call__(self, paths: Sequence[Path]) -> list[Prediction]:
        self.asked += [path.stem for path in paths]
        return [self._otherwise.get(path.stem) or _as_labelled(path) for path in paths]


def _as_labelled(path: Path) -> Prediction:
    text = (path.parents[2] / "labels" / path.parent.name / f"{path.stem}.txt").read_text()
    seen = tuple(PredictedPerson(person.label, 0.99, person.box.corners) for person in parse_labels(text, LABELS))
    return Prediction(path, people=seen)


def test_a_folder_holds_what_its_manifest_says(bucket: DatasetBucket, tmp_path: Path) -> None:
    fill(bucket, 20)
    fill(bucket, 8, tree=Tree.REVIEWED, kiosk="k2")
    golden = fill(bucket, 4, tree=Tree.GOLDEN, kiosk="k3")
    manifest = built(bucket, tmp_path / "d", val_share=0.3)
    assert DatasetManifest.read(tmp_path / "d") == manifest
    assert (manifest.build, to_text(manifest.made_at)) == ("b1", to_text(NOON))
    assert {str(item.reference) for item in manifest.of(Split.GOLDEN)} == {str(one) for one in golden}
    assert {len(manifest.of(split)) > 3 for split in Split} == {True}
    for split in Split:
        stems = {stem(item.reference) for item in manifest.of(split)}
        assert {path.name for path in (tmp_path / "d/images" / split).iterdir()} == {f"{one}.jpg" for one in stems}
        assert {path.name for path in (tmp_path / "d/labels" / split).iterdir()} == {f"{one}.txt" for one in stems}
    for item in manifest.items:
        place = f"{item.split}/{stem(item.reference)}"
        jpeg = bucket.get(item.reference.pair_keys(item.source)[0])
        assert (tmp_path / f"d/images/{place}.jpg").read_bytes() == jpeg
        assert (tmp_path / f"d/labels/{place}.txt").read_text() == item.label_file(LABELS)
    assert manifest.counts[Split.GOLDEN] == counts(1, pictures=4)


def test_what_a_person_checked_is_repeated_in_train_alone(bucket: DatasetBucket, tmp_path: Path) -> None:
    fill(bucket, 4)
    fill(bucket, 12, tree=Tree.REVIEWED, kiosk="k2")
    manifest = built(bucket, tmp_path / "d", val_share=0.4)
    lines = (tmp_path / "d/train.txt").read_text().splitlines()
    assert sorted(lines) == sorted(
        f"./images/train/{stem(item.reference)}.jpg"
        for item in manifest.of(Split.TRAIN)
        for _ in range(3 if item.source is Tree.REVIEWED else 1)
    )
    assert {item.weight for item in manifest.of(Split.VAL)} == {1}


def test_a_photo_in_several_trees_is_what_the_most_careful_look_made_of_it(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    """A broken look of a person, too: a model's word does not stand in for it."""
    reviewed, golden, broken = photo_id(0), photo_id(3600), photo_id(7200)
    for one in (reviewed, golden, broken):
        put(bucket, one, labels=[Label.ADULT_MALE])
        put(bucket, one, labels=[Label.ELDER_MALE], tree=Tree.REVIEWED)
    put(bucket, golden, labels=[Label.ELDER_FEMALE], tree=Tree.GOLDEN)
    bucket.put(broken.pair_keys("reviewed")[1], b"7 1 1 1 1", "text/plain")
    manifest = built(bucket, tmp_path / "d", val_share=0)
    assert [(item.reference, item.split, item.source, item.people[0].label) for item in manifest.items] == [
        (reviewed, Split.TRAIN, Tree.REVIEWED, Label.ELDER_MALE),
        (golden, Split.GOLDEN, Tree.GOLDEN, Label.ELDER_FEMALE),
    ]
    assert excluded(manifest) == {str(broken): ExclusionReason.BAD_LABELS}


def test_an_invalid_photo_is_excluded_with_the_reason_and_the_rest_is_built(tmp_path: Path) -> None:
    bucket = Shuffled()
    photos = [put(bucket, photo_id(3600 * number), labels=[Label.ADULT_MALE]) for number in range(6)]
    gone, goes, no_labels, torn, turned, _ = photos
    bucket.vanish |= {gone.pair_keys("auto")[0], goes.pair_keys("auto")[1]}
    bucket.objects[no_labels.pair_keys("auto")[1]] = b"\xff\xff"
    bucket.objects[torn.pair_keys("auto")[0]] = bucket.objects[torn.pair_keys("auto")[0]][:900]
    bucket.objects[turned.pair_keys("auto")[0]] = turned_by_exif(gradient(128, 96), 6)
    manifest = built(bucket, tmp_path / "d")
    assert excluded(manifest) == {
        str(gone): ExclusionReason.GONE,
        str(goes): ExclusionReason.GONE,
        str(no_labels): ExclusionReason.BAD_LABELS,
        str(torn): ExclusionReason.UNREADABLE,
        str(turned): ExclusionReason.UNREADABLE,
    }
    assert [item.reference for item in manifest.items] == photos[5:]
    assert "5 photos could not be read, and are excluded" in manifest.warnings


def test_a_photo_that_is_deleted_or_changed_during_the_build_is_excluded(tmp_path: Path) -> None:
    bucket = Shuffled()
    photos = [put(bucket, photo_id(3600 * number)) for number in range(4)]

    def say(done: int, of: int, note: str) -> None:
        if done == of and note == "photos read":
            bucket.vanish.add(photos[0].pair_keys("auto")[0])
            bucket.objects[photos[1].pair_keys("auto")[0]] += b"more"

    manifest = build(
        bucket,
        tmp_path,
        build="b1",
        settings=DatasetSettings(),
        earlier=None,
        predict=None,
        at=NOON,
        say=say,
        detects=PEOPLE,
    )
    assert excluded(manifest) == dict.fromkeys(map(str, photos[:2]), ExclusionReason.GONE)
    assert len(list(tmp_path.glob("images/*/*.jpg"))) == 2


def test_a_photo_that_a_person_could_not_tell_is_not_learned_from(bucket: DatasetBucket, tmp_path: Path) -> None:
    """Be it that its note stands alone, or that they had told first."""
    unsure, told = put(bucket, photo_id(0)), put(bucket, photo_id(3600))
    told_first = put(bucket, photo_id(7200), tree=Tree.REVIEWED)
    note = Note(source=Tree.AUTO, sample=False, shown=(), changed=(), checked_at=NOON, cannot_tell=True)
    for one in (unsure, told_first):
        bucket.put(one.note_key("reviewed"), note.to_json().encode(), "application/json")
    bucket.put(told.note_key("reviewed"), b'{"schema":1,"from":"import"}', "application/json")
    bucket.put("reviewed/notes/readme.txt", b"", "text/plain")
    manifest = built(bucket, tmp_path / "d")
    assert excluded(manifest) == {
        str(unsure): ExclusionReason.CANNOT_TELL,
        str(told_first): ExclusionReason.CANNOT_TELL,
    }
    assert [item.reference for item in manifest.items] == [told]


def test_a_train_split_without_pictures_of_nobody_gives_a_warning(bucket: DatasetBucket, tmp_path: Path) -> None:
    """Plain grey must be nobody to a network, or no worker takes it."""
    put(bucket, photo_id(0))
    warning = "there is no picture without people in train"
    assert any(one.startswith(warning) for one in built(bucket, tmp_path / "without", val_share=0).warnings)
    put(bucket, photo_id(3600), labels=[])
    for hour in range(2, 20):
        put(bucket, photo_id(3600 * hour))
    assert not any(one.startswith(warning) for one in built(bucket, tmp_path / "with", val_share=0).warnings)


def test_photos_of_a_golden_burst_and_duplicates_of_golden_photos_are_excluded(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    golden = put(bucket, photo_id(0), tree=Tree.GOLDEN, picture=1, labels=[Label.ELDER_MALE])
    beside = put(bucket, photo_id(59), tree=Tree.REVIEWED)
    like = put(bucket, photo_id(86_400, kiosk="k2"), picture=1, labels=[Label.ELDER_MALE])
    manifest = built(bucket, tmp_path / "d")
    assert splits(manifest) == {str(golden): Split.GOLDEN}
    assert excluded(manifest) == {str(beside): ExclusionReason.MOMENT_OF_GOLDEN, str(like): ExclusionReason.DUPLICATE}


def test_outliers_that_a_model_labelled_are_excluded_and_those_of_a_person_are_marked(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    auto, reviewed = put(bucket, photo_id(0)), put(bucket, photo_id(3600), tree=Tree.REVIEWED)
    for one, tree in ((auto, "auto"), (reviewed, "reviewed")):
        bucket.put(one.pair_keys(tree)[1], b"0 0.5 0.5 1 1", "text/plain")
    manifest = built(bucket, tmp_path / "d")
    assert excluded(manifest) == {str(auto): ExclusionReason.OUTLIER}
    assert [(item.reference, item.label_error) for item in manifest.items] == [(reviewed, "box 1 is the whole picture")]


def test_label_errors_of_a_model_are_excluded_and_those_of_a_person_are_marked(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    auto, reviewed, fine, unreadable = (
        put(bucket, photo_id(3600 * number), tree=tree)
        for number, tree in enumerate([Tree.AUTO, Tree.REVIEWED, Tree.AUTO, Tree.AUTO])
    )
    golden = put(bucket, photo_id(0, kiosk="k2"), tree=Tree.GOLDEN)
    blind = Prediction(Path("x"))
    teacher = Teacher(
        **{stem(auto): blind, stem(reviewed): blind, stem(unreadable): Prediction(Path("x"), error="not a picture")}
    )
    manifest = built(bucket, tmp_path / "d", predict=teacher)
    assert sorted(teacher.asked) == sorted(map(stem, [auto, reviewed, fine, unreadable]))
    assert excluded(manifest) == {str(auto): ExclusionReason.SUSPECT}
    marked = {item.reference: bool(item.label_error) for item in manifest.items}
    assert marked == {reviewed: True, fine: False, unreadable: False, golden: False}
    assert not list((tmp_path / "d").glob(f"*/*/{stem(auto)}.*"))
    assert stem(auto) not in (tmp_path / "d/train.txt").read_text()
    assert "1 photos that a person has checked may have label errors; check them again" in manifest.warnings


def test_new_is_what_the_incumbent_has_not_seen_or_a_person_has_looked_at_since(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    old, checked, corrected = (put(bucket, photo_id(3600 * number)) for number in range(3))
    put(bucket, corrected, tree=Tree.REVIEWED)
    broken = put(bucket, photo_id(90_000))
    bucket.put(broken.pair_keys("auto")[1], b"none", "text/plain")
    twin = put(bucket, photo_id(3600, kiosk="k9"), picture=7, labels=[Label.ADULT_MALE])
    left = put(bucket, photo_id(7200, kiosk="k9"), picture=7, labels=[Label.ADULT_MALE])
    earlier = built(bucket, tmp_path / "d")
    assert {item.new for item in earlier.items} == {True}
    put(bucket, checked, tree=Tree.REVIEWED)
    put(bucket, corrected, tree=Tree.REVIEWED, labels=[Label.ELDER_MALE, Label.ELDER_FEMALE])
    put(bucket, broken)
    fresh = put(bucket, photo_id(100_000))
    for key in twin.pair_keys("auto"):
        bucket._s3.delete_object(Bucket="dataset", Key=key)
    again = built(bucket, tmp_path / "d", earlier=earlier, name="b2")
    assert {item.reference: item.new for item in again.items} == {
        old: False,
        checked: True,
        corrected: True,
        broken: True,
        fresh: True,
        left: False,  # nobody learned it, but it is no news either
    }


def test_val_stays_val_as_photos_come(bucket: DatasetBucket, tmp_path: Path) -> None:
    fill(bucket, 30)
    earlier = built(bucket, tmp_path / "d", val_share=0.3)
    fill(bucket, 30, kiosk="k2")
    for number in range(30):
        put(bucket, photo_id(3600 * number - 1))  # the first of its moment from now on, which names it
    again = splits(built(bucket, tmp_path / "d", val_share=0.3, earlier=earlier, name="b2"))
    assert {one: again[one] for one in splits(earlier)} == splits(earlier)


def test_an_empty_bucket_makes_an_empty_dataset_that_says_so(bucket: DatasetBucket, tmp_path: Path) -> None:
    manifest = built(bucket, tmp_path / "d")
    assert (manifest.items, manifest.excluded) == ((), ())
    assert "there is no elder_male in train" in manifest.warnings
    assert (tmp_path / "d/train.txt").read_text() == ""


def test_a_folder_of_an_earlier_build_is_emptied_and_somebody_s_own_is_not_touched(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    fill(bucket, 4)
    built(bucket, tmp_path / "d", val_share=0)
    (tmp_path / "d/labels/train.cache").touch()  # as ultralytics leaves
    bucket._s3.delete_object(Bucket="dataset", Key=photo_id(0).pair_keys("auto")[0])
    assert len(built(bucket, tmp_path / "d", val_share=0, name="b2").items) == 3
    assert len(list((tmp_path / "d").glob("images/train/*"))) == 3
    assert not (tmp_path / "d/labels/train.cache").exists()
    own = tmp_path / "own/images/one.jpg"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(InvalidDataset, match="own holds images, which is not part of a dataset; nothing was changed"):
        built(bucket, tmp_path / "own")
    (tmp_path / "d/thesis.txt").touch()
    with pytest.raises(InvalidDataset, match=r"holds thesis\.txt"):
        built(bucket, tmp_path / "d")
    with pytest.raises(InvalidDataset, match="is not a folder"):
        built(bucket, own)
    assert own.exists()


def test_progress_is_reported_photo_by_photo(tmp_path: Path) -> None:
    bucket = Shuffled()
    said: list[tuple[int, int, str]] = []
    fill(bucket, 3)
    build(
        bucket,
        tmp_path,
        build="b1",
        settings=DatasetSettings(sheet_photos=0),
        earlier=None,
        predict=Teacher(),
        at=NOON,
        say=lambda done, of, note: said.append((done, of, note)),
        detects=PEOPLE,
    )
    assert said == [
        *((done, 3, "photos read") for done in (1, 2, 3)),
        *((done, 3, "photos stored") for done in (1, 2, 3)),
        *((done, 3, "photos looked over by the teacher") for done in (0, 3)),
    ]


def test_a_build_that_is_interrupted_stops_at_once_and_may_be_made_again(tmp_path: Path) -> None:
    bucket = Shuffled()
    fill(bucket, 60)

    def interrupt(done: int, of: int, note: str) -> None:
        if note == "photos stored":
            raise KeyboardInterrupt
        if done == of:  # all are read: storing them takes seconds
            bucket.slow_s = 0.3

    with pytest.raises(KeyboardInterrupt):
        build(
            bucket,
            tmp_path,
            build="b1",
            settings=DatasetSettings(),
            earlier=None,
            predict=None,
            at=NOON,
            say=interrupt,
            detects=PEOPLE,
        )
    assert not (tmp_path / "manifest.json").exists()
    assert len(list(tmp_path.glob("images/*/*.jpg"))) < 60
    bucket.slow_s = 0
    assert len(built(bucket, tmp_path).items) == 60


shots = st.tuples(
    st.sampled_from(["k1", "k2"]),
    st.integers(0, 900),
    st.sampled_from([Tree.AUTO, Tree.REVIEWED, Tree.GOLDEN]),
    st.integers(0, 5),
    st.sampled_from(LABELS),
)


@settings(max_examples=25)
@given(st.lists(shots, max_size=14), st.randoms(use_true_random=False))
def test_builds_are_the_same_whatever_the_order_and_leak_nothing(
    drawn: list[tuple[str, int, Tree, int, Label]], chance: random.Random
) -> None:
    """Of any photos: one digest; golden ones in golden alone; no moment in two splits, and no picture in two photos."""
    manifests = []
    for order in (0, 1):
        bucket = Shuffled(order)
        for kiosk, seconds, tree, picture, label in sorted(drawn):
            put(bucket, photo_id(seconds, kiosk=kiosk), tree=tree, picture=picture, labels=[label])
        keys = list(bucket.objects)
        chance.shuffle(keys)
        bucket.objects = {key: bucket.objects[key] for key in keys}
        with TemporaryDirectory() as folder:
            manifest = built(bucket, Path(folder) / "d", val_share=0.4)
        manifests.append(manifest)
    assert manifests[0] == manifests[1]
    out = [one.reference for one in manifest.excluded]
    assert out == sorted(out)
    golden = {photo_id(seconds, kiosk=kiosk) for kiosk, seconds, tree, *_ in drawn if tree is Tree.GOLDEN}
    assert {item.reference for item in manifest.of(Split.GOLDEN)} == golden
    everybody = {photo_id(seconds, kiosk=kiosk) for kiosk, seconds, *_ in drawn}
    assert sorted(
        [*(one.reference for one in manifest.items), *(one.reference for one in manifest.excluded)]
    ) == sorted(everybody)
    for one, other in combinations(manifest.items, 2):
        if one.reference.kiosk_id == other.reference.kiosk_id and one.split is not other.split:
            first, second = image_id_time(one.reference.image_id), image_id_time(other.reference.image_id)
            assert first is not None
            assert second is not None
            assert abs((first - second).total_seconds()) > 60
        if (one.split, other.split) != (Split.GOLDEN, Split.GOLDEN):
            assert (int(one.phash, 16) ^ int(other.phash, 16)).bit_count() > 20


def test_auto_photos_below_the_raised_gate_of_a_label_are_excluded_and_checked_ones_stay(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    """The confidence is the result's; when that has expired, no raised gate is passed."""
    low, high, expired, other = (photo_id(3600 * number) for number in range(4))
    for one in (low, high, expired):
        put(bucket, one, labels=[Label.ADULT_MALE])
    put(bucket, other, labels=[Label.ELDER_MALE])
    checked = put(bucket, photo_id(0, kiosk="k2"), tree=Tree.REVIEWED, labels=[Label.ADULT_MALE])
    for number, (confidence, truth) in enumerate([(0.96, Label.ELDER_MALE)] * 10 + [(0.99, Label.ADULT_MALE)] * 10):
        person = ReviewedPerson(LabelledBox(Label.ADULT_MALE, HEAD, confidence), truth)
        note = Note(source=Tree.AUTO, sample=True, shown=(person,), changed=(), checked_at=NOON)
        key = photo_id(number, kiosk="k3").note_key(Tree.REVIEWED)
        bucket.put(key, note.to_json().encode(), "application/json")
    bucket._s3.create_bucket(Bucket="images")
    shop = Shop(bucket._s3, bucket, Results(bucket._s3, "images"))
    for one, confidence in ((low, 0.969), (high, 0.97)):
        [person] = parse_labels((bucket.get(one.pair_keys("auto")[1]) or b"").decode(), LABELS)
        shop.decide(one, Person(Label(person.label), confidence, person.box))

    manifest = built(bucket, tmp_path / "d", results=shop.results)
    assert {str(photo.reference): (photo.why, photo.detail) for photo in manifest.excluded} == {
        str(low): (ExclusionReason.BELOW_LABEL_GATE, "adult_male teaches from 0.97, and has 0.969"),
        str(expired): (ExclusionReason.BELOW_LABEL_GATE, "adult_male teaches from 0.97, and has an unknown confidence"),
    }
    assert {item.reference for item in manifest.items} == {high, other, checked}
    assert set(excluded(built(bucket, tmp_path / "d"))) == set(map(str, (low, high, expired)))  # without results


def test_auto_photos_beyond_what_people_have_checked_of_their_label_are_excluded(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    for number in range(8):
        put(bucket, photo_id(3600 * number), labels=[Label.ELDER_MALE])
    put(bucket, photo_id(0, kiosk="k2"), tree=Tree.GOLDEN, labels=[Label.ELDER_MALE])
    manifest = built(bucket, tmp_path / "d", val_share=0, least_auto_per_label=2, most_auto_per_checked=5)
    assert list(excluded(manifest).values()) == [ExclusionReason.UNSUPPORTED] * 3
    assert manifest.counts[Split.TRAIN] == counts(pictures=5, elder_male=5)
