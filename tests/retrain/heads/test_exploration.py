"""A look at a recipe's data: what it counts, what it finds, and that it agrees with the training that it precedes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws
from PIL import Image

from contracts.boxes import Box
from contracts.names import Reference, new_image_id
from contracts.subject_labels import LabelledSubject, SubjectLabels, Value
from recipes.reading import load
from recipes.recipe import Recipe
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import InvalidDataset
from retrain.heads.examples import read_examples, read_labels
from retrain.heads.exploration.counts import Quantiles
from retrain.heads.exploration.exploration import Exploration, explore
from retrain.heads.exploration.findings import Finding, Level, area_under_roc
from retrain.heads.exploration.photos import Source, of_bucket, of_folder
from retrain.heads.exploration.sheets import draw_sheets, evenly
from retrain.heads.fit import fit_heads
from retrain.heads.importing import reference_of
from tests.pictures import encoded, gradient, turned_by_exif
from tests.shapes_recipe import NAME, SHAPES, write_dataset, write_recipe

WHOLE = Box(0, 0, 1, 1)
EYES = load("pet-eye")
AT = datetime(2026, 11, 16, 12, tzinfo=UTC)  # Monday of week 47


def noise(seed: int, *, side: int = 128, light: int = 0) -> Image.Image:
    """A picture like no other of another seed; `light` is added to its grey values, from -100 to 100."""
    chance = random.Random(seed)
    small = Image.new("L", (16, 16))
    small.putdata([128 + light + chance.randint(-27, 27) for _ in range(256)])
    return small.resize((side, side), Image.Resampling.BICUBIC).convert("RGB")


@dataclass
class Eyes:
    """A folder of labelled pictures of the recipe pet-eye."""

    folder: Path
    species: str = "dog"
    count: int = field(default=0, init=False)

    def put(
        self, sign: str, *, group: str | None = None, jpeg: bytes | None = None, inputs: Mapping[str, str] | None = None
    ) -> str:
        """The name of one more picture, of a group of its own unless it is named."""
        self.count += 1
        name = f"{self.count:03}"
        said = {"species": self.species} if inputs is None else inputs
        subject = LabelledSubject(WHOLE, {"sign": sign}, group or f"animal {name}")
        self.write(name, SubjectLabels("pet-eye", said, (subject,)).to_json(), jpeg or encoded(noise(self.count)))
        return f"{name}.jpg"

    def write(self, name: str, labels: str | None, jpeg: bytes) -> None:
        for kind in ("images", "labels"):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
        (self.folder / "images" / f"{name}.jpg").write_bytes(jpeg)
        if labels is not None:
            (self.folder / "labels" / f"{name}.json").write_text(labels)

    def look(self) -> Exploration:
        return explore(EYES, of_folder(EYES, self.folder))

    def findings(self, what: str) -> list[Finding]:
        return [finding for finding in self.look().findings if finding.what == what]


@pytest.fixture
def eyes(tmp_path: Path) -> Eyes:
    return Eyes(tmp_path / "eyes")


@pytest.fixture
def shapes(tmp_path: Path) -> Recipe:
    return load(str(write_recipe(tmp_path / NAME)))


def relabel(folder: Path, change: Mapping[str, Mapping[str, Value]]) -> None:
    """Change answers of the shapes' label files, by the number in their names; None deletes an answer."""
    for name, answers in change.items():
        file = folder / "labels" / "demo" / f"{name}.json"
        [subject] = SubjectLabels.from_json(file.read_text()).subjects
        file.write_text(SubjectLabels(NAME, {}, (LabelledSubject(WHOLE, answers, subject.group),)).to_json())


def test_subjects_photos_and_groups_are_counted_by_value(eyes: Eyes) -> None:
    eyes.put("red", group="rex")
    eyes.put("red", group="rex")
    eyes.put("none")
    dog, cat = eyes.look().heads
    assert {value.value: (value.subjects, value.photos, value.groups) for value in dog.values} == {
        "cloudy": (0, 0, 0),
        "red": (2, 2, 1),
        "discharge": (0, 0, 0),
        "lid_mass": (0, 0, 0),
        "none": (1, 1, 1),
    }
    assert (dog.title, dog.asked, dog.known, dog.groups) == ("sign, if species is dog", 3, 3, 2)
    assert (cat.title, cat.asked) == ("sign, if species is cat", 0)


