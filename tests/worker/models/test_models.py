"""Loading a model from its manifest, and what the model card says of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import worker
from bench import calibrate_shop_table
from bench.portraits import card as portraits_card
from contracts.messages import Model
from day0 import card
from recipes.kiosk.labels import LABELS
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.manifests import InvalidModel

REPORT = Path(card.__file__).parent / "report.json"


def changed(tmp_path: Path, **fields: Any) -> Path:
    """A copy of the default manifest with some fields replaced; None takes one out. Its files stay where they are."""
    manifest = {**json.loads(DEFAULT_MANIFEST.read_text()), "files": files(), **fields}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({name: value for name, value in manifest.items() if value is not None}))
    return path


def files(**replaced: dict[str, str]) -> dict[str, dict[str, str]]:
    """The default manifest's files, as resources of the package "worker", some replaced."""
    folder = DEFAULT_MANIFEST.parent.relative_to(Path(worker.__file__).parent)
    entries = json.loads(DEFAULT_MANIFEST.read_text())["files"]
    packaged = {
        role: {**entry, "package": "worker", "path": str(folder / entry["path"])} for role, entry in entries.items()
    }
    return {**packaged, **replaced}


def test_the_default_model_is_named_by_its_manifest() -> None:
    """Name, version, and the manifest's digest stand in every message."""
    digest = hashlib.sha256(DEFAULT_MANIFEST.read_bytes()).hexdigest()
    assert load_detector(DEFAULT_MANIFEST).model == Model("cascade", "2", digest)


def test_another_kind_takes_its_place_by_one_entry() -> None:
    """A loader for a kind gets the manifest and decides what serves."""
    taken = load_detector(DEFAULT_MANIFEST)
    assert load_detector(DEFAULT_MANIFEST, {"cascade": lambda _: taken}) is taken


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """The kinds that are known are named."""
    with pytest.raises(InvalidModel, match=r"the kind 'oracle' is unknown, only cascade"):
        load_detector(changed(tmp_path, kind="oracle"))


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    """Nothing is loaded from nowhere."""
    with pytest.raises(InvalidModel, match="the manifest can't be read"):
        load_detector(tmp_path / "manifest.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", "\xff", '{"kind": "cascade"}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    """Not JSON, not an object, or not all of its fields."""
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InvalidModel, match="not a model's manifest"):
        load_detector(path)


@pytest.mark.parametrize("classes", [[], [str(label) for label in reversed(LABELS)], ["person"]], ids=str)
def test_other_classes_are_refused(tmp_path: Path, classes: list[str]) -> None:
    """Also the right ones in another order: each answer would mean another label."""
    with pytest.raises(InvalidModel, match=r"classes are .*, not"):
        load_detector(changed(tmp_path, classes=classes))


