"""The dataset of drawn masks: who is in it, what its label files say, and that a seed remakes it byte by byte."""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from contracts.boxes import Box
from contracts.names import Reference
from contracts.private_folder import is_private
from contracts.subject_labels import SubjectLabels
from day0.finder import HEAD_MARGINS, face_finder
from day0.mask import people as selection
from day0.mask.dataset import ANSWERS, main, write
from day0.mask.found import found, kind_of
from day0.mask.outline import Kind
from day0.mask.people import Person, age_of, people
from day0.photos import CROPS, Photo
from day0.portrait_dataset import LeftOut
from recipes.reading import load
from tests.day0.mask.conftest import SAMPLES
from worker.models.faces import Face
from worker.models.regions import FoundSubject

PHOTOS = "photos/us_congress_gpo"
COLUMNS = ("file", "source", "gender", "age_lo", "age_hi", "age_group", "split")
ROWS = (
    ("usg_B001232.jpg", "us_congress_gpo", "female", 67, 75, "elder", "train"),
    ("usg_G000569.jpg", "us_congress_gpo", "male", 39, 44, "adult", "train"),
    ("usg_H001062.jpg", "us_congress_gpo", "female", 51, 54, "adult", "val"),
    ("kiosk-nobody.jpg", "us_congress_gpo", "male", 70, 79, "elder", "train"),
    ("kiosk-two-people.jpg", "us_congress_gpo", "male", 20, 25, "adult", "train"),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with sample portraits, and no crops."""
    folder = tmp_path / "data"
    (folder / "fairface").mkdir(parents=True)
    (folder / PHOTOS).mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *((f"{PHOTOS}/{name}", *rest) for name, *rest in ROWS)])
    (folder / "fairface" / "manifest.csv").write_text("file,shard\n")
    for row in ROWS:
        (folder / PHOTOS / row[0]).symlink_to(SAMPLES / row[0])
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def photo(number: int, *, female: bool, ages: tuple[int | None, int | None], split: str = "train") -> Photo:
    group = "unknown" if ages[0] is None else "elder" if ages[0] >= 60 else "adult"
    return Photo(Path(), f"{number}.jpg", CROPS, f"{number}.jpg", female, *ages, group, "", split)


def test_each_person_has_four_photos_whose_label_files_say_what_is_known(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    write(data, out, "train", 10, seed=1)
    labels = {
        Reference(path.parent.name, path.stem): SubjectLabels.from_json(path.read_bytes())
        for path in out.glob("labels/*/*.json")
    }
    with Pillow.open(SAMPLES / "usg_B001232.jpg") as file:
        image = np.asarray(file.convert("RGB"))
    head = face_finder().find(image)[0].head(HEAD_MARGINS, image)
    assert {each.recipe for each in labels.values()} == {"mask"}
    woman = [each.subjects for each in labels.values() if each.subjects[0].group == "B001232.jpg"]
    assert [len(subjects) for subjects in woman] == [1] * 4
    assert {subject.box for (subject,) in woman} == {head}
    assert Counter(subject.answers["mask"] for (subject,) in woman) == {"worn": 1, "incorrect": 2, "none": 1}
    told = Counter((s.group, s.answers["gender"], s.answers["age"]) for each in labels.values() for s in each.subjects)
    assert told == {("B001232.jpg", "female", "elder"): 4, ("G000569.jpg", "male", "under_60"): 4}
    for reference in labels:
        with Pillow.open(out / "images" / f"{reference}.jpg") as file:
            assert file.format == "JPEG"
    assert len(labels) == len(list(out.glob("images/*/*.jpg")))
    assert is_private(out)
    ending = f"left out: no face found 1, several faces found 1\nwrote 8 photos of 2 people into {out}\n"
    assert capsys.readouterr().out.endswith(ending)


def test_the_recipe_asks_and_says_what_the_label_files_answer() -> None:
    recipe = load("mask")
    assert set(ANSWERS.values()) == set(recipe.says("mask"))
    ages = {age_of(photo(0, female=True, ages=band)) for band in ((20, 29), (40, 49), (70, 99))}
    assert ages == set(recipe.says("age"))
    assert {selection.gender_of(photo(0, female=female, ages=(20, 29))) for female in (True, False)} == set(
        recipe.says("gender")
    )


@pytest.mark.parametrize(
    ("band", "age"),
    [
        ((18, 29), "under_30"),
        ((30, 59), "under_60"),
        ((60, None), "elder"),
        ((28, 31), None),
        ((55, 64), None),
        ((10, 19), None),
        ((None, None), None),
    ],
)
def test_a_band_over_a_border_is_no_known_age(band: tuple[int | None, int | None], age: str | None) -> None:
    assert age_of(photo(0, female=True, ages=band)) == age


def test_a_seed_remakes_the_dataset_byte_by_byte(data: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        write(data, tmp_path / name, "val", 3, seed)
    assert contents(tmp_path / "first") == contents(tmp_path / "again")
    assert contents(tmp_path / "first").keys() & contents(tmp_path / "other").keys() == {".gitignore"}


def test_people_come_in_turn_of_gender_and_age_and_a_few_of_unknown_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """No child, nobody of another split; a group that is used up leaves its place to the others."""
    square = Face((0.0, 0.0, 1.0, 1.0), ((0.0, 0.0),) * 4, 1.0)
    empty = np.zeros((1, 1, 3), np.uint8)
    subject = FoundSubject(Box(0, 0, 1, 1), square)
    monkeypatch.setattr(selection, "_found", lambda each: Person(each, empty, square, subject))
    bands = ((20, 29), (40, 49), (70, 99), (None, None), (10, 19))
    photos = [
        photo(100 * number + each, female=female, ages=band, split=split)
        for number, (band, female, split) in enumerate(product(bands, (True, False), ("train", "test")))
        for each in range(5 if band == (70, 99) and female else 40)
    ]
    chosen = list(people(photos, "train", 100, 0, LeftOut()))
    counts = Counter((each.answers["gender"], each.answers.get("age")) for each in chosen)
    assert counts.pop(("female", "elder")) == 5
    assert counts.pop(("female", None)) == counts.pop(("male", None)) == 3
    assert sorted(counts.values()) == [17, 18, 18, 18, 18]
    assert {each.photo.split for each in chosen} == {"train"}
    assert len({each.photo.person for each in chosen}) == 100


def test_a_folder_with_something_in_it_is_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").touch()
    words = ["dataset", "--data", str(data), "--out", str(tmp_path / "full"), "--split", "val"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit):
        main()
    assert "is not empty, and a dataset must not mix with another" in capsys.readouterr().err
    assert list((tmp_path / "full").iterdir()) == [tmp_path / "full" / "note"]


def test_every_photo_has_a_kind_and_a_face_of_the_size_that_shops_see(data: Path, tmp_path: Path) -> None:
    write(data, tmp_path / "out", "val", 3, seed=1)
    sizes = []
    for path in sorted(tmp_path.glob("out/images/*/*.jpg")):
        with Pillow.open(io.BytesIO(path.read_bytes())) as file:
            sizes.append(file.size)
    assert len(sizes) == len(Kind)
    assert len(set(sizes)) > 1
    assert all(100 < width < 500 for width, _ in sizes)


def test_the_finder_is_counted_by_the_kind_of_mask(data: Path, tmp_path: Path) -> None:
    """An image id tells the kind, where the label file says no more than the answer."""
    write(data, tmp_path / "out", "val", 3, seed=1)
    answers = {}
    for path in tmp_path.glob("out/labels/*/*.json"):
        answers[kind_of(path.stem)] = SubjectLabels.from_json(path.read_bytes()).subjects[0].answers["mask"]
    assert answers == ANSWERS
    counts = found(tmp_path / "out")
    assert {kind: each["photos"] for kind, each in counts.items()} == dict.fromkeys(Kind, 1)
    assert counts[Kind.NONE] == {"photos": 1, "found": 1, "others": 0}