def test_scores_joined_classes_and_the_judges_groups_are_counted(tmp_path: Path, shapes: Recipe) -> None:
    found = explore(shapes, of_folder(shapes, write_dataset(tmp_path / "data", 12)))
    shape, colour, size = found.heads
    assert [value.subjects for value in shape.values] == [4, 4, 4]
    assert [value.subjects for value in colour.values] == [6, 6]
    assert (size.known, sum(size.bins), size.score is not None and 10 <= size.score.low < size.score.high <= 40) == (
        12,
        12,
        True,
    )
    assert found.joined == {f"{shape}_{colour}": 2 for shape in SHAPES for colour in ("red", "blue")}
    assert found.crossed is not None
    assert (found.crossed.groups, found.crossed.columns) == (("colour",), SHAPES)
    assert dict(found.crossed.rows) == {"red": (2, 2, 2), "blue": (2, 2, 2)}


def test_an_answer_that_is_missing_is_unknown(tmp_path: Path, shapes: Recipe) -> None:
    data = write_dataset(tmp_path / "data", 12)
    relabel(data, {"0000": {"shape": "circle"}})
    shape, colour, size = explore(shapes, of_folder(shapes, data)).heads
    assert [(head.known, head.unknown) for head in (shape, colour, size)] == [(12, 0), (11, 1), (11, 1)]


def test_a_cell_that_no_head_can_fill_is_none_and_not_zero(eyes: Eyes) -> None:
    """No cat has lid_mass."""
    eyes.put("red")
    crossed = eyes.look().crossed
    assert crossed is not None
    assert dict(crossed.rows) == {"dog": (0, 1, 0, 0, 0), "cat": (0, 0, 0, None, 0)}


@pytest.mark.parametrize(
    ("pictures", "change", "group"),
    [
        (60, {}, None),
        (24, {f"{number:04}": {"colour": "red", "size": 20.0} for number in range(0, 24, 3)}, None),  # no circle
        (18, {}, None),  # too few for the score
        (60, {}, "one thing"),
    ],
)
def test_it_stops_where_the_training_fails(
    tmp_path: Path, shapes: Recipe, pictures: int, change: Mapping[str, Mapping[str, Value]], group: str | None
) -> None:
    data = write_dataset(tmp_path / "data", pictures)
    relabel(data, change)
    if group:
        for file in (data / "labels" / "demo").iterdir():
            [subject] = SubjectLabels.from_json(file.read_text()).subjects
            of_one = LabelledSubject(WHOLE, subject.answers, group)
            file.write_text(SubjectLabels(NAME, {}, (of_one,)).to_json())
    try:
        fit_heads(shapes, read_examples(shapes, str(tmp_path / NAME), data, tmp_path / "features"))
        fails = False
    except InvalidDataset:
        fails = True
    assert explore(shapes, of_folder(shapes, data)).stops is fails
    assert fails is bool(change or group or pictures == 18)


def test_a_head_that_may_learn_later_stops_nothing() -> None:
    lego = load("lego")
    later = {head.name for head in lego.heads if head.later}
    found = explore(lego, of_folder(lego, Path("/nowhere")))
    lacking = {
        finding.text.partition(" = ")[0]: finding.level for finding in found.findings if finding.what == "too_few"
    }
    assert lacking == {"gender": Level.STOPS} | dict.fromkeys(later, Level.WARNS)


def test_photos_without_a_usable_label_are_those_that_the_training_leaves_out(eyes: Eyes) -> None:
    eyes.put("red")
    eyes.write("alone", None, encoded(noise(90)))
    eyes.write("other", SubjectLabels("mask", {}, ()).to_json(), encoded(noise(91)))
    (eyes.folder / "images" / "drawing.png").write_bytes(encoded(noise(92), "PNG"))
    _, left_out = read_labels(EYES, eyes.folder)
    assert eyes.look().reasons == dict(left_out)


def test_a_picture_that_is_damaged_is_left_out_with_its_reason(eyes: Eyes) -> None:
    eyes.put("red", jpeg=b"no picture")
    [left] = eyes.look().left_out
    assert (left.name, left.why) == ("001.jpg", "photos that can't be read")
    assert left.detail == "not_an_image: the file is not a JPEG, PNG or WebP"


