"""The composed scenes, what teaches in them, the figures, and the card's tables from the report."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.portraits.card import REPORT, tables
from bench.portraits.dataset import relabelled, write
from bench.portraits.figures import figures, matched
from bench.portraits.people import Sitter, choose, label_of
from bench.portraits.runs import FolderCheckpoints, train
from bench.portraits.scenes import EMPTY_EVERY, FRAME, Place, Scene, places, scenes
from bench.portraits.teacher import chosen
from contracts.boxes import Box, LabelledBox
from day0.card import CARD, filled
from day0.photos import Photo
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from retrain.judge.golden import GoldenPhoto, golden_photos
from retrain.judge.predictions import PredictedPerson, Prediction

HEAD = Box(0.25, 0.1, 0.75, 0.9)
ELSEWHERE = Box(0.0, 0.0, 0.1, 0.1)


def photo(path: Path, label: Label, split: str = "train") -> Photo:
    """A photo of somebody of that label."""
    low, high = (60, 69) if label.elder else (30, 39)
    female = label in (Label.ELDER_FEMALE, Label.ADULT_FEMALE)
    return Photo(
        path, path.name, "made up", path.name, female, low, high, "elder" if label.elder else "adult", "", split
    )


@pytest.fixture
def people(tmp_path: Path) -> list[Sitter]:
    """Twelve people whose heads are plain blue ellipses."""
    sitters = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        Pillow.new("RGB", (100, 100), (0, 0, 255)).save(path)
        label = LABELS[number % 4]
        sitters.append(Sitter(photo(path, label), label, HEAD.corners, (100, 100), (200, 150, 120)))
    return sitters


def answer(label: Label, confidence: float = 0.99, *, box: Box = HEAD, elder: float | None = None) -> PredictedPerson:
    """A person as a model answers."""
    elder = float(label.elder) if elder is None else elder
    return PredictedPerson(label, confidence, box.corners, Answers.of(elder=elder, female=0.5))


def scene_of(name: str, *labels: Label) -> GoldenPhoto:
    """A scene with these people, all in different places but the first, whose head is HEAD."""
    boxes = [HEAD, ELSEWHERE]
    people = tuple(LabelledBox(label, box) for label, box in zip(labels, boxes, strict=False))
    return GoldenPhoto(Path(name), name, people)


def test_train_has_as_many_people_of_each_label_and_no_one_more_than_twice(tmp_path: Path) -> None:
    """The rare ones are repeated, in another scene each time; with too few, there are fewer of them."""
    counts = {Label.ELDER_MALE: 4, Label.ELDER_FEMALE: 1, Label.ADULT_MALE: 20, Label.ADULT_FEMALE: 20}
    photos = [
        photo(tmp_path / f"{label}-{number}", label) for label, count in counts.items() for number in range(count)
    ]
    taken = choose(photos, "train", per_label=6)
    assert Counter(map(label_of, taken)) == {
        Label.ELDER_MALE: 6,
        Label.ELDER_FEMALE: 2,
        Label.ADULT_MALE: 6,
        Label.ADULT_FEMALE: 6,
    }
    assert max(Counter(one.file for one in taken).values()) == 2


def test_those_who_judge_are_there_once_and_elders_are_forty_percent_of_them(tmp_path: Path) -> None:
    """The share that the calibration of day 0 assumes; people of other splits and of unknown age are not among them."""
    photos = [photo(tmp_path / f"elder-{number}", Label.ELDER_FEMALE, "test") for number in range(4)]
    photos += [photo(tmp_path / f"adult-{number}", Label.ADULT_MALE, "test") for number in range(20)]
    photos += [photo(tmp_path / "taught", Label.ELDER_MALE, "train")]
    taken = choose(photos, "test", per_label=1)
    assert Counter(map(label_of, taken)) == {Label.ELDER_FEMALE: 4, Label.ADULT_MALE: 6}
    assert len({one.file for one in taken}) == 10


def test_each_person_is_in_one_scene_and_every_twentieth_scene_is_empty(people: list[Sitter]) -> None:
    """Nobody is lost for want of room; the same seed composes the same bytes."""
    composed = list(scenes(people * 4, seed=1))
    assert Counter(one.label for scene in composed for one in scene.people) == dict.fromkeys(LABELS, 12)
    assert [number for number, scene in enumerate(composed, start=1) if not scene.people] == list(
        range(EMPTY_EVERY, len(composed) + 1, EMPTY_EVERY)
    )
    assert {Pillow.open(io.BytesIO(scene.jpeg)).size for scene in composed} == {FRAME}
    assert list(scenes(people * 4, seed=1)) == composed


def test_the_box_is_where_the_head_is(people: list[Sitter]) -> None:
    """The pixels of a head are in its box, and most of the box is head."""
    for scene in scenes(people[:4], seed=3):
        red, _, blue = np.moveaxis(np.asarray(Pillow.open(io.BytesIO(scene.jpeg)), np.float32), -1, 0)
        head = blue > 2 * red + 20
        for one in scene.people:
            x0, x1 = (round(side * FRAME[0]) for side in (one.box.x0, one.box.x1))
            y0, y1 = (round(side * FRAME[1]) for side in (one.box.y0, one.box.y1))
            assert head[y0:y1, x0:x1].mean() > 0.5 or head.mean() == 0  # a grey scene


def test_no_head_is_behind_another_or_behind_shoulders(people: list[Sitter]) -> None:
    """A label whose head can't be seen would teach to guess."""
    for seed in range(30):
        placed = places(people[:5], np.random.default_rng(seed))
        assert placed
        assert not any(one.hides(other) for one in placed for other in placed if one is not other)


