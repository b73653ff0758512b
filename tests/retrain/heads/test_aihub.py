"""AI Hub's eyes: what their files say is read, what a disease means is the user's word, and nothing is mapped silently.

The files here are invented, in the layout that public programs read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from recipes.reading import load, parse
from retrain.errors import InvalidDataset
from retrain.heads.aihub import Meaning, read_eyes, read_meaning
from tests.pictures import encoded, gradient

EYE = load("pet-eye")
SIGNS = {"백내장": "cloudy", "결막염": "red", "안검종양": "lid_mass"}
MAP = 'absent = "none"\n[signs]\n"백내장" = "cloudy"\n"결막염" = "red"\n'


def put(
    folder: Path, number: int, disease: str = "백내장", level: str = "초기", *, like: int | None = None, **label: Any
) -> Path:
    """One picture with its file. `like`: the number whose pixels it has; `animal`: its breed, gender and age."""
    place = folder / str(label.pop("animal_folder", "개")) / "안구" / "일반" / disease / level
    place.mkdir(parents=True, exist_ok=True)
    breed, gender, age = label.pop("animal", ("말티즈", "수컷", number))
    meta = {"device": label.pop("device", "스마트폰"), "breed": breed, "gender": gender, "age": age, "id": f"a{age}"}
    picture = place / f"crop_D0_{number:04}.jpg"
    picture.write_bytes(encoded(gradient(64, 48).rotate(3 * (number if like is None else like))))
    fields = {"label_disease_nm": disease, "label_disease_lv_3": level, "label_deleted": 0}
    content = {"images": {"meta": meta}, "label": fields | {"label_filename": picture.name} | label}
    file = picture.with_suffix(".json")
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8-sig")
    return file


def test_a_picture_has_its_species_its_sign_and_its_animal(tmp_path: Path) -> None:
    put(tmp_path, 1)
    put(tmp_path, 2, "결막염", "유", animal_folder="고양이", device="일반카메라")
    found = read_eyes(EYE, tmp_path, Meaning(SIGNS))
    dog, cat = (found.pictures[path] for path in sorted(found.pictures, reverse=False))
    assert (dog.recipe, dog.inputs, cat.inputs) == ("pet-eye", {"species": "dog"}, {"species": "cat"})
    assert [each.subjects[0].answers for each in (dog, cat)] == [{"sign": "cloudy"}, {"sign": "red"}]
    assert dog.subjects[0].box.corners == (0, 0, 1, 1)
    assert found.taken == {"dog, 백내장 초기: cloudy": 1, "cat, 결막염 유: red": 1}
    assert found.left_out == {}


def test_what_the_map_does_not_name_is_left_out_and_counted(tmp_path: Path) -> None:
    """By its reason, in words: the person who imports sees what was not used."""
    put(tmp_path, 1)
    put(tmp_path, 2, "유루증", "유")
    put(tmp_path, 3, "유루증", "유")
    put(tmp_path, 4, "백내장", "무")
    put(tmp_path, 5, "백내장", "의심")
    put(tmp_path, 6, device="검안경")
    put(tmp_path, 7, label_deleted=1)
    put(tmp_path, 8, "안검종양", "유", animal_folder="고양이")
    put(tmp_path, 9, animal_folder="토끼")
    put(tmp_path, 10).with_suffix(".jpg").unlink()
    put(tmp_path, 11, label_disease_nm=None)
    put(tmp_path, 12).write_text("{", encoding="utf-8")
    found = read_eyes(EYE, tmp_path, Meaning(SIGNS))
    assert len(found.pictures) == 1
    assert found.left_out == {
        "of 유루증, which the file does not name": 2,
        "without their disease (무), of which the file says no `absent`": 1,
        "of the unknown level 의심": 1,
        "taken by 검안경, no camera of a pet's owner": 1,
        "marked as deleted": 1,
        "of 안검종양: pet-eye does not ask for lid_mass of a cat": 1,
        "outside a folder 개 or 고양이": 1,
        "without their picture beside them": 1,
        "without the field label.label_disease_nm": 1,
        "JSON files that can't be read": 1,
    }


def test_absence_of_a_disease_is_no_sign_only_if_the_map_says_so(tmp_path: Path) -> None:
    put(tmp_path, 1, "백내장", "무")
    with pytest.raises(InvalidDataset, match=r"has no picture that teaches.*\n.*1 without their disease"):
        read_eyes(EYE, tmp_path, Meaning(SIGNS))
    (labels,) = read_eyes(EYE, tmp_path, Meaning(SIGNS, absent="none")).pictures.values()
    assert labels.subjects[0].answers == {"sign": "none"}


def test_animals_of_one_kind_are_one_group_unless_a_field_names_them(tmp_path: Path) -> None:
    """Too few groups is careful; one animal in two groups would be learned and judged."""
    for number, animal in enumerate((("말티즈", "수컷", 3), ("말티즈", "수컷", 3), ("푸들", "수컷", 3))):
        put(tmp_path, number, animal=animal)

    def groups(meaning: Meaning) -> list[str | None]:
        pictures = read_eyes(EYE, tmp_path, meaning).pictures
        return [pictures[path].subjects[0].group for path in sorted(pictures)]

    assert groups(Meaning(SIGNS)) == ["dog 말티즈 수컷 3", "dog 말티즈 수컷 3", "dog 푸들 수컷 3"]
    assert groups(Meaning(SIGNS, animal="images.meta.id")) == ["dog a3", "dog a3", "dog a3"]
    with pytest.raises(InvalidDataset, match=r"3 without the field images\.meta\.chip"):
        read_eyes(EYE, tmp_path, Meaning(SIGNS, animal="images.meta.chip"))


def test_one_picture_under_several_diseases_teaches_once_or_not_at_all(tmp_path: Path) -> None:
    """A sign counts more than the absence of another one; two signs are too many."""
    put(tmp_path, 1, "백내장", "성숙")
    put(tmp_path, 2, "결막염", "무", like=1)
    put(tmp_path, 3, "백내장", "성숙")
    put(tmp_path, 4, "결막염", "유", like=3)
    found = read_eyes(EYE, tmp_path, Meaning(SIGNS, absent="none"))
    assert [each.subjects[0].answers for each in found.pictures.values()] == [{"sign": "cloudy"}]
    assert found.left_out == {"further copies of a picture": 1, "copies of a picture under several signs": 2}


def test_a_mac_spells_folders_with_decomposed_letters(tmp_path: Path) -> None:
    put(tmp_path, 1, normalize("NFD", "백내장"), animal_folder=normalize("NFD", "고양이"))
    (labels,) = read_eyes(EYE, tmp_path, Meaning(SIGNS)).pictures.values()
    assert labels.inputs == {"species": "cat"}


def test_the_map_is_read(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text('animal = "images.meta.id"\n' + MAP, encoding="utf-8")
    assert read_meaning(EYE, file) == Meaning({"백내장": "cloudy", "결막염": "red"}, "none", "images.meta.id")


def test_every_mistake_of_the_map_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text('absend = "none"\nabsent = "fine"\nanimal = 3\n[signs]\n"백내장" = "cloud"\n', encoding="utf-8")
    with pytest.raises(InvalidDataset) as refused:
        read_meaning(EYE, file)
    first, *mistakes = str(refused.value).splitlines()
    assert first == f"{file} is invalid, nothing was imported; correct these lines:"
    says = "choose cloudy, red, discharge, lid_mass, none"
    assert mistakes == [
        "absend: there is no such key; did you mean absent?",
        f"signs.백내장: 'cloud' is no sign; {says}",
        f"absent: 'fine' is no sign; {says}",
        'animal: 3 is no path of a field; write it as "images.meta.id"',
    ]


@pytest.mark.parametrize("text", ["", "signs = 3", "[signs]"])
def test_a_map_without_signs_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "map.toml"
    file.write_text(text)
    with pytest.raises(InvalidDataset, match="signs: is missing"):
        read_meaning(EYE, file)


def test_other_recipes_have_no_use_for_pets_eyes(tmp_path: Path) -> None:
    head = {"name": "side", "says": ["left", "right"]}
    other = parse({"recipe": 1, "name": "one", "find": {"kind": "whole"}, "head": [head], "judge": {"of": "side"}})
    with pytest.raises(InvalidDataset, match="AI Hub's eyes answer the recipe pet-eye"):
        read_meaning(other, tmp_path / "map.toml")