def test_a_label_file_without_a_picture_is_left_out(eyes: Eyes) -> None:
    eyes.put("red")
    (eyes.folder / "labels" / "gone.json").write_text("{}")
    assert eyes.look().reasons == {"label files without a picture": 1}


def test_every_invalid_label_file_is_named_though_a_training_names_the_first_only(eyes: Eyes) -> None:
    eyes.put("red")
    eyes.put("purple")
    eyes.write("broken", "{", encoded(noise(90)))
    eyes.put("yellow")
    found = eyes.look()
    assert {(finding.names, finding.level) for finding in found.findings if finding.what == "invalid_labels"} == {
        (("broken.jpg",), Level.STOPS),
        (("002.jpg", "003.jpg"), Level.STOPS),
    }
    with pytest.raises(InvalidDataset):
        read_labels(EYES, eyes.folder)


def test_one_picture_under_two_labels_is_a_conflict(eyes: Eyes) -> None:
    jpeg = encoded(noise(50))
    names = eyes.put("red", jpeg=jpeg), eyes.put("none", jpeg=jpeg)
    [conflict] = eyes.findings("conflicts")
    assert (conflict.names, conflict.level) == (names, Level.WARNS)
    assert "with different labels (sign): one of them is wrong: 001.jpg and 002.jpg" in conflict.text
    assert not eyes.findings("copies")
    assert not eyes.findings("copies_of_groups"), "it is told once"


def test_one_picture_of_two_groups_may_be_learned_and_judged(eyes: Eyes) -> None:
    jpeg = encoded(noise(50))
    names = eyes.put("red", jpeg=jpeg), eyes.put("red", jpeg=jpeg)
    assert [finding.names for finding in eyes.findings("copies_of_groups")] == [names]


def test_one_picture_of_one_group_counts_twice(eyes: Eyes) -> None:
    jpeg = encoded(noise(50))
    names = eyes.put("red", jpeg=jpeg, group="rex"), eyes.put("red", jpeg=jpeg, group="rex")
    assert [finding.names for finding in eyes.findings("copies")] == [names]
    assert not eyes.findings("copies_of_groups")


def test_photos_that_look_alike_are_named_if_they_are_of_different_groups(eyes: Eyes) -> None:
    picture = noise(50, side=256)
    for group in ("rex", "rex"):
        eyes.put("red", jpeg=encoded(picture, quality=60 + eyes.count), group=group)
    assert not eyes.findings("near_copies"), "of one dog several photos may be alike"
    eyes.put("red", jpeg=encoded(picture.resize((128, 128))), group="bello")
    [alike] = eyes.findings("near_copies")
    assert alike.names == ("003.jpg", "001.jpg")


def test_a_value_that_comes_with_one_value_of_something_else_is_confusable(tmp_path: Path, shapes: Recipe) -> None:
    """All circles are red: the head that is asked the shape may learn the colour."""
    data = write_dataset(tmp_path / "data", 60)
    relabel(data, {f"{number:04}": {"shape": "circle", "colour": "red", "size": 20.0} for number in range(0, 60, 3)})
    found = [
        finding.text for finding in explore(shapes, of_folder(shapes, data)).findings if finding.what == "confusable"
    ]
    assert found == ["shape = circle: all 20 with a known colour are red; the head may learn colour in place of shape"]


@pytest.mark.parametrize(("light", "told"), [(0, False), (60, True)])
def test_a_value_that_brightness_tells_is_named(eyes: Eyes, light: int, told: bool) -> None:
    for number in range(25):
        eyes.put("cloudy", jpeg=encoded(noise(number, light=light)))
        eyes.put("none", jpeg=encoded(noise(100 + number)))
    texts = [finding.text for finding in eyes.findings("told_by_pixels")]
    assert any("cloudy: brightness alone tells it in 100% of pairs" in text for text in texts) is told


def test_twenty_subjects_on_each_side_are_needed_to_see_that_brightness_tells(eyes: Eyes) -> None:
    for number in range(19):
        eyes.put("cloudy", jpeg=encoded(noise(number, light=60)))
        eyes.put("none", jpeg=encoded(noise(100 + number)))
    assert not eyes.findings("told_by_pixels")


def test_the_area_under_the_curve_counts_ties_half() -> None:
    numbers = np.array([1.0, 2.0, 2.0, 3.0])
    assert area_under_roc(numbers, np.array([False, False, True, True])) == 3.5 / 4
    assert area_under_roc(numbers, np.array([True, True, False, False])) == 0.5 / 4


