"""Pictures of AI Hub's set of pets' eyes ("반려동물 안구질환 데이터"); a file of the user's says which sign each shows.

AI Hub gives the set to Koreans who register, under terms of its own, and nothing of it is here. What is read is what
several public programs that use it agree on:

    …/개|고양이/안구/…/<disease>/<level>/<name>.json, and beside it the picture of one eye that it names

    {"images": {"meta": {"device", "breed", "gender", "age"}},
     "label": {"label_filename", "label_disease_nm", "label_disease_lv_3", "label_deleted"}}

A disease is no sign: which one its pictures show, and whether `무` (the disease is absent) means that none is seen, is
for the user's file to say (`read_meaning`). What it does not name is left out, and counted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize

from contracts.boxes import Box
from contracts.near import did_you_mean
from contracts.subject_labels import LabelledSubject, SubjectLabels
from contracts.toml_file import read_toml
from recipes.recipe import Recipe
from retrain.errors import InvalidDataset

INPUT: Final = "species"
QUESTION: Final = "sign"
SPECIES: Final = {"개": "dog", "고양이": "cat"}  # a folder on the way to the picture
CAMERAS: Final = ("스마트폰", "일반카메라")  # others are of a clinic: what a person's phone takes does not look so
PRESENT: Final = ("유", "초기", "비성숙", "성숙", "상", "하")
ABSENT: Final = "무"
WHOLE: Final = Box(0, 0, 1, 1)
KEYS: Final = ("absent", "animal", "signs")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the user's file says. `signs`: of each disease; `absent`: of a picture without its disease.

    `animal`: the path of the field with the animal's id, as `images.meta.id`. Without one, all pictures of animals of
    the same species, breed, gender and age count as those of one animal: too few animals, never one taken for two.
    """

    signs: Mapping[str, str]
    absent: str | None = None
    animal: str | None = None


@dataclass(frozen=True, slots=True)
class FoundEyes:
    """The pictures that teach. `taken`: how many of each disease, level and sign; `left_out`: counted by reason."""

    pictures: Mapping[Path, SubjectLabels]
    taken: Mapping[str, int]
    left_out: Mapping[str, int]


def read_meaning(recipe: Recipe, file: Path) -> Meaning:
    """The user's file; InvalidDataset names every mistake."""
    says = recipe.says(QUESTION)
    if INPUT not in recipe.inputs or not says:
        raise InvalidDataset(
            f"the recipe {recipe.name!r} has no input {INPUT!r} and no question {QUESTION!r}; AI Hub's eyes answer the "
            "recipe pet-eye"
        )
    try:
        fields = read_toml(file)
    except (OSError, ValueError) as error:
        raise InvalidDataset(f"{file} can't be read as TOML: {error}; nothing was imported") from None
    signs = fields.get("signs")
    mistakes = [f"{key}: there is no such key{did_you_mean(key, KEYS)}" for key in fields.keys() - set(KEYS)]
    if not isinstance(signs, Mapping) or not signs:
        mistakes.append('signs: is missing; write a table [signs], and in it "<disease>" = "<sign>"')
        signs = dict[str, Any]()
    named = {f"signs.{disease}": sign for disease, sign in signs.items()}
    named |= {"absent": fields["absent"]} if "absent" in fields else {}
    mistakes += [
        f"{path}: {sign!r} is no sign; choose {', '.join(says)}" for path, sign in named.items() if sign not in says
    ]
    if not isinstance(fields.get("animal", ""), str):
        mistakes.append(f'animal: {fields["animal"]!r} is no path of a field; write it as "images.meta.id"')
    if mistakes:
        raise InvalidDataset(f"{file} is invalid, nothing was imported; correct these lines:\n" + "\n".join(mistakes))
    return Meaning(
        {normalize("NFC", each): sign for each, sign in signs.items()}, fields.get("absent"), fields.get("animal")
    )


def read_eyes(recipe: Recipe, folder: Path, meaning: Meaning) -> FoundEyes:
    """The pictures below a folder that teach; InvalidDataset if there is none."""
    found = _Found(recipe, meaning)
    for file in sorted(folder.rglob("*.json")):
        found.add(file)
    pictures = dict(found.pictures())
    if not pictures:
        reasons = "".join(f"\n  {count:,} {reason}" for reason, count in sorted(found.left_out.items()))
        raise InvalidDataset(
            f"{folder} has no picture that teaches; nothing was imported. Name the folder with the unpacked label "
            f"archives (라벨링데이터), in which a picture lies beside each .json{reasons}"
        )
    return FoundEyes(pictures, dict(found.taken), dict(+found.left_out))


