"""The dataset of spoiled portraits: what its label files say, and that a seed remakes it byte by byte."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from contracts.boxes import iou
from contracts.private_folder import is_private
from contracts.subject_labels import SubjectLabels
from day0.finder import HEAD_MARGINS, face_finder
from day0.passport.dataset import PHOTOS, RECIPE, main, taken, write
from day0.passport.framing import Placed, cut, far_away, mirrored, turned
from day0.passport.people import Sitter, sitters
from day0.passport.score import FLAWS, HEIGHTS, HIGH
from day0.passport.spoiling import coarse, lit, lit_from_a_side
from day0.photos import read_photos
from day0.portrait_dataset import LeftOut
from recipes.reading import load
from worker.models.regions import faces_of

SAMPLES = Path(__file__).parents[3] / "samples"
PHOTOS_AT = "photos/us_congress_gpo"
COLUMNS = ("file", "source", "gender", "age_lo", "age_hi", "age_group", "split")
ROWS = (
    ("usg_D000601.jpg", "us_congress_gpo", "female", 68, 72, "elder", "train"),
    ("usg_H001048.jpg", "us_congress_gpo", "male", 39, 44, "adult", "train"),
    ("usg_H001062.jpg", "us_congress_gpo", "female", 51, 54, "adult", "val"),
    ("usg_L000261.jpg", "us_congress_gpo", "male", 16, 17, "teen", "train"),
    ("kiosk-nobody.jpg", "us_congress_gpo", "male", 70, 79, "elder", "train"),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with sample portraits, and no crops."""
    folder = tmp_path / "data"
    (folder / "fairface").mkdir(parents=True)
    (folder / PHOTOS_AT).mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *((f"{PHOTOS_AT}/{name}", *rest) for name, *rest in ROWS)])
    (folder / "fairface" / "manifest.csv").write_text("file,shard\n")
    for row in ROWS:
        (folder / PHOTOS_AT / row[0]).symlink_to(SAMPLES / row[0])
    return folder


@pytest.fixture
def sitter(data: Path) -> Sitter:
    [only] = sitters(read_photos(data), ["val"], 9, 0, LeftOut())
    return only


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_grown_up_has_five_photos_whose_label_files_answer_the_recipe(data: Path, tmp_path: Path) -> None:
    """Gender, the gravest flaw and the score; a child is in no photo."""
    out, recipe = tmp_path / "out", load(RECIPE)
    write(data, out, ["train", "val"], 10, seed=1)
    assert is_private(out)
    files = [SubjectLabels.from_json(path.read_bytes()) for path in out.glob("labels/*/*.json")]
    subjects = [subject for file in files for subject in file.subjects]
    assert sorted({each.group for each in subjects if each.group}) == ["D000601.jpg", "H001048.jpg", "H001062.jpg"]
    assert len(files) == len(subjects) == 3 * PHOTOS
    for each in subjects:
        assert each.answers["gender"] in recipe.says("gender")
        assert each.answers["flaw"] in recipe.says("flaw")
        assert 1 <= float(each.answers["score"]) <= 5
        assert each.facts == {"age": "elder" if each.group == "D000601.jpg" else "adult", "source": "studio"}
    assert all((out / f"images/spoiled-train/{path.stem}.jpg").exists() for path in out.glob("labels/*/*.json"))


def test_the_same_seed_remakes_every_byte_and_fewer_people_are_the_first_of_more(data: Path, tmp_path: Path) -> None:
    for name, count in (("one", 3), ("two", 3), ("few", 1)):
        write(data, tmp_path / name, ["train", "val"], count, seed=2)
    one, few = contents(tmp_path / "one"), contents(tmp_path / "few")
    assert one == contents(tmp_path / "two")
    assert few.items() <= one.items()


def test_a_dataset_mixes_with_no_other(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.argv", ["passport", "--data", str(data), "--out", str(data), "--splits", "train", "--people", "1"]
    )
    with pytest.raises(SystemExit):
        main()
    assert not (data / "labels").exists()


@pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if flaw != "turned"])
def test_a_photo_has_the_flaw_that_it_was_given_and_its_box_is_where_the_finder_sees_the_head(
    sitter: Sitter, flaw: str
) -> None:
    severities = []
    for seed in range(4):
        photo, box, judged = taken(sitter, {flaw}, np.random.default_rng(seed))
        severities.append(judged.severities[flaw])
        assert (judged.score < HIGH) == any(judged.severities.values())
        image = np.asarray(Pillow.open(io.BytesIO(photo)).convert("RGB"))
        found = [iou(each.box, box) for each in faces_of(image, face_finder(), HEAD_MARGINS)]
        if flaw not in ("dark", "unclear"):  # these may hide the face from the finder
            assert max(found) > 0.5
    # A portrait whose head fills it can't be cut so that the head is aside.
    assert min(severities) > 0 or (flaw == "aside" and max(severities) > 0)


def test_a_photo_without_a_flaw_is_scored_as_one(sitter: Sitter) -> None:
    for seed in range(6):
        _, _, judged = taken(replace(sitter, turn=0.0), set(), np.random.default_rng(seed))
        assert (judged.score, judged.flaw) == (pytest.approx(HIGH, abs=0.4), "none")


PLAIN = Placed(np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (240, 1, 3)), 60, 50, 80, 120)


def test_the_head_stays_where_the_framing_says() -> None:
    """Its height in parts of the picture's, and how far it is aside, follow from the pixels."""
    middle = cut(PLAIN, 0.75, 0.0, 0.5, 35 / 45)
    assert (middle.height, middle.aside) == (pytest.approx(0.75), pytest.approx(0, abs=0.01))
    aside = cut(PLAIN, 0.9, 0.2, 0.5, 35 / 45)
    assert aside.aside == pytest.approx(0.2, abs=0.01)
    assert cut(PLAIN, 0.2, 0.0, 0.5, 1.0).height == pytest.approx(0.5)  # all that the portrait has
    left = PLAIN.image[0, int(aside.left) + 0, 0]
    assert int(aside.image[0, 0, 0]) == 60 - round(aside.left)
    assert left == int(aside.left)
    assert mirrored(mirrored(PLAIN)).left == PLAIN.left
    assert mirrored(aside).aside == pytest.approx(-aside.aside)


def test_a_person_far_away_is_small_in_a_room() -> None:
    placed = far_away(PLAIN, 0.25, 0.5, 4 / 3, 3)
    assert placed.height == pytest.approx(0.25, abs=0.01)
    assert placed.aside == pytest.approx(0, abs=0.01)
    face = placed.image[round(placed.top) + 60, round(placed.left) : round(placed.left + placed.wide)]
    assert (np.abs(face[:, 0].astype(int) - np.arange(60, 140)) <= 1).all()


def test_turning_is_about_the_middle_of_the_head_and_clockwise() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[40:60, 95:105] = 255  # above the middle of the head
    seen = turned(Placed(image, 75, 75, 50, 50), 90).image[..., 0] > 128
    rows, columns = np.nonzero(seen)
    assert (round(rows.mean()), round(columns.mean())) == (pytest.approx(100, abs=2), pytest.approx(150, abs=2))


def test_light_is_what_it_is_said_to_be() -> None:
    grey = np.full((40, 100, 3), 100, np.uint8)
    random = np.random.default_rng(0)
    assert lit(grey, 0.5, random).mean() == pytest.approx(50, abs=1)
    assert (lit(grey, 3.0, random) == 255).all()
    side = lit_from_a_side(grey, 1.0, middle=50, wide=40, from_left=True)
    assert (int(side[0, 0, 0]), int(side[0, 99, 0])) == (100, 50)
    other = lit_from_a_side(grey, 1.0, middle=50, wide=40, from_left=False)[:, ::-1]
    assert np.abs(other.astype(int) - side).max() <= 4  # of half a pixel, where the light changes fastest


def test_a_coarse_picture_has_lost_its_detail() -> None:
    stripes = np.tile((np.arange(64) % 2 * 255).astype(np.uint8)[None, :, None], (64, 1, 3))
    assert coarse(stripes, 0.25).std() < 0.2 * stripes.std()


def test_the_rule_for_heights_knows_the_two_values_that_are_asked() -> None:
    assert set(HEIGHTS) == set(load(RECIPE).says("gender"))