def test_subjects_smaller_than_the_worker_answers_about_are_named(eyes: Eyes) -> None:
    eyes.put("red", jpeg=encoded(noise(1, side=96)))
    small = eyes.put("red", jpeg=encoded(noise(2, side=95)))
    [finding] = eyes.findings("small")
    assert (finding.names, finding.text.startswith("1 subject smaller than the 96 pixels")) == ((small,), True)


def test_photos_turned_by_exif_are_named_for_an_import_leaves_them_out(eyes: Eyes) -> None:
    turned = eyes.put("red", jpeg=turned_by_exif(gradient(128, 96), 6))
    [finding] = eyes.findings("turned")
    assert finding.names == (turned,)
    [photo] = of_folder(EYES, eyes.folder).photos
    assert (photo.measured.size, photo.measured.decoded) == ((96, 128), (96, 128))


def test_a_photo_without_its_input_teaches_no_question_that_needs_it(eyes: Eyes) -> None:
    nameless = eyes.put("red", inputs={}), eyes.put("red", inputs={"species": "horse"})
    eyes.put("red")
    found = eyes.look()
    assert found.inputs == {"species": {"dog": 1, "cat": 0, "missing": 2}}
    assert [finding.names for finding in found.findings if finding.what == "missing_input"] == [nameless]
    assert [head.asked for head in found.heads] == [1, 0]


def test_an_answer_of_another_head_of_the_question_teaches_nothing(eyes: Eyes) -> None:
    """A cat with lid_mass: the label file is valid, for dogs can have it."""
    eyes.species = "cat"
    eyes.put("lid_mass")
    [finding] = eyes.findings("strange_answers")
    assert finding.text.startswith("sign, if species is cat: 1 subject with an answer that only another head")
    assert [(head.asked, head.known, head.strange) for head in eyes.look().heads] == [(0, 0, 0), (1, 0, 1)]


def test_label_files_that_name_no_group_are_pointed_out(tmp_path: Path, shapes: Recipe, eyes: Eyes) -> None:
    data = write_dataset(tmp_path / "data", 12)
    assert [each.what for each in explore(shapes, of_folder(shapes, data)).findings].count("no_groups") == 1
    eyes.put("red")
    assert not eyes.findings("no_groups")


def test_values_of_fewer_groups_than_folds_are_named(eyes: Eyes) -> None:
    for number in range(12):
        eyes.put("red", group=f"dog {number % 3}")
        eyes.put("none")
    [finding] = eyes.findings("few_groups")
    assert "of few people, animals or things: red (3)" in finding.text


def test_quantiles_of_no_number_are_none() -> None:
    assert (Quantiles.of([]), Quantiles.of([2.0])) == (None, Quantiles(2, 2, 2, 2, 2))


def test_crops_are_drawn_from_as_many_animals_as_there_are(eyes: Eyes) -> None:
    for group in ("rex", "rex", "rex", "rex", "bello", "bello", "luna"):
        eyes.put("red", group=group)
    subjects = of_folder(EYES, eyes.folder).subjects
    order = [subject.group for subject in evenly(subjects)]
    assert [sorted(order[:3]), sorted(order[3:5]), order[5:]] == [
        ["bello", "luna", "rex"],
        ["bello", "rex"],
        ["rex"] * 2,
    ]
    assert evenly(reversed(subjects)) == evenly(subjects), "the same pictures give the same sheet"


def test_a_sheet_of_scores_goes_from_the_lowest_to_the_highest(tmp_path: Path, shapes: Recipe) -> None:
    gathered = of_folder(shapes, write_dataset(tmp_path / "data", 30))
    sheets = {group.title: group.sheets for group in draw_sheets(shapes, gathered, (), most=5)}
    assert {title: [sheet.title for sheet in some] for title, some in sheets.items()} == {
        "shape": list(SHAPES),
        "colour": ["red", "blue"],
        "size": ["by score"],
    }
    [by_score] = sheets["size"]
    scores = [float(name.rpartition(" ")[2]) for name in by_score.names]
    sizes = [float(subject.known["size"]) for subject in gathered.subjects]
    assert (scores, by_score.total) == (sorted(scores), 30)
    assert (scores[0], scores[-1]) == (min(sizes), max(sizes))


