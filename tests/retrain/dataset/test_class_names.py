"""The class names of an imported folder: read wherever they stand, or refused by name; never guessed beside a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.kiosk.labels import LABELS, Label
from retrain.dataset.yolo_import.class_names import ClassMeaning, classes_in
from retrain.dataset.yolo_import.folder import ScannedFolder, scan_folder
from retrain.dataset.yolo_import.listing import list_folder
from retrain.errors import InvalidDataset
from retrain.name_files import UnreadableNames, names_in
from tests.pictures import encoded, gradient

OURS = dict(enumerate(LABELS))
TWO = {0: Label.ADULT_MALE, 1: Label.ELDER_MALE}
LISTED = "adult_male\nelder_male\n"


def folder_with(folder: Path, files: Mapping[str, str | bytes], *, labels: str = "1 0.5 0.5 0.4 0.4\n") -> Path:
    """A folder with a picture, its labels, and further files."""
    picture = {"images/a.jpg": encoded(gradient(120, 96)), "labels/a.txt": labels}
    for name, content in {**picture, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def classes_of(folder: Path) -> ClassMeaning:
    return classes_in(list_folder(folder), classes=LABELS)


def scanned(folder: Path, aliases: Mapping[str, Label] | None = None, left_out: Sequence[str] = ()) -> ScannedFolder:
    listing = list_folder(folder)
    return scan_folder(listing, classes_in(listing, LABELS, aliases, left_out=left_out), kiosk="mine")


NAMES = {
    "list": "names: [adult_male, elder_male]",
    "block list": "names:\n- adult_male\n- elder_male\n",
    "mapping": "names:\n  0: adult_male\n  1: elder_male\n",
    "mapping by text": "names: {'0': adult_male, '1': elder_male}",
    "mapping by floats": "names: {0.0: adult_male, 1.0: elder_male}",
    "inverse mapping": "names:\n  adult_male: 0\n  elder_male: 1\n",
    "inverse mapping by text": "names: {adult_male: '0', elder_male: '1'}",
    "list as text": "names: \"['adult_male', 'elder_male']\"",
    "mapping as text": "names: \"{0: 'adult_male', 1: 'elder_male'}\"",
    "tuple as text": "names: ('adult_male', 'elder_male')",
    "text with commas": "names: adult_male, elder_male",
    "lines as text": "names: |\n  adult_male\n  elder_male\n",
    "list of names": "names: [{name: adult_male}, {name: elder_male}]",
    "list of names with ids": "names: [{id: 1, name: elder_male}, {id: 0, name: adult_male}]",
    "list of pairs": "names:\n- 0: adult_male\n- 1: elder_male\n",
    "nested": "names:\n  0: {name: adult_male, colour: red}\n  1: {name: elder_male, colour: blue}\n",
    "JSON": json.dumps({"nc": 2, "names": ["adult_male", "elder_male"]}, indent="\t"),
    "capitals": "Names: [ADULT MALE, Elder-Male]\nNC: 2",
    "Roboflow": "train: ../train/images\nnc: 2\nnames: ['adult_male', 'elder_male']\nroboflow: {license: x}\n",
    "CRLF": "names:\r\n  0: adult_male\r\n  1: elder_male\r\n",
    "byte order mark": "\ufeffnames: [adult_male, elder_male]",
    "anchors": "a: &a [adult_male, elder_male]\nnames: *a\n",
}


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_names_are_read_in_each_form_of_a_data_yaml(tmp_path: Path, text: str) -> None:
    classes = classes_of(folder_with(tmp_path, {"data.yaml": text}))
    assert classes.labels == TWO
    assert classes.to_fields(tmp_path)["from"] == ["data.yaml"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.yaml", NAMES["list"]),
        ("DATA.YAML", NAMES["list"]),
        ("dataset.yml", NAMES["list"]),
        ("export/deep/data.yaml", NAMES["list"]),
        ("data.yaml", NAMES["list"].encode("utf-16")),
        ("classes.txt", LISTED),
        ("Classes.TXT", LISTED),
        ("labels/classes.txt", LISTED),
        ("images/classes.txt", LISTED),
        ("_classes.txt", LISTED),
        ("predefined_classes.txt", LISTED),
        ("obj.names", LISTED),
        ("data/obj.names", LISTED),
        ("train/_darknet.labels", LISTED),
        ("labels.txt", LISTED),
        ("classes.txt", "\ufeffadult_male\r\nelder_male\r\n"),
        ("classes.txt", "adult_male\relder_male"),
        ("classes.txt", LISTED.encode("utf-16")),
        ("classes.txt", "0 adult_male\n1 elder_male\n"),
        ("classes.txt", "1: elder_male\n0: adult_male\n"),
        ("classes.txt", "adult_male, elder_male"),
        ("notes.json", json.dumps({"categories": [{"id": 1, "name": "elder_male"}, {"id": 0, "name": "adult_male"}]})),
        ("data.json", json.dumps({"names": {"0": "adult_male", "1": "elder_male"}})),
    ],
)
def test_names_are_found_in_each_file_that_exporters_write(tmp_path: Path, name: str, content: str | bytes) -> None:
    classes = classes_of(folder_with(tmp_path, {name: content}))
    assert classes.labels == TWO
    assert classes.to_fields(tmp_path)["from"] == [name]
    [picture] = scanned(tmp_path).pictures
    assert [person.label for person in picture.people] == [Label.ELDER_MALE]


@pytest.mark.parametrize(
    "form", ["list", "mapping", "inverse", "text", "text of a mapping", "lines", "notes", "numbered"]
)
@settings(max_examples=20)
@given(order=st.permutations([*LABELS, "cat", "Großmutter", "42nd"]))
def test_any_order_of_names_is_read_back(tmp_path_factory: pytest.TempPathFactory, form: str, order: list[str]) -> None:
    texts = list(map(str, order))
    numbered = dict(enumerate(texts))
    name, content = {
        "list": ("data.yaml", json.dumps({"names": texts})),
        "mapping": ("data.yaml", json.dumps({"names": numbered})),
        "inverse": ("data.yaml", json.dumps({"names": {text: number for number, text in numbered.items()}})),
        "text": ("data.yaml", json.dumps({"names": str(texts)})),
        "text of a mapping": ("data.yaml", json.dumps({"names": str(numbered)})),
        "lines": ("classes.txt", "\n".join(texts)),
        "notes": ("notes.json", json.dumps({"categories": [{"id": n, "name": t} for n, t in numbered.items()]})),
        "numbered": ("obj.names", "".join(f"{number}: {text}\n" for number, text in numbered.items())),
    }[form]
    path = tmp_path_factory.mktemp("names") / name
    path.write_text(content)
    assert names_in(path) == numbered


UNREADABLE = {
    "no YAML": "names: [",
    "a key twice": "names: [elder_male]\nnames: [adult_male]\n",
    "a number twice": "names: {0: elder_male, 0: adult_male}",
    "a number of two": "names: {elder_male: 0, adult_male: 0}",
    "neither numbers nor names": "names: {elder_male: adult_male}",
    "mixed": "names: {0: elder_male, adult_male: 1}",
    "nested": "names: {train: [elder_male], val: [adult_male]}",
    "lists in a list": "names: [[elder_male], [adult_male]]",
    "a path": "names: data/obj.names",
    "a file": "names: classes.txt",
    "words": "names: elder_male adult_male",
    "a number": "names: 4",
    "nothing": "names:",
    "an empty list": "names: []",
    "no names": "train: images\nval: images\nnc: 4\n",
    "another count": "nc: 4\nnames: [elder_male, adult_male]\n",
    "an endless list": "names: &a [*a]",
    "a negative number": "names: {-1: elder_male}",
    "half a number": "names: {0.5: elder_male}",
    "Python": "names: !!python/object/apply:os.getcwd []",
    "an impossible date": "names: [elder_male]\ndate: 2026-13-45\n",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_data_yaml_whose_names_can_t_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """Our order beside it would be a guess."""
    folder = folder_with(tmp_path, {"export/data.yaml": text})
    with pytest.raises(InvalidDataset, match=r"the class names in \S+export/data\.yaml can't be read: .*--names FILE"):
        classes_of(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classes.txt", ""),
        ("classes.txt", b"\xff\xd8\xff\xe0"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nelder_male:1,2,3::\n"),
        ("notes.json", "{"),
        ("obj.data", "classes = 2\nnames = data/obj.names\n"),
        ("_annotations.coco.json", json.dumps({"annotations": [], "categories": [{"id": 1, "name": "elder_male"}]})),
        ("label_map.pbtxt", "item { id: 1 name: 'elder_male' }"),
        ("_classes.csv", "filename, elder_male\n"),
    ],
)
def test_another_file_whose_names_can_t_be_read_is_refused_by_name(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    with pytest.raises(InvalidDataset, match=f"the class names in .*{name} can't be read: "):
        classes_of(folder_with(tmp_path, {name: content}))


def test_a_file_too_large_for_names_is_refused_unless_another_names_the_classes(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [" + "adult_male, " * 30_000 + "]")
    with pytest.raises(InvalidDataset, match="larger than 64 KB"):
        classes_in(list_folder(tmp_path), classes=LABELS)
    (tmp_path / "classes.txt").write_text("adult_male\n")
    assert classes_in(list_folder(tmp_path), classes=LABELS).labels == {0: Label.ADULT_MALE}


def test_a_file_with_another_purpose_does_not_hinder_names_that_are_read(tmp_path: Path) -> None:
    """As COCO's annotations beside a classes.txt: its class numbers are of COCO alone."""
    coco = json.dumps({"annotations": [], "categories": [{"id": 1, "name": "elder_male"}]})
    folder = folder_with(tmp_path, {"classes.txt": LISTED, "coco.json": coco, "obj.data": "names = x.names"})
    assert classes_of(folder).labels == TWO


