"""A folder of drawn eyes: what a training reads, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from demo.drawn_eyes.animal import SIGNS, Species
from demo.drawn_eyes.folder import draw_folder, planned
from demo.drawn_recipes import DRAWN, FLYWHEEL_PICTURES
from demo.recipe_flywheel import split
from recipes.reading import load
from retrain.heads.examples import read_labels
from retrain.heads.fit import LEAST_OF_VALUE

PICTURES = 12  # a dog, a cat, and the first pictures of a second dog


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("eyes") / "drawn"
    draw_folder(folder, PICTURES, 3)
    return folder


def test_every_sign_of_each_animal_is_drawn_and_its_pictures_are_one_group(folder: Path) -> None:
    """Labels are what the recipe asks, or reading them would refuse the folder."""
    labels, left_out = read_labels(load("pet-eye"), folder)
    assert (len(labels), dict(left_out)) == (PICTURES, {})
    groups: dict[str | None, list[str]] = {}
    for each in labels.values():
        (subject,) = each.subjects
        assert subject.group is not None
        assert subject.group.startswith(each.inputs["species"])
        groups.setdefault(subject.group, []).append(str(subject.answers["sign"]))
    assert Counter(groups["dog-0000"]) == Counter(map(str, SIGNS[Species.DOG]))
    assert Counter(groups["cat-0001"]) == Counter(map(str, SIGNS[Species.CAT]))
    assert len(groups["dog-0002"]) == PICTURES - 9


def test_the_same_seed_draws_the_same_and_another_is_refused_in_the_same_folder(folder: Path) -> None:
    """Nothing is overwritten: the pictures there may be someone's own."""
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    draw_folder(folder, PICTURES, 3)
    with pytest.raises(FileExistsError, match="exists with another content"):
        draw_folder(folder, PICTURES, 4)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_the_flywheels_few_pictures_teach_every_head(tmp_path: Path) -> None:
    """The opening model learns from a tenth of the animals, and a head needs five pictures of each sign."""
    for name, _, _, labels in islice(planned(), FLYWHEEL_PICTURES):
        for file, content in ((f"images/{name}.jpg", ""), (f"labels/{name}.json", labels.to_json())):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text(content)
    parts = split(load("pet-eye"), tmp_path)
    for pictures in (parts.start, parts.customers, parts.teach, parts.golden):
        of_sign = Counter((labels.inputs["species"], labels.subjects[0].answers["sign"]) for _, labels in pictures)
        assert len(of_sign) == sum(map(len, SIGNS.values()))
        assert min(of_sign.values()) >= LEAST_OF_VALUE


def test_what_can_be_drawn_is_shipped() -> None:
    assert [load(name).name for name in DRAWN] == list(DRAWN)