def test_without_crops_there_is_no_picture(eyes: Eyes) -> None:
    eyes.put("red")
    assert draw_sheets(EYES, of_folder(EYES, eyes.folder), (), most=0) == []


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="dataset")
        yield DatasetBucket(s3, "dataset", label_suffix=".json")


def store(
    bucket: DatasetBucket, tree: Tree, reference: Reference, jpeg: bytes, *, note: str | None = None, sign: str = "red"
) -> None:
    labels = SubjectLabels("pet-eye", {"species": "dog"}, (LabelledSubject(WHOLE, {"sign": sign}),))
    bucket.put_pair(tree, reference, jpeg=jpeg, labels=labels.to_json(), note=note)


def taken(device: str, number: int) -> Reference:
    """Photos a day apart."""
    return Reference(device, new_image_id(AT + timedelta(days=number), number.to_bytes(10)))


def test_a_clouds_photos_are_counted_by_source_device_and_week(bucket: DatasetBucket, tmp_path: Path) -> None:
    imported = encoded(noise(4))
    store(bucket, Tree.AUTO, taken("clinic", 0), encoded(noise(0)))
    store(bucket, Tree.AUTO, taken("clinic", 8), encoded(noise(1)))
    store(bucket, Tree.REVIEWED, taken("clinic", 1), encoded(noise(2)), note="{}")
    store(bucket, Tree.GOLDEN, taken("lobby", 2), encoded(noise(3)), note="{}")
    store(bucket, Tree.REVIEWED, reference_of(imported, "import"), imported)
    found = explore(EYES, of_bucket(bucket, EYES, tmp_path, most=0))
    assert found.photos == {"train": 4, "golden": 1}
    assert found.sources == {
        Source.MODEL: {"train": 2, "golden": 0},
        Source.REVIEW: {"train": 1, "golden": 1},
        Source.IMPORT: {"train": 1, "golden": 0},
    }
    assert found.weeks == {
        "clinic": {"2026-W47": 2, "2026-W48": 1},
        "import": {"no time": 1},
        "lobby": {"2026-W47": 1},
    }
    dog, _ = found.heads
    assert [(value.subjects, value.golden) for value in dog.values if value.value == "red"] == [(4, 1)]


def test_too_few_golden_photos_are_told_and_none_stops_a_training(bucket: DatasetBucket, tmp_path: Path) -> None:
    store(bucket, Tree.AUTO, taken("clinic", 0), encoded(noise(0)))
    without = explore(EYES, of_bucket(bucket, EYES, tmp_path / "without", most=0))
    store(bucket, Tree.GOLDEN, taken("lobby", 2), encoded(noise(3)))
    few = explore(EYES, of_bucket(bucket, EYES, tmp_path / "few", most=0))

    def golden(found: Exploration) -> Sequence[Level]:
        return [finding.level for finding in found.findings if finding.what == "golden_too_small"]

    assert (golden(without), golden(few)) == ([Level.STOPS], [Level.WARNS, Level.WARNS])


def test_a_picture_that_teaches_and_judges_is_a_leak(bucket: DatasetBucket, tmp_path: Path) -> None:
    jpeg = encoded(noise(0))
    store(bucket, Tree.REVIEWED, taken("clinic", 0), jpeg)
    store(bucket, Tree.GOLDEN, taken("lobby", 2), jpeg)
    found = explore(EYES, of_bucket(bucket, EYES, tmp_path, most=0))
    assert [finding.names for finding in found.findings if finding.what == "leaks"] == [
        (f"{taken('clinic', 0)}.jpg", f"{taken('lobby', 2)}.jpg")
    ]


def test_what_a_training_leaves_out_of_a_cloud_is_told_with_its_reason(bucket: DatasetBucket, tmp_path: Path) -> None:
    store(bucket, Tree.AUTO, taken("clinic", 0), encoded(noise(0)))
    store(bucket, Tree.AUTO, taken("clinic", 1), encoded(noise(1)), sign="purple")
    bucket.put_pair(Tree.AUTO, taken("clinic", 2), jpeg=encoded(noise(2)), labels="{")
    store(bucket, Tree.AUTO, taken("clinic", 3), b"no picture")
    assert explore(EYES, of_bucket(bucket, EYES, tmp_path, most=0)).reasons == {
        "its label file is invalid": 1,
        "photos that can't be read": 1,
        "the recipe 'pet-eye' has no answer 'purple' to 'sign'": 1,
    }
