"""A recipe's file: what it means, and that every mistake is named at once, in its author's words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.colours import Palette
from recipes.kiosk.labels import LABELS
from recipes.pictures import load_picture
from recipes.reading import InvalidRecipe, folder_of, load, names, parse
from recipes.recipe import Finder, Many, Metric, Region, Teaches
from recipes.texts import load_texts

MASK = """
recipe = 1
name = "mask"
find = { kind = "face", many = "all", least_px = 40 }
join = ["mask", "gender"]
judge = { metric = "macro_f1", of = "joined", groups = ["gender"], folds = 4 }

[[head]]
name = "mask"
says = ["worn", "none"]
region = { of = "face", margin = 0.35 }
augment = ["mirror"]
stop_at = ["none"]

[[head]]
name = "gender"
says = ["male", "female"]
"""


def with_changes(**changes: Any) -> dict[str, Any]:
    return tomllib.loads(MASK) | changes


def mistakes(fields: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidRecipe) as refused:
        parse(fields)
    first, *lines = str(refused.value).splitlines()
    assert first == "recipe.toml is invalid, nothing was done; correct these lines:"
    return lines


def head(name: str = "eye", **fields: Any) -> dict[str, Any]:
    return {"name": name, "says": ["left", "right"], **fields}


def only(*heads: dict[str, Any], **changes: Any) -> dict[str, Any]:
    judge = {"of": heads[0].get("name", "")}
    return {"recipe": 1, "name": "one", "find": {"kind": "whole"}, "head": list(heads), "judge": judge, **changes}


def test_a_file_becomes_a_recipe_and_what_it_leaves_out_has_defaults() -> None:
    recipe = parse(tomllib.loads(MASK))
    mask, gender = recipe.heads
    assert (recipe.find.kind, recipe.find.many, recipe.find.least_px) == (Finder.FACE, Many.ALL, 40)
    assert (mask.says, mask.region, mask.stop_at) == (("worn", "none"), Region("face", 0.35), ("none",))
    assert (gender.region, gender.when, gender.gate) == (Region("whole", 0.0), {}, None)
    assert (recipe.judge.metric, recipe.judge.folds, recipe.teaches) == (Metric.MACRO_F1, 4, Teaches.HEADS)
    assert recipe.show.why == ""
    assert parse(with_changes(show={"why": "mask"})).show.why == "mask"
    assert recipe.classes == ("worn_male", "worn_female", "none_male", "none_female")


@pytest.mark.parametrize("name", names())
def test_every_shipped_recipe_is_valid_and_named_as_its_folder(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize("name", [name for name in names() if name != "kiosk"])
def test_every_shipped_recipe_has_its_texts_in_both_languages(name: str) -> None:
    texts = load_texts(load(name), folder_of(name))
    assert all(each.title and each.about for each in texts.values())


def test_the_kiosks_joined_classes_are_the_labels_on_the_wire() -> None:
    assert load("kiosk").classes == tuple(LABELS)


def test_all_mistakes_are_named_at_once() -> None:
    fields: dict[str, Any] = {
        "recipe": 2,
        "name": "Mask",
        "find": {"kind": "fase", "mini": 1},
        "head": [head(says=["x"])],
        "jion": [],
    }
    assert mistakes(fields) == [
        "recipe: 2 is out of range; write 1 to 1",
        "name: 'Mask' is no name; use small letters, digits, and - or _ between them",
        "find.kind: 'fase' is none of the choices; choose face or whole or person; did you mean face?",
        "find.mini: there is no such key",
        "head[eye].says: one value is no question; name at least two",
        "jion: there is no such key; did you mean join?",
    ]


TOO_MANY = [head(f"q{number}", says=[f"v{value}" for value in range(11)]) for number in range(3)]
RULES: dict[str, tuple[dict[str, Any], str]] = {
    "no format": ({"name": "one", "head": [head()]}, "recipe: is missing; the first line of the file is recipe = 1"),
    "no head": (with_changes(head=[], join=[], judge={}), "head: a recipe asks something; write a table"),
    "head of another kind": (with_changes(head="mask"), "head: write each as a table of its own, below"),
    "table of another kind": (with_changes(find="face"), "find: 'face' is no table; write it in braces"),
    "says and score": (only(head(score=[1, 5])), "head[eye].says: a head needs either says"),
    "a range the wrong way round": (only({"name": "eye", "score": [5, 1]}), "head[eye].score: [5, 1] is no range"),
    "a value twice": (only(head(says=["left", "left", "right"])), "head[eye].says: left stands there twice"),
    "no region of the finder": (
        only(head(region={"of": "face"})),
        "head[eye].region.of: a subject found by whole has no 'face'; choose whole",
    ),
    "an unknown augmentation": (only(head(augment=["miror"])), "there is no 'miror'"),
    "a gate that lets everything pass": (only(head(gate=0.2)), "head[eye].gate: 0.2 is not a confidence gate"),
    "a when that nobody answers": (only(head(when={"species": "dog"})), "nobody has answered 'species' yet; name an"),
    "a when that comes later": (
        only(head(when={"last": "left"}), head("last")),
        "head[eye].when.last: nobody has answered 'last' yet; move that head before this one",
    ),
    "a when of no value": (
        only(head(), head("b", when={"eye": "lefd"})),
        "head[b].when.eye: 'lefd' is never answered; choose left, right; did you mean left?",
    ),
    "names twice": (only(head(), head()), "head[eye]: 2 heads have this name, and one subject could be asked two"),
    "an input with a head's name": (
        only(head(), inputs={"eye": ["a", "b"]}),
        "head[eye]: an input has this name, too; give one of them another",
    ),
    "an input of one value": (only(head(), inputs={"species": ["dog"]}), "inputs.species: needs at least two values"),
    "a join of nobody": (with_changes(join=["mask", "sex"]), "join: there is no head 'sex'"),
    "a join of a score": (
        only(head(), {"name": "b", "score": [1, 5]}, join=["eye", "b"]),
        "join: 'b' is a score, and only choices can be joined; leave it out",
    ),
    "a join of one": (with_changes(join=["mask"]), "join: one question needs no join"),
    "too many classes": (only(*TOO_MANY, join=["q0", "q1", "q2"]), "join: 1331 classes are more than 1000"),
    "a judge of nothing": (only(head(), judge={"of": "joined"}), "judge.of: nothing is joined; name a head"),
    "no judge of two": (only(head(), head("b"), judge={}), "judge.of: is missing; say which head decides: eye, b"),
    "a metric of another kind": (
        only(head(), judge={"of": "eye", "metric": "mae"}),
        "judge.metric: mae can't judge 'eye'; choose mae for a score, macro_f1 for choices",
    ),
    "a group that is none": (only(head(), judge={"of": "eye", "groups": ["x"]}), "judge.groups: 'x' is no head with"),
    "why of nobody": (only(head(), show={"why": "eyes"}), "show.why: there is no head 'eyes'; did you mean eye?"),
    "why of a score": (
        only(head(), {"name": "b", "score": [1, 5]}, show={"why": "b"}),
        "show.why: 'b' is a score, and only a choice has a picture; name another question",
    ),
    "why of a detector": (
        only(head(), teaches="detector", show={"why": "eye"}),
        "show.why: a detector's answers have no map; leave the key out",
    ),
    "something else to show": (only(head(), show={"page": "eye"}), "show.page: there is no such key"),
    "a declaration that is an input": (
        only(head(), inputs={"adult": ["yes", "no"]}, keep={"consent": "adult"}),
        "keep.consent: an input or a head has the name 'adult', too",
    ),
    "a declaration that is no name": (only(head(), keep={"consent": True}), "keep.consent: True is no name"),
    "a picture of what is not kept": (
        only(head(), show={"why": "eye"}, keep={"upload": False}),
        "keep.upload: show.why stores a part of each photo; leave out one of the two",
    ),
    "a declaration that is a head, too": (
        only(head(), keep={"consent": "eye"}),
        "keep.consent: an input or a head has the name 'eye', too",
    ),
    "a picture of a photo that is not kept": (
        only(head(), show={"picture": "figure"}, keep={"upload": False}),
        "keep.upload: show.picture stores what each person looks like; leave out one of the two",
    ),
    "a gate where nothing teaches": (
        only(head(gate=0.9), keep={"learn": False}),
        "head[eye].gate: with keep.learn = false nothing teaches, whatever its gate; leave it out",
    ),
    "a gate of a colour": (
        only(head(), {"name": "coat", "colour": "basic13", "gate": 0.9}, judge={"of": "eye"}),
        "head[coat].gate: a colour is measured, and teaches nothing; leave it out",
    ),
    "a margin around a colour": (
        only(
            head(),
            {"name": "coat", "colour": "basic13", "region": {"of": "whole", "margin": 0.2}},
            judge={"of": "eye"},
        ),
        "head[coat].region.margin: a colour is measured within its region; leave it out",
    ),
    "a colour that is learned, too": (
        only(
            head(),
            {"name": "coat", "colour": "basic13", "when": {"eye": "open"}},
            {"name": "coat", "says": ["red", "blue"], "when": {"eye": "shut"}},
            judge={"of": "eye"},
        ),
        "head[coat]: one head of this name is measured, another learned; give one of them another name",
    ),
    "ranges of one score that differ": (
        only(
            head(),
            {"name": "size", "score": [1, 5], "when": {"eye": "open"}},
            {"name": "size", "score": [1, 9], "when": {"eye": "shut"}},
            judge={"of": "eye"},
        ),
        "head[size].score: the heads of one name have different ranges; give them the same, or other names",
    ),
    "what a detector keeps": (
        only(head(), teaches="detector", keep={"learn": False}),
        "keep: what the kiosk keeps is a setting of nunchi.toml, [retention]; leave the key out",
    ),
    "something else to keep": (only(head(), keep={"uploads": False}), "keep.uploads: there is no such key"),
    "kept as a word": (only(head(), keep={"upload": "no"}), "keep.upload: 'no' is not true or false"),
    "a detector that is tuned": (
        only(head(), teaches="detector", tune={"unfreeze": 2}),
        "tune: a detector learns as a whole, and its optimizer is a setting of the training; leave the key out",
    ),
    "more blocks than there are": (
        only(head(), tune={"unfreeze": 17}),
        "tune.unfreeze: 17 is out of range; write 0 to 16",
    ),
    "an optimizer that is none": (
        only(head(), tune={"unfreeze": 1, "optimizers": ["adamm"]}),
        "tune.optimizers: there is no 'adamm'; choose adamw, nadam, adam",
    ),
    "optimizers of nothing": (
        only(head(), tune={"optimizers": ["adam"]}),
        "tune.optimizers: nothing of a network learns; write how many of its blocks do, as unfreeze = 4",
    ),
    "no optimizer": (
        only(head(), tune={"unfreeze": 1, "optimizers": []}),
        "tune.optimizers: names none; choose adamw, nadam, adam",
    ),
    "a network that learns and measures": (
        only({"name": "coat", "colour": "basic13"}, head(), tune={"unfreeze": 1})
        | {"head": [{"name": "coat", "colour": "basic13"}]},
        "tune.unfreeze: every head measures a colour, and no network is used; leave the key out",
    ),
    "the largest value, explained": (
        only(head(pool="max"), show={"why": "eye"}),
        "show.why: only the mean of 'eye' has places to show; leave out its pool, or name another question",
    ),
    "a stop at nothing": (only(head(stop_at=["up"])), "head[eye].stop_at: up is nothing that the head says"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_recipe_that_breaks_a_rule_is_refused_in_words(rule: str) -> None:
    fields, expected = RULES[rule]
    assert any(expected in line for line in mistakes(fields))


def test_heads_of_one_name_are_allowed_if_no_subject_is_asked_two() -> None:
    heads = [head("animal", says=["dog", "cat"])]
    heads += [head(when={"animal": "dog"}), head(says=["open", "shut"], when={"animal": "cat"})]
    recipe = parse(only(*heads))
    assert recipe.says("eye") == ("left", "right", "open", "shut")


def test_a_recipe_without_a_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidRecipe, match=r"there is no recipe 'maks'; choose .*, or name the folder .* did you mean"
    ):
        load("maks")
    with pytest.raises(InvalidRecipe, match="can't be read"):
        load(f"{tmp_path}/none")
    (tmp_path / "recipe.toml").write_text("recipe = ")
    with pytest.raises(InvalidRecipe, match="is not TOML"):
        load(str(tmp_path))
    (tmp_path / "recipe.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRecipe, match="is not text in UTF-8"):
        load(str(tmp_path))


KEYS = st.sampled_from(
    ["recipe", "name", "find", "join", "judge", "inputs", "head", "teaches", "notice", "show", "keep", "tune", "other"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("mask"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "says", "of", "kind"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES))
def test_whatever_a_file_says_it_is_a_recipe_or_is_refused(fields: dict[str, Any]) -> None:
    try:
        parse(fields)
    except InvalidRecipe as refused:
        assert len(str(refused).splitlines()) > 1


@given(st.data())
def test_a_joined_class_is_that_of_its_values(data: st.DataObject) -> None:
    recipe = load("mask")
    values = tuple(data.draw(st.sampled_from(recipe.says(question))) for question in recipe.join)
    answers = dict(zip(recipe.join, values, strict=True))
    number = recipe.class_of(answers)
    assert number is not None
    assert recipe.classes[number] == "_".join(values)
    assert list(recipe.combinations())[number] == values
    del answers[data.draw(st.sampled_from(recipe.join))]
    assert recipe.class_of(answers) is None


def test_a_folder_of_ones_own_may_not_call_itself_the_kiosk(tmp_path: Path) -> None:
    """Half of the programs would take it for the kiosk."""
    (tmp_path / "recipe.toml").write_text((folder_of("kiosk") / "recipe.toml").read_text())
    with pytest.raises(InvalidRecipe, match="its name is 'kiosk', which is another recipe's"):
        load(str(tmp_path))


def test_only_the_kiosk_is_taught_as_a_detector() -> None:
    assert mistakes(only(head(), teaches="detector")) == [
        "teaches: a detector is taught for the kiosk only, and the kiosk as nothing else; leave the key out"
    ]


def test_one_score_needs_no_judge_of_but_its_own_metric() -> None:
    score = {"name": "size", "score": [1, 5]}
    assert parse(only(score, judge={"metric": "mae"})).judge.metric is Metric.MAE
    assert any("macro_f1 can't judge 'size'" in line for line in mistakes(only(score, judge={})))


def test_a_colour_is_measured_and_has_its_own_names() -> None:
    colour = {"name": "colour", "colour": "basic13"}
    [head_of_it, _] = parse(only(colour, head(), judge={"of": "eye"})).heads
    assert (head_of_it.colour, len(head_of_it.says)) == (Palette.BASIC13, 13)
    fields = only(
        {
            **colour,
            "says": ["red", "blue"],
            "net": "face",
            "augment": ["mirror"],
            "later": True,
            "region": {"of": "face"},
        },
        {"name": "other", "colour": "basic31"},
        {"name": "third", "colour": "basic13", "score": [1, 2]},
        head(),
        find={"kind": "face"},
        judge={"of": "eye"},
        show={"why": "colour"},
        join=["colour", "eye"],
    )
    measured = "a colour is measured, not learned, and has its own names; leave the key out"
    assert mistakes(fields) == [
        *(f"head[colour].{key}: {measured}" for key in ("says", "net", "augment", "later")),
        "head[other].colour: 'basic31' is none of the choices; choose basic13; did you mean basic13?",
        f"head[third].score: {measured}",
        "head[colour].region.of: a colour is that of top, bottom or whole; choose one of them",
        "join: 'colour' has learned nothing, so the joined answer can't be calibrated; leave it out",
        "show.why: 'colour' is measured, and no network looked at it; name another question",
    ]


def test_a_judge_compares_what_learns() -> None:
    assert mistakes(only({"name": "colour", "colour": "basic13"})) == [
        "judge.of: 'colour' is measured and not learned, so it is the same in every run; name another head"
    ]


def test_parts_of_a_body_belong_to_people() -> None:
    """And no score is given to a part that a photo may not show."""
    parse(only(head(region={"of": "top"}), find={"kind": "person"}))
    fields = only({"name": "length", "score": [1, 5], "region": {"of": "bottom"}}, judge={"metric": "mae"})
    assert mistakes(fields) == [
        (
            "head[length].score: a photo may not show the bottom, and a score has no word for that; use says, or "
            'region = { of = "person" }'
        ),
        "head[length].region.of: a subject found by whole has no 'bottom'; choose whole",
    ]


def test_the_words_for_no_answer_are_no_values() -> None:
    assert mistakes(only(head(says=["open", "unknown", "unseen"]))) == [
        "head[eye].says: unknown, unseen means that a head has no answer; choose another word"
    ]


def test_a_picture_has_a_name_of_its_own_and_a_text(tmp_path: Path) -> None:
    recipe = parse(only(head(), show={"picture": "figure"}))
    assert recipe.show.picture == "figure"
    assert mistakes(only(head(), show={"picture": "why"})) == [
        "show.picture: 'why' is the picture that explains an answer; give this one another name"
    ]
    with pytest.raises(InvalidRecipe, match=r"texts\.ko\.toml: picture is missing"):
        for language in ("ko", "en"):
            (tmp_path / f"texts.{language}.toml").write_text('title = "t"\n')
        load_texts(recipe, tmp_path)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (None, "show.picture needs this module, and it can't be imported"),
        ("raise OSError", "show.picture needs this module, and it can't be imported"),
        ("draw = 1", r"has no function draw\(subjects\) -> str"),
    ],
)
def test_a_picture_needs_a_module_that_draws(tmp_path: Path, module: str | None, told: str) -> None:
    if module is not None:
        (tmp_path / "picture.py").write_text(module)
    with pytest.raises(InvalidRecipe, match=told):
        load_picture(parse(only(head(), show={"picture": "figure"})), tmp_path)
    assert load_picture(parse(only(head())), tmp_path) is None


def test_only_a_detector_or_a_network_that_learns_needs_the_trainer() -> None:
    """On AWS it decides about GPU, image, disk and packages."""
    frozen, learning = (parse(only(head(), tune={"unfreeze": blocks})) for blocks in (0, 4))
    recipes = [load("kiosk"), parse(only(head())), frozen, learning]
    assert [recipe.needs_trainer for recipe in recipes] == [True, False, False, True]