def test_a_tampered_file_is_refused(tmp_path: Path) -> None:
    """One byte more, and the digest is another."""
    weights = tmp_path / "finder.onnx"
    weights.write_bytes(b"age")
    promised = hashlib.sha256(b"age").hexdigest()
    weights.write_bytes(b"age!")
    path = changed(tmp_path, files=files(finder={"path": "finder.onnx", "sha256": promised}))
    with pytest.raises(InvalidModel, match=r"the finder file .*finder\.onnx has SHA-256 \w+, not " + promised):
        load_detector(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """By its role and its place."""
    path = changed(tmp_path, files=files(network_1={"path": "other.onnx", "sha256": "0" * 64}))
    with pytest.raises(InvalidModel, match=r"the network_1 file .*other\.onnx can't be read"):
        load_detector(path)


def test_a_missing_package_is_refused(tmp_path: Path) -> None:
    """It says what to install."""
    path = changed(tmp_path, files=files(finder={"package": "no_such_package", "path": "a.onnx", "sha256": "0" * 64}))
    with pytest.raises(InvalidModel, match=r"package 'no_such_package', which is not installed.*requirements"):
        load_detector(path)


@pytest.mark.parametrize("place", ["../finder.onnx", "/etc/passwd"])
def test_a_file_outside_the_models_folder_is_refused(tmp_path: Path, place: str) -> None:
    """A manifest can't reach elsewhere on the machine."""
    with pytest.raises(InvalidModel, match="leaves the model's folder"):
        load_detector(changed(tmp_path, files=files(finder={"path": place, "sha256": "0" * 64})))


@pytest.mark.parametrize("field", ["files", "finder", "calibration"])
def test_a_manifest_without_a_part_is_refused(tmp_path: Path, field: str) -> None:
    """Each part is needed."""
    with pytest.raises(InvalidModel, match="this model is not loaded"):
        load_detector(changed(tmp_path, **{field: None}))


@pytest.mark.parametrize("role", ["finder", "network_0", "network_1"])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, role: str) -> None:
    """Also when its digest is the one promised."""
    (tmp_path / "weights").write_bytes(b"no network")
    entry = {"path": "weights", "sha256": hashlib.sha256(b"no network").hexdigest()}
    with pytest.raises(InvalidModel, match="can't be used"):
        load_detector(changed(tmp_path, files=files(**{role: entry})))


def test_files_are_those_of_a_package_or_those_beside_the_manifest(tmp_path: Path) -> None:
    """A path with a package is that package's, a path without one is relative to the manifest."""
    network = DEFAULT_MANIFEST.parent / "age_gender_1.onnx"
    shutil.copyfile(network, tmp_path / "beside.onnx")
    entry = {"path": "beside.onnx", "sha256": hashlib.sha256(network.read_bytes()).hexdigest()}
    assert load_detector(changed(tmp_path, files=files(network_1=entry))).model.name == "cascade"


def test_the_manifest_holds_the_reports_coefficients() -> None:
    """What was measured is what serves."""
    report = json.loads(REPORT.read_text())
    assert json.loads(DEFAULT_MANIFEST.read_text())["calibration"] == report["calibration"]
    assert hashlib.sha256(DEFAULT_MANIFEST.read_bytes()).hexdigest() == report["model"]["digest"]


def test_the_model_card_shows_the_reports_figures() -> None:
    """Every table of the card is the one that the report makes."""
    text = card.CARD.read_text()
    tables = card.tables(json.loads(REPORT.read_text()))
    assert card.filled(text, tables) == text
    of_yolos = portraits_card.tables(json.loads(portraits_card.REPORT.read_text()))
    others = of_yolos.keys() | {calibrate_shop_table.MARK}
    assert card.marks(text) == tables.keys() | others, "a table that nothing makes is stale"


def test_the_readme_says_what_the_report_measured() -> None:
    """Of 100 elders and of 100 adults on FairFace's test photos, as they are."""
    measured = json.loads(REPORT.read_text())["side by side"]["FairFace test, as it is"]["cascade 2"]
    elders, adults = (round(100 * measured[f"easy screen, {who}"]["share"]) for who in ("elders", "adults"))
    readme = " ".join((card.ROOT / "README.md").read_text().split())
    assert f"the easy screen turns for {elders} of 100 elders and {adults} of 100 adults" in readme


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at_least", 0),
        ("at_least", float("nan")),
        ("second_look_from", 0.9),  # above the score that counts at once
        ("passes", []),
        ("passes", [{"divisor": 9, "border": 0}]),
        ("passes", [{"divisor": 0, "border": float("nan")}]),
        ("head_margins", [0, 0, 0, 9]),
    ],
)
def test_a_finder_with_an_invalid_number_is_refused(tmp_path: Path, field: str, value: object) -> None:
    """It would find nobody, or fail for each photo."""
    finder = {**json.loads(DEFAULT_MANIFEST.read_text())["finder"], field: value}
    with pytest.raises(InvalidModel, match="can't be used"):
        load_detector(changed(tmp_path, finder=finder))