def test_without_a_file_of_names_the_classes_are_the_labels_in_order(tmp_path: Path) -> None:
    """Whatever else lies there, also label files and lists of pictures that are called so."""
    others = {
        "notes.yaml": "- nothing to do with it\n",
        "docker-compose.yml": "services: {}\n",
        "yolov5n.yaml": "nc: 80\nbackbone: []\n",
        "args.yaml": "val: true\n",
        "README.txt": "Pictures\n",
        "train.txt": "data/images/a.jpg\n",
        "filenames.txt": "a.jpg\n",
        "labels/class_2.txt": "0 0.5 0.5 0.1 0.1\n",
        "package.json": '{"name": "x"}',
    }
    classes = classes_of(folder_with(tmp_path, others))
    assert (classes.labels, classes.files) == (OURS, ())
    assert classes.to_fields(tmp_path) == {
        "from": [],
        "labels": {"0": "elder_male", "1": "elder_female", "2": "adult_male", "3": "adult_female"},
        "left_out": [],
    }


def test_names_beside_a_part_of_an_export_are_not_passed_over(tmp_path: Path) -> None:
    """As where only the train/ of an export is imported. If they are ours in order, there is no doubt."""
    (tmp_path / "data.yaml").write_text("names: [adult_male, elder_male]")
    folder = folder_with(tmp_path / "train", {})
    with pytest.raises(InvalidDataset, match=r"data\.yaml beside it names 0: adult_male, 1: elder_male; .*--names '"):
        classes_of(folder)
    assert classes_in(list_folder(folder), names_file=tmp_path / "data.yaml", classes=LABELS).labels == TWO
    (tmp_path / "data.yaml").write_text(f"names: [{', '.join(LABELS)}]")
    assert classes_of(folder).labels == OURS