def test_a_tilted_head_has_the_box_of_its_tilted_ellipse(people: list[Sitter]) -> None:
    """Turned by a right angle, width and height change places; beyond the frame it is cut off."""
    width, height = FRAME
    upright = Place(320, 240, 50, 70, 0.0).box(people[0])
    turned = Place(320, 240, 70, 50, 90.0).box(people[0])
    assert turned.corners == pytest.approx(upright.corners)
    assert upright.corners == pytest.approx((270 / width, 170 / height, 370 / width, 310 / height))
    assert Place(10, 240, 50, 70, 0.0).box(people[0]).x0 == 0.0


@pytest.mark.parametrize(
    ("tilt", "corners"), [(0.0, (270, 100, 370, 310)), (90.0, (180, 190, 390, 290)), (-90.0, (250, 190, 460, 290))]
)
def test_a_head_that_its_crop_cuts_off_has_the_box_of_the_whole_head(
    people: list[Sitter], tilt: float, corners: tuple[int, ...]
) -> None:
    """As the cascade's boxes have: here the crop lacks the upper third, which the box has on the side of the tilt."""
    cut = replace(people[0], whole=(0.25, -0.4, 0.75, 0.8))
    assert cut.head == Box(0.25, 0.0, 0.75, 0.8)
    width, height = FRAME
    x0, y0, x1, y1 = corners
    box = Place(320, 240, 50, 70, tilt).box(cut)
    assert box.corners == pytest.approx((x0 / width, y0 / height, x1 / width, y1 / height))


def test_only_scenes_that_pass_the_workers_gate_teach_with_the_boxes_of_day_0() -> None:
    """One unsure person, nobody, or an adult who may be an elder: the scene teaches nothing."""
    names = ("sure", "unsure", "nobody", "quiet elder", "wrong")
    truth = [scene_of(name, Label.ADULT_MALE) for name in names]
    seen = [
        [answer(Label.ADULT_MALE)],
        [answer(Label.ADULT_MALE), answer(Label.ADULT_MALE, 0.6, box=ELSEWHERE)],
        list[PredictedPerson](),
        [answer(Label.ADULT_MALE, elder=0.04)],
        [answer(Label.ELDER_MALE)],
    ]
    predictions = [Prediction(one.path, people=tuple(people)) for one, people in zip(truth, seen, strict=True)]
    lesson = chosen(truth, predictions)
    assert lesson.photos == [
        (Path("sure"), [LabelledBox(Label.ADULT_MALE, HEAD)]),
        (Path("wrong"), [LabelledBox(Label.ELDER_MALE, HEAD)]),
    ]
    assert lesson.facts == {
        "scenes": 2,
        "of_scenes": 5,
        "labels": {Label.ELDER_MALE: 1, Label.ELDER_FEMALE: 0, Label.ADULT_MALE: 1, Label.ADULT_FEMALE: 0},
        "people_in_them": {Label.ADULT_MALE: 2},
        "wrong_labels": 1,
        "missed_people": 0,
    }
    assert chosen(truth[2:3], predictions[2:3]).photos == []