@dataclass
class _Found:
    recipe: Recipe
    meaning: Meaning
    taken: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    by_content: dict[bytes, list[tuple[Path, dict[str, str], str, str]]] = field(default_factory=dict)

    def add(self, file: Path) -> None:
        try:
            self._add(file)
        except _LeftOut as reason:
            self.left_out[str(reason)] += 1

    def _add(self, file: Path) -> None:
        try:
            content = json.loads(file.read_bytes().decode("utf-8-sig"))
        except (OSError, ValueError):
            raise _LeftOut("JSON files that can't be read") from None
        species = next((SPECIES[part] for part in map(_nfc, reversed(file.absolute().parts)) if part in SPECIES), None)
        if species is None:
            raise _LeftOut(f"outside a folder {' or '.join(SPECIES)}")
        if _field(content, "label.label_deleted", "") in (1, "1", True, "true", "Y"):
            raise _LeftOut("marked as deleted")
        if (device := _text(content, "images.meta.device")) not in CAMERAS:
            raise _LeftOut(f"taken by {device}, no camera of a pet's owner")
        sign, what = self._sign(content, species)
        name = _text(content, "label.label_filename")
        if Path(name).name != name:
            raise _LeftOut("whose picture's name is a path")
        picture = file.with_name(name)
        if not picture.is_file():
            raise _LeftOut("without their picture beside them")
        place = picture, {INPUT: species}, sign, self._animal(content, species)
        self.by_content.setdefault(hashlib.sha256(picture.read_bytes()).digest(), []).append(place)
        self.taken[f"{what}: {sign}"] += 1

    def _sign(self, content: Any, species: str) -> tuple[str, str]:
        disease, level = _text(content, "label.label_disease_nm"), _text(content, "label.label_disease_lv_3")
        if level == ABSENT:
            sign, lacks = self.meaning.absent, f"without their disease ({ABSENT}), of which the file says no `absent`"
        elif level in PRESENT:
            sign, lacks = self.meaning.signs.get(disease), f"of {disease}, which the file does not name"
        else:
            sign, lacks = None, f"of the unknown level {level}"
        if sign is None:
            raise _LeftOut(lacks)
        heads = (head for head in self.recipe.heads_of(QUESTION) if self.recipe.asked(head, {INPUT: species}))
        if not any(sign in head.says for head in heads):
            raise _LeftOut(f"of {disease}: {self.recipe.name} does not ask for {sign} of a {species}")
        return sign, f"{species}, {disease} {level}"

    def _animal(self, content: Any, species: str) -> str:
        if self.meaning.animal is not None:
            return f"{species} {_text(content, self.meaning.animal)}"
        return " ".join(
            [species, *(str(_field(content, f"images.meta.{name}", "-")) for name in ("breed", "gender", "age"))]
        )

    def pictures(self) -> Iterator[tuple[Path, SubjectLabels]]:
        """Each picture once: AI Hub has some under several diseases. Absence of one is no sign against another."""
        for places in self.by_content.values():
            signs = {sign for *_, sign, _ in places if sign != self.meaning.absent} or {self.meaning.absent}
            if len(signs) > 1:
                self.left_out["copies of a picture under several signs"] += len(places)
                continue
            self.left_out["further copies of a picture"] += len(places) - 1
            path, inputs, _, animal = places[0]
            subject = LabelledSubject(WHOLE, {QUESTION: str(signs.pop())}, animal)
            yield path, SubjectLabels(self.recipe.name, inputs, (subject,))


class _LeftOut(Exception):
    """Why a picture teaches nothing."""


def _nfc(text: str) -> str:
    """Composed letters: a Mac unpacks folders of Korean names with decomposed ones."""
    return normalize("NFC", text)


def _field(content: Any, path: str, missing: object) -> object:
    for name in path.split("."):
        content = content.get(name) if isinstance(content, Mapping) else None
    return missing if content is None else content


def _text(content: Any, path: str) -> str:
    """A field as text; _LeftOut without it."""
    value = _field(content, path, None)
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise _LeftOut(f"without the field {path}")
    return _nfc(str(value).strip())