def test_files_that_agree_are_all_named(tmp_path: Path) -> None:
    """In different forms, too."""
    notes = json.dumps({"categories": [{"id": 0, "name": "Adult male"}, {"id": 1, "name": "elder_male"}]})
    classes = classes_of(
        folder_with(tmp_path, {"classes.txt": LISTED, "notes.json": notes, "x/data.yaml": NAMES["list"]})
    )
    assert classes.labels == TWO
    assert classes.to_fields(tmp_path)["from"] == ["classes.txt", "notes.json", "x/data.yaml"]


def test_files_that_disagree_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    other = {"x/data.yaml": "names: [elder_male, adult_male]", "notes.yaml": "- nothing to do with it\n"}
    folder = folder_with(tmp_path, {"classes.txt": LISTED, **other})
    with pytest.raises(InvalidDataset) as refused:
        classes_of(folder)
    assert str(refused.value) == (
        f"classes.txt and x/data.yaml in {tmp_path} name different classes, 0: adult_male, 1: elder_male and "
        "0: elder_male, 1: adult_male; nothing was imported. Name the one that the labels were written with: "
        "--names FILE"
    )
    for file, label in (("classes.txt", Label.ELDER_MALE), ("x/data.yaml", Label.ADULT_MALE)):
        classes = classes_in(list_folder(folder), names_file=folder / file, classes=LABELS)
        assert classes.labels[1] is label
    with pytest.raises(InvalidDataset, match="states no class names"):
        classes_in(list_folder(folder), names_file=folder / "notes.yaml", classes=LABELS)
    (tmp_path / "mine.txt").write_text(LISTED)
    assert classes_in(list_folder(folder), names_file=tmp_path / "mine.txt", classes=LABELS).labels == TWO
    with pytest.raises(InvalidDataset, match="can't be read"):
        classes_in(list_folder(folder), names_file=folder / "missing.yaml", classes=LABELS)