def test_auto_labels_replace_the_true_ones_in_train_only(tmp_path: Path) -> None:
    """The validation photos and their true labels stay."""
    jpeg = io.BytesIO()
    Pillow.new("RGB", (32, 32)).save(jpeg, "JPEG")
    true = Scene(jpeg.getvalue(), (LabelledBox(Label.ADULT_MALE, HEAD),))
    for split, count in (("train", 2), ("val", 1)):
        assert write(tmp_path / "true", split, [true] * count) == count
    first = golden_photos(tmp_path / "true", "train", classes=LABELS)[0].path
    relabelled(tmp_path / "true", tmp_path / "auto", [(first, [LabelledBox(Label.ELDER_MALE, HEAD)])])
    labels = {
        split: [
            [one.label for one in scene.people] for scene in golden_photos(tmp_path / "auto", split, classes=LABELS)
        ]
        for split in ("train", "val")
    }
    assert labels == {"train": [[Label.ELDER_MALE]], "val": [[Label.ADULT_MALE]]}


def test_the_figures_count_who_is_found_right_and_told_elder() -> None:
    """An elder who is not found meets no easy screen; a second box on a head is a person who is not there."""
    golden = [scene_of("one", Label.ELDER_MALE), scene_of("two", Label.ADULT_MALE, Label.ELDER_FEMALE)]
    twice = Box(0.26, 0.1, 0.76, 0.9)
    predictions = [
        Prediction(Path("one"), people=(answer(Label.ADULT_MALE, elder=0.45), answer(Label.ELDER_MALE, box=twice))),
        Prediction(Path("two"), people=(answer(Label.ADULT_MALE),)),
    ]
    assert matched(golden[1], predictions[1]) == [predictions[1].people[0], None]
    measured = figures(golden, predictions)
    counts = {name: (one["yes"], one["of"]) for name, one in measured.items() if isinstance(one, dict) and "yes" in one}
    assert counts == {
        "found": (2, 3),
        "right, of found": (1, 2),
        "elders told elder": (0, 1),
        "adults told elder": (0, 1),
        "easy screen, elders": (1, 2),
        "easy screen, adults": (0, 1),
    }
    assert measured["false people"] == 1
    assert {size: (one["yes"], one["of"]) for size, one in measured["found, by size"].items()} == {
        "under 80 px": (0, 1),
        "80 to 130 px": (0, 0),
        "130 to 640 px": (2, 2),
    }


def test_an_interrupted_training_finds_its_checkpoint_in_the_trainers_folder(tmp_path: Path) -> None:
    """With its epoch; a folder without a finished epoch has none, and there is nothing to judge."""
    checkpoints = FolderCheckpoints(tmp_path / "trainer")
    assert checkpoints.load(tmp_path / "resume") is None
    assert train(tmp_path, tmp_path, run="run", epochs=1, image_size=64, finish=True) is None
    saved = tmp_path / "trainer" / "checkpoint"
    saved.mkdir(parents=True)
    for name in ("last.pt", "best.pt"):
        (saved / name).write_text(name)
    checkpoints.save(saved / "last.pt", saved / "best.pt", epoch=3, build="run")
    loaded = checkpoints.load(tmp_path / "resume")
    assert loaded is not None
    assert (loaded.epoch, loaded.build, loaded.last.read_text()) == (3, "run", "last.pt")
    assert (loaded.last.parent / "best.pt").read_text() == "best.pt"


def test_the_model_card_holds_the_report_of_the_runs() -> None:
    """After another run: copy its report.json to bench/portraits_report.json, then python -m bench.portraits.card."""
    report = json.loads(REPORT.read_text())
    assert filled(CARD.read_text(), tables(report)) == CARD.read_text()
    assert not any(run["judgement"]["promoted"] for run in report["runs"].values())
    assert "**Day 0 stays the default**" in CARD.read_text()


def test_a_table_replaces_the_text_between_its_marks_only() -> None:
    """A table without a place in the text is an error."""
    text = "<!-- one -->\nold\n<!-- / -->\nbetween\n<!-- the other -->\nkept\n<!-- / -->\n"
    assert filled(text, {"one": "new"}) == text.replace("old", "new")
    with pytest.raises(ValueError, match="no place for another: "):
        filled(text, {"one": "new", "another": "lost"})
