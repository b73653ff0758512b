"""Training of heads: real features of drawn shapes, and what is not used, refused or the same twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from contracts.answers_message import UNKNOWN
from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject, SubjectLabels
from imaging.decoding import decode
from recipes.colours import PALETTES, Palette
from recipes.reading import load
from retrain.errors import InvalidDataset
from retrain.heads.training import Trained, train
from tests.shapes_recipe import NAME, write_dataset, write_recipe
from worker.kinds import kinds_for
from worker.models.heads import HeadsModel, SeenChoice, SeenScore
from worker.models.loading import load_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_recipe(folder / NAME)
    write_dataset(folder / "data")
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return trained_into(folder, "run")


def trained_into(folder: Path, run: str, data: str = "data") -> Trained:
    return train(
        str(folder / NAME),
        folder / data,
        folder / run,
        version="1",
        trained_on="drawn shapes",
        cache=folder / "features",
    )


def loaded(folder: Path, trained: Trained) -> HeadsModel:
    model = load_model(trained.manifest, kinds_for(load(str(folder / NAME))))
    assert isinstance(model, HeadsModel)
    return model


def labels_of(photo: Path) -> SubjectLabels:
    return SubjectLabels.from_json(Path(str(photo).replace("/images/", "/labels/")).with_suffix(".json").read_text())


def photos(folder: Path) -> list[Path]:
    return sorted((folder / "data" / "images").rglob("*.jpg"))


def test_the_worker_answers_with_a_trained_run_as_the_labels_say(folder: Path, trained: Trained) -> None:
    model = loaded(folder, trained)
    for photo in photos(folder)[:6]:
        [[seen]] = model.detect([decode(photo.read_bytes()).image])
        shape, colour, size = seen.answers
        known = labels_of(photo).subjects[0].answers
        assert isinstance(shape, SeenChoice)
        assert isinstance(colour, SeenChoice)
        assert isinstance(size, SeenScore)
        assert (shape.value, colour.value) == (known["shape"], known["colour"])
        assert abs(size.value - float(known["size"])) < 10


def test_photos_in_one_call_get_the_answers_that_each_gets_alone(folder: Path, trained: Trained) -> None:
    model = loaded(folder, trained)
    images = [decode(photo.read_bytes()).image for photo in photos(folder)[:3]]
    assert model.detect(images) == [model.detect([image])[0] for image in images]


def test_the_figures_are_of_pictures_that_were_held_out(trained: Trained) -> None:
    shape, joined = trained.report["heads"]["0.shape"], trained.report["joined"]
    assert trained.report["subjects"] == shape["count"] == joined["count"] == 60
    assert shape["macro_f1"] > 0.8
    assert sum(map(sum, shape["confusion"])) == 60
    assert shape["interval"][0] <= shape["macro_f1"] <= shape["interval"][1]
    assert joined["right"] <= min(trained.report["heads"][name]["right"] for name in ("0.shape", "1.colour"))
    size = trained.report["heads"]["2.size"]
    assert size["mae"] < size["mae_of_the_mean"]
    assert size["inside"] >= 0.7


def test_the_same_pictures_make_the_same_bytes(folder: Path, trained: Trained) -> None:
    again = trained_into(folder, "again")
    assert again.manifest.read_bytes() == trained.manifest.read_bytes()
    assert (again.manifest.parent / "heads.npz").read_bytes() == (trained.manifest.parent / "heads.npz").read_bytes()


def changed(folder: Path, name: str, labels: SubjectLabels | str) -> str:
    """A dataset whose first label file is another; the pictures are the same files."""
    other = folder / name
    for kind in ("images", "labels"):
        for file in sorted((folder / "data" / kind / "demo").iterdir()):
            target = other / kind / "demo" / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    first = sorted((other / "labels" / "demo").iterdir())[0]
    first.write_text(labels if isinstance(labels, str) else labels.to_json())
    return name


def test_a_value_that_no_head_says_is_refused_with_what_they_say(folder: Path) -> None:
    labels = SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 1, 1), {"shape": "hexagon"}),))
    with pytest.raises(InvalidDataset, match=r"has no answer 'hexagon' to 'shape'; nothing was done\. Its questions"):
        trained_into(folder, "none", changed(folder, "hexagon", labels))


def test_a_label_file_that_is_none_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"0000\.json: the label file is not JSON"):
        trained_into(folder, "none", changed(folder, "broken", "circle"))


def test_what_teaches_nothing_is_counted_by_its_reason(folder: Path) -> None:
    elsewhere = SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 0.1, 0.1), {"shape": "circle"}),))
    name = changed(folder, "left-out", elsewhere)
    second, third = sorted((folder / name / "labels" / "demo").iterdir())[1:3]
    second.unlink()
    third.write_text(SubjectLabels("mask", {}, ()).to_json())
    (folder / name / "images" / "demo" / "0003.jpg").write_bytes(b"no picture")
    assert trained_into(folder, "some", name).report["left_out"] == {
        "photos without a label file": 1,
        "photos of another recipe": 1,
        "photos that can't be read": 1,
        "subjects that the finder does not find": 1,
    }


def test_too_few_pictures_are_refused_for_each_value(folder: Path) -> None:
    write_dataset(folder / "few", pictures=12)
    with pytest.raises(
        InvalidDataset, match=r"shape = circle: 4 subjects, 5 needed(.|\n)*size: 12 subjects, 20 needed"
    ):
        trained_into(folder, "none", "few")


def test_a_folder_without_pictures_says_what_belongs_there(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"Put photos into images/, and for each a \.json of the same name"):
        train(str(folder / NAME), tmp_path, tmp_path / "run", version="1", trained_on="nothing")


def test_pictures_of_one_thing_only_can_not_be_judged(folder: Path) -> None:
    name = changed(folder, "one-group", labels_of(photos(folder)[0]))
    for file in (folder / name / "labels" / "demo").iterdir():
        labels = SubjectLabels.from_json(file.read_text())
        subject = labels.subjects[0]
        grouped = LabelledSubject(subject.box, subject.answers, group="the same")
        file.write_text(SubjectLabels(NAME, {}, (grouped,)).to_json())
    with pytest.raises(InvalidDataset, match="shape = circle: of one person, animal or thing only"):
        trained_into(folder, "none", name)


def test_features_are_computed_once_for_the_same_picture(folder: Path, trained: Trained) -> None:  # noqa: ARG001 - which computed them
    before = {file: file.stat().st_mtime_ns for file in (folder / "features").iterdir()}
    trained_into(folder, "cached")
    assert {file: file.stat().st_mtime_ns for file in (folder / "features").iterdir()} == before


def test_a_manifest_names_the_pictures_it_learned_from_and_holds_no_path_of_them(
    folder: Path, trained: Trained
) -> None:
    manifest = json.loads(trained.manifest.read_text())
    assert manifest["trained_on"] == "drawn shapes"
    assert str(folder) not in trained.manifest.read_text()
    with np.load(trained.manifest.parent / "heads.npz") as arrays:
        assert arrays["0.weights"].shape == (1280, 3)


MIXED = f"""recipe = 1
name = "{NAME}"
find = {{ kind = "whole" }}
judge = {{ of = "shape" }}
[[head]]
name = "fill"
colour = "basic13"
[[head]]
name = "shape"
says = ["circle", "square", "triangle"]
[[head]]
name = "pattern"
says = ["plain", "dotted"]
later = true
"""


@pytest.fixture(scope="module")
def only_shapes(folder: Path) -> Path:
    """The data with nothing known but the shape."""
    data = write_dataset(folder / "some", 30)
    for file in sorted((data / "labels" / "demo").iterdir()):
        known = {"shape": SubjectLabels.from_json(file.read_text()).subjects[0].answers["shape"]}
        file.write_text(SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 1, 1), known),)).to_json())
    return data


def own_recipe(folder: Path, text: str) -> str:
    folder.mkdir()
    (folder / "recipe.toml").write_text(text)
    return str(folder)


def test_a_head_may_learn_later_and_a_colour_never(folder: Path, only_shapes: Path) -> None:
    """The run holds weights for the one that has learned; the worker says of the others what they are."""
    own, cache = own_recipe(folder / "mixed", MIXED), folder / "features"
    run = train(own, only_shapes, folder / "mixed-run", version="1", trained_on="shapes", cache=cache)
    assert list(run.report["heads"]) == ["1.shape"]
    with np.load(run.manifest.parent / "heads.npz") as stored:
        assert {name.partition(".")[0] for name in stored.files} == {"1"}
    model = load_model(run.manifest, kinds_for(load(own)))
    photo = sorted((only_shapes / "images").rglob("*.jpg"))[0]
    [[seen]] = model.detect([decode(photo.read_bytes()).image])
    fill, shape, pattern = seen.answers
    assert isinstance(fill, SeenChoice)
    assert (fill.value in PALETTES[Palette.BASIC13], fill.confidence > 0.5) == (True, True), "most of it is paper"
    assert shape.value in ("circle", "square", "triangle")
    assert pattern == SeenChoice(UNKNOWN, 0.0, 0.0)


def test_without_later_a_head_that_lacks_examples_trains_nothing(folder: Path, only_shapes: Path) -> None:
    own = own_recipe(folder / "strict", MIXED.replace("later = true\n", ""))
    with pytest.raises(InvalidDataset, match="pattern = plain: 0 subjects"):
        train(own, only_shapes, folder / "no", version="1", trained_on="", cache=folder / "features")
