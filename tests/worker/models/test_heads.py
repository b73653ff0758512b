"""A run of heads that does not fit is refused before it serves, each fault with its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.answers_message import UNKNOWN, UNSEEN
from contracts.formulas.calibration import BetaCalibration
from contracts.weights import sha256_of
from demo.drawn_clothes import people
from imaging.decoding import decode
from recipes.reading import folder_of, parse
from recipes.reading import load as load_recipe
from recipes.recipe import Net, Pool, Recipe
from worker.models.backbone import FEATURES, NETWORKS, Backbone, Crop
from worker.models.evidence import centred
from worker.models.heads import ChoiceHead, HeadsModel, load_heads
from worker.models.manifests import InvalidModel, read_manifest
from worker.models.onnx_runtime import Floats
from worker.models.regions import EVERYTHING, FoundSubject, crop

RECIPE: dict[str, Any] = {
    "recipe": 1,
    "name": "two",
    "find": {"kind": "whole"},
    "head": [{"name": "eye", "says": ["open", "shut"]}, {"name": "size", "score": [1, 5]}],
    "judge": {"of": "eye"},
}
CALIBRATION = BetaCalibration(0.0, 1.0, -1.0).fields()
REGION = {"of": "whole", "margin": 0.0}
LITE0 = NETWORKS[Net.LITE0]


def two() -> Recipe:
    return parse(RECIPE)


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    shapes = {"weights": (FEATURES, 2), "bias": (2,)}, {"weights": (FEATURES, 1), "bias": (1,)}
    drawn = {
        f"{number}.{name}": rng.normal(size=shape) for number, some in enumerate(shapes) for name, shape in some.items()
    }
    constant = {"mean": np.zeros(FEATURES), "scale": np.ones(FEATURES)}
    drawn |= {f"{number}.{name}": array for number in range(2) for name, array in constant.items()}
    return {name: array.astype(np.float32) for name, array in drawn.items()}


def manifest(folder: Path, changes: Callable[[dict[str, Any]], object] = lambda _: None, **stored: Any) -> Path:
    """A run on disk. `changes` edits its fields; `stored` replaces arrays, None leaves one out."""
    kept = {name: array for name, array in (arrays() | stored).items() if array is not None}
    np.savez(folder / "heads.npz", **kept)
    fields: dict[str, Any] = {
        "kind": "heads",
        "name": "two",
        "version": "1",
        "recipe": "two",
        "classes": [],
        "files": {
            "lite0": {"package": "worker.models", "path": f"model_data/{LITE0.file.name}", "sha256": LITE0.sha256},
            "heads": {"path": "heads.npz", "sha256": sha256_of(folder / "heads.npz")},
        },
        "find": {"kind": "whole", "least_px": 0, "finder": {}},
        "heads": [
            {"name": "eye", "says": ["open", "shut"], "net": "lite0", "region": REGION, "calibration": CALIBRATION},
            {"name": "size", "score": [1, 5], "net": "lite0", "region": REGION, "half_width": 0.5},
        ],
        "join": None,
    }
    changes(fields)
    path = folder / "manifest.json"
    path.write_text(json.dumps(fields))
    return path


def load(path: Path) -> HeadsModel:
    return load_heads(read_manifest(path), two())


def test_a_run_that_fits_answers_every_head_about_the_whole_photo(tmp_path: Path) -> None:
    photo = np.random.default_rng(2).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    [[seen]] = load(manifest(tmp_path)).detect([photo])
    assert seen.box.corners == (0, 0, 1, 1)
    assert len(seen.answers) == 2


def test_a_subject_that_is_too_small_is_not_asked_about(tmp_path: Path) -> None:
    model = load(manifest(tmp_path, lambda fields: fields["find"].update(least_px=50)))
    small, large = np.zeros((48, 64, 3), np.uint8), np.zeros((50, 64, 3), np.uint8)
    assert [len(found) for found in model.detect([small, large])] == [0, 1]


def test_the_places_of_an_answer_add_up_to_its_logit_whatever_the_head_has_for_it(tmp_path: Path) -> None:
    """To 1e-5, less what all values have in common; also where a head of two values holds one of them as zeros."""
    explained = parse(RECIPE | {"show": {"why": "eye"}})
    zeros = arrays()["0.weights"] * np.array([0, 0.01], np.float32)
    photos = [np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8) for seed in range(4)]
    for weights, bias in ((arrays()["0.weights"] * 0.01, [0.1, -0.2]), (zeros, [0, 5]), (zeros, [0, -5])):
        path = manifest(tmp_path, **{"0.weights": weights, "0.bias": np.array(bias, np.float32)})
        model = load_heads(read_manifest(path), explained)
        head = model.heads[0]
        assert isinstance(head, ChoiceHead)
        for photo, [seen] in zip(photos, model.detect(photos), strict=True):
            said, evidence = head.says.index(str(seen.answers[0].value)), seen.evidence[0]
            features = (
                model.backbones[Net.LITE0]
                .features([crop(photo, evidence.subject, evidence.region)])[Pool.MEAN][0]
                .astype(np.float64)
            )
            logits = features @ head.weights + head.bias
            assert evidence.places.shape == (7, 7)
            assert evidence.places.std() > 1e-3
            assert evidence.places.mean() + centred(head.bias)[said] == pytest.approx(
                logits[said] - logits.mean(), abs=1e-5
            )


def test_a_head_that_pools_by_the_largest_value_answers_by_it_and_has_no_places_to_show(tmp_path: Path) -> None:
    explained = parse(RECIPE | {"show": {"why": "eye"}})
    photo = np.random.default_rng(3).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    weights = arrays()["0.weights"] * np.float32(0.01)
    path = manifest(tmp_path, lambda fields: fields["heads"][0].update(pool="max"), **{"0.weights": weights})
    model = load_heads(read_manifest(path), explained)
    [[seen]] = model.detect([photo])
    head = model.heads[0]
    assert isinstance(head, ChoiceHead)
    crops = [crop(photo, FoundSubject(EVERYTHING), head.region)]
    features = model.backbones[Net.LITE0].features(crops, (Pool.MEAN, Pool.MAX))
    assert head.answers(features[Pool.MAX]) == [seen.answers[0]]
    assert head.answers(features[Pool.MEAN]) != [seen.answers[0]]
    assert not seen.evidence


def test_without_a_question_to_explain_nothing_is_kept_and_the_answers_are_the_same(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    photo = np.random.default_rng(2).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    [[plain]] = load(path).detect([photo])
    [[explained]] = load_heads(read_manifest(path), parse(RECIPE | {"show": {"why": "eye"}})).detect([photo])
    assert (list(plain.evidence), list(explained.evidence)) == ([], [0])
    assert plain.answers == explained.answers


def test_what_shows_why_takes_no_second_run_of_the_backbone(tmp_path: Path) -> None:
    class Counting(Backbone):
        runs = 0

        def maps(self, crops: Sequence[Crop]) -> Floats:
            self.runs += len(crops)
            return super().maps(crops)

    backbone = Counting(LITE0.file.read_bytes())
    model = load_heads(read_manifest(manifest(tmp_path)), parse(RECIPE | {"show": {"why": "eye"}}))
    [[first], [second]] = replace(model, backbones={Net.LITE0: backbone}).detect([np.zeros((48, 64, 3), np.uint8)] * 2)
    assert (len(first.evidence), len(second.evidence), backbone.runs) == (1, 1, 2)


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "heads of another recipe": (
        lambda fields: fields["heads"][0].update(says=["open", "half"]),
        "its heads answer .*half.* the recipe 'two' asks .*shut.* Train the recipe again",
    ),
    "joined questions that the recipe does not join": (
        lambda fields: fields.update(join={"questions": ["eye", "size"], "calibration": CALIBRATION}),
        "joined \\['eye', 'size'\\]",
    ),
    "a calibration that falls": (
        lambda fields: fields["heads"][0].update(calibration=BetaCalibration(0.0, -1.0, 1.0).fields()),
        "does not rise with the score",
    ),
    "no calibration": (lambda fields: fields["heads"][0].pop("calibration"), "calibration"),
    "an interval that is none": (lambda fields: fields["heads"][1].update(half_width=-1), "interval of size is -1"),
    "an unknown finder": (lambda fields: fields["find"].update(kind="eyes"), "eyes"),
    "another backbone": (
        lambda fields: fields["files"]["lite0"].update(sha256="0" * 64),
        "the lite0 file .* has SHA-256",
    ),
    "no heads": (lambda fields: fields.pop("heads"), "heads"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, fault: str) -> None:
    change, expected = FAULTS[fault]
    with pytest.raises(InvalidModel, match=expected):
        load(manifest(tmp_path, change))


ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "a missing array": ({"0.bias": None}, "0.bias"),
    "another shape": ({"0.weights": np.zeros((FEATURES, 3), np.float32)}, "arrays of head 0 have the shapes"),
    "NaN": ({"1.weights": np.full((FEATURES, 1), np.nan, np.float32)}, "a number of head 1 is not finite"),
    "a scale of 0": ({"0.scale": np.zeros(FEATURES, np.float32)}, "or a scale is not positive"),
}


@pytest.mark.parametrize("fault", ARRAYS)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, fault: str) -> None:
    stored, expected = ARRAYS[fault]
    with pytest.raises(InvalidModel, match=expected):
        load(manifest(tmp_path, **stored))


def test_a_file_of_weights_that_is_none_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    (tmp_path / "heads.npz").write_bytes(b"no archive")
    fields = json.loads(path.read_text())
    fields["files"]["heads"]["sha256"] = sha256_of(tmp_path / "heads.npz")
    path.write_text(json.dumps(fields))
    with pytest.raises(InvalidModel, match="file of weights can't be used"):
        load(path)


def test_a_file_of_weights_holds_no_code(tmp_path: Path) -> None:
    """NumPy would run what an array of objects says, if it were asked to."""
    with pytest.raises(InvalidModel, match="file of weights can't be used"):
        load(manifest(tmp_path, **{"0.bias": np.array([print, print], dtype=object)}))


def test_a_person_is_answered_as_far_as_the_photo_shows() -> None:
    """By the shipped model of lego: garments are unknown, the colour of what is cut off is unseen."""
    lego = load_recipe("lego")
    model = load_heads(read_manifest(folder_of("lego") / "model" / "manifest.json"), lego)
    person = list(people(9))[-1]
    photo = decode(person.jpeg).image
    [[whole], [half]] = model.detect([photo, photo[:440]])
    assert [answer.value for answer in whole.answers[1:]] == [UNKNOWN, person.top, UNKNOWN, person.bottom]
    assert [answer.value for answer in half.answers[1:]] == [UNKNOWN, person.top, UNSEEN, UNSEEN]
    assert whole.answers[0].value == half.answers[0].value
    assert set(model.backbones) == {Net.FACE}, "no network is loaded for heads that have learned nothing"


def test_a_run_that_measures_another_colour_is_refused(tmp_path: Path) -> None:
    """Or none where the recipe measures one."""
    fields = json.loads((folder_of("lego") / "model" / "manifest.json").read_text())
    fields["heads"][2].pop("colour")
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(fields))
    (tmp_path / "heads.npz").write_bytes((folder_of("lego") / "model" / "heads.npz").read_bytes())
    with pytest.raises(InvalidModel, match="its heads answer"):
        load_heads(read_manifest(path), load_recipe("lego"))