def test_names_that_no_label_file_uses_don_t_block(tmp_path: Path) -> None:
    """As the fifteen that LabelImg puts before one's own."""
    before = "".join(f"n{number}\n" for number in range(15))
    folder = folder_with(tmp_path, {"classes.txt": before + LISTED}, labels="16 0.5 0.5 0.4 0.4\n")
    [picture] = scanned(folder).pictures
    assert [person.label for person in picture.people] == [Label.ELDER_MALE]


def test_a_foreign_class_that_is_used_is_refused_with_both_remedies(tmp_path: Path) -> None:
    """It is one of ours under another name, or no person."""
    labels = "1 0.5 0.5 0.4 0.4\n2 0.2 0.2 0.1 0.1\n"
    folder = folder_with(tmp_path, {"classes.txt": LISTED + "child\n"}, labels=labels)
    [reason] = scanned(folder).invalid
    assert reason == (
        "images/a.jpg: line 2 of its labels is of class 'child', which is no label; say what it is: --class "
        "'child=elder_male', or leave its boxes out: --leave-out 'child'"
    )
    [picture] = scanned(folder, {"Child": Label.ADULT_FEMALE}).pictures
    assert [person.label for person in picture.people] == [Label.ELDER_MALE, Label.ADULT_FEMALE]
    [picture] = scanned(folder, left_out=["child"]).pictures
    assert ([person.label for person in picture.people], picture.left_out) == ([Label.ELDER_MALE], (2,))
    [picture] = scanned(folder, left_out=["2"]).pictures
    assert picture.left_out == (2,)


def test_a_class_without_a_name_is_called_by_its_number(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {}, labels="7 0.5 0.5 0.4 0.4\n")
    [reason] = scanned(folder).invalid
    assert reason == (
        "images/a.jpg: line 1 of its labels is of class '7', which has no name; say what it is: --class "
        "'7=elder_male', or leave its boxes out: --leave-out '7'"
    )
    [picture] = scanned(folder, {"7": Label.ELDER_FEMALE}).pictures
    assert [person.label for person in picture.people] == [Label.ELDER_FEMALE]


def test_an_option_for_a_class_that_no_file_names_is_refused(tmp_path: Path) -> None:
    """A slip of the hand would otherwise change nothing, silently."""
    folder = folder_with(tmp_path, {"classes.txt": "grandpa\nelder_male\n"})
    refusal = r"no class of .* is called granpa, but 0: grandpa, 1: elder_male"
    with pytest.raises(InvalidDataset, match=refusal):
        scanned(folder, {"granpa": Label.ELDER_MALE})
    with pytest.raises(InvalidDataset, match=refusal):
        scanned(folder, left_out=["granpa"])


@settings(max_examples=150)
@given(
    st.sampled_from(["data.yaml", "classes.txt", "notes.json", "obj.data", "obj.names", "x.json"]),
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            ["names:", " ", "\n", "[", "]", "{", "}", "0", "a", ",", ":", "- ", "&a ", "*a", "'", '"', "nc:", "\t"]
        ),
        max_size=15,
    ).map(lambda parts: "".join(parts).encode()),
)
def test_any_file_of_names_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("names") / name
    path.write_bytes(content)
    try:
        names = names_in(path)
    except UnreadableNames as error:
        assert str(error)
        return
    assert names is None or all(type(number) is int and type(text) is str for number, text in names.items())
