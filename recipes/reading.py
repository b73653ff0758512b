"""recipe.toml → Recipe. Every mistake of the file is named at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from contracts.answers_message import UNANSWERED, WHY
from contracts.errors import ContractError
from contracts.gate import DEFAULT_GATE, gate_mistake
from contracts.near import did_you_mean
from contracts.toml_file import read_toml
from recipes.colours import PALETTES, Palette
from recipes.recipe import (
    FACE,
    PARTS,
    REGIONS,
    VIEWS,
    WHOLE,
    Find,
    Finder,
    Head,
    Judge,
    Keep,
    Many,
    Metric,
    Net,
    Optimizer,
    Pool,
    Range,
    Recipe,
    Region,
    Show,
    Teaches,
    Tune,
)
from recipes.toml_table import Table

FOLDER: Final = Path(__file__).parent
FILE: Final = "recipe.toml"
FORMAT: Final = 1  # of the file: the value of its key `recipe`
KIOSK: Final = "kiosk"
AUGMENT: Final = tuple(VIEWS)
JOINED: Final = "joined"
MOST_CLASSES: Final = 1000
MOST_BLOCKS: Final = 16  # of the networks
MOST_EPOCHS: Final = 100
MOST_LEAST_PX: Final = 150  # the head in the picture that every model must pass has more


class InvalidRecipe(ContractError):
    """A recipe is missing or has mistakes, all of them named; nothing was done with it."""


def names() -> list[str]:
    """The recipes that are shipped."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))


def load(name: str) -> Recipe:
    """A shipped recipe by its name, or one of your own by the path of its folder, which has a slash or a dot.

    InvalidRecipe names every mistake.
    """
    recipe = read(folder_of(name) / FILE)
    if recipe.name == KIOSK if is_path(name) else recipe.name != name:
        raise InvalidRecipe(
            f"{folder_of(name) / FILE}: its name is {recipe.name!r}, which is another recipe's; nothing was done. Give "
            "it the name of its folder"
        )
    return recipe


def is_path(name: str) -> bool:
    """Whether it is the path of a folder, not the name of a shipped recipe."""
    return "/" in name or name.startswith(".")


def from_anywhere(name: str) -> str:
    """The recipe's name for a process in another folder: a path is made absolute."""
    return str(Path(name).absolute()) if is_path(name) else name


def folder_of(name: str) -> Path:
    """The folder of a recipe; InvalidRecipe if no shipped one has the name."""
    if is_path(name):
        return Path(name)
    if name not in names():
        raise InvalidRecipe(
            f"there is no recipe {name!r}; choose {', '.join(names())}, or name the folder of your own as ./{name}"
            f"{did_you_mean(name, names())}"
        )
    return FOLDER / name


def read(file: Path) -> Recipe:
    """The recipe of a file; InvalidRecipe names every mistake."""
    try:
        fields = read_toml(file)
    except OSError as error:
        raise InvalidRecipe(f"{file} can't be read ({error.strerror}); nothing was done, correct the path") from None
    except UnicodeDecodeError:
        raise InvalidRecipe(f"{file} is not text in UTF-8; nothing was done, save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidRecipe(f"{file} is not TOML: {error}; nothing was done") from None
    return parse(fields, str(file))


def parse(fields: Mapping[str, Any], file: str = FILE) -> Recipe:
    """The recipe of parsed TOML; InvalidRecipe names `file` and every mistake."""
    mistakes: list[str] = []
    top = Table(fields, "", mistakes)
    _format(top)
    recipe = Recipe(
        name=top.name("name"),
        find=_find(top.table("find")),
        inputs=_inputs(top.table("inputs")),
        teaches=top.choice("teaches", Teaches.HEADS),
        heads=tuple(_head(table) for table in top.tables("head")),
        join=top.names("join"),
        judge=_judge(top.table("judge"), joined=top.has("join")),
        tune=_tune(top.table("tune")),
        notice=top.switch("notice", False),
        show=_show(top.table("show")),
        keep=_keep(top.table("keep")),
    )
    top.end()
    mistakes += _rules(recipe)
    if mistakes:
        raise InvalidRecipe(f"{file} is invalid, nothing was done; correct these lines:\n" + "\n".join(mistakes))
    return recipe


def _format(top: Table) -> None:
    if not top.has("recipe"):
        top.says("recipe", f"is missing; the first line of the file is recipe = {FORMAT}")
    top.whole("recipe", FORMAT, least=FORMAT, most=FORMAT)


def _find(table: Table) -> Find:
    found = Find(
        table.choice("kind", Finder.FACE),
        table.choice("many", Many.ALL),
        table.whole("least_px", 0, least=0, most=MOST_LEAST_PX),
    )
    table.end()
    return found


def _inputs(table: Table) -> dict[str, tuple[str, ...]]:
    inputs = {name: table.names(name) for name in table.items()}
    for name, values in inputs.items():
        if len(values) < 2:
            table.says(name, 'needs at least two values to choose from, as ["dog", "cat"]')
    return inputs


def _head(table: Table) -> Head:
    region = table.table("region")
    score = table.pair("score")
    colour = table.choice("colour", Palette.BASIC13) if table.has("colour") else None
    head = Head(
        name=table.name("name"),
        says=table.names("says") or (PALETTES[colour] if colour else ()),
        score=None if score is None else Range(*score),
        colour=colour,
        region=Region(region.name("of") if region.has("of") else "whole", region.number("margin", 0, least=0, most=2)),
        net=table.choice("net", Net.LITE0),
        pool=table.choice("pool", Pool.MEAN),
        when=_when(table.table("when")),
        stop_at=table.names("stop_at"),
        augment=_augment(table),
        class_weights=table.switch("class_weights", True),
        later=table.switch("later", False),
        gate=_gate(table),
        sure_from=table.number("sure_from", 0.5, least=0, most=1) if table.has("sure_from") else None,
    )
    region.end()
    table.end()
    if colour is not None:
        for key in ("says", "score", "net", "pool", "augment", "class_weights", "later"):
            if table.has(key):
                table.says(key, "a colour is measured, not learned, and has its own names; leave the key out")
    elif bool(head.says) == (score is not None):
        table.says("says", 'a head needs either says = ["first", "second"] or score = [1, 5]')
    elif len(head.says) == 1:
        table.says("says", "one value is no question; name at least two")
    if reserved := [value for value in head.says if value in UNANSWERED]:
        table.says("says", f"{', '.join(reserved)} means that a head has no answer; choose another word")
    if strangers := [value for value in head.stop_at if value not in head.says]:
        table.says("stop_at", f"{', '.join(strangers)} is nothing that the head says")
    return head


def _when(table: Table) -> dict[str, str]:
    when = {}
    for name, value in table.items().items():
        if isinstance(value, str):
            when[name] = value
        else:
            table.says(name, f"{value!r} is no value; write the one value that must be known, in quotes")
    return when


def _augment(table: Table) -> tuple[str, ...]:
    augment = table.names("augment")
    for name in augment:
        if name not in AUGMENT:
            table.says("augment", f"there is no {name!r}; choose {', '.join(AUGMENT)}{did_you_mean(name, AUGMENT)}")
    return augment


def _judge(table: Table, *, joined: bool) -> Judge:
    judge = Judge(
        table.choice("metric", Metric.MACRO_F1),
        table.name("of") if table.has("of") else JOINED if joined else "",
        table.names("groups"),
        table.whole("folds", 5, least=2, most=20),
    )
    table.end()
    return judge


def _tune(table: Table) -> Tune:
    optimizers = table.choices("optimizers", (Optimizer.ADAMW,))
    tune = Tune(
        table.whole("unfreeze", 0, least=0, most=MOST_BLOCKS),
        optimizers,
        table.whole("epochs", Tune().epochs, least=1, most=MOST_EPOCHS),
    )
    for key in ("optimizers", "epochs"):
        if table.has(key) and not tune.unfreeze:
            table.says(key, "nothing of a network learns; write how many of its blocks do, as unfreeze = 4")
    table.end()
    return tune


def _show(table: Table) -> Show:
    show = Show(table.name("why") if table.has("why") else "", table.name("picture") if table.has("picture") else "")
    if show.picture == WHY:
        table.says("picture", f"{WHY!r} is the picture that explains an answer; give this one another name")
    table.end()
    return show


def _keep(table: Table) -> Keep:
    keep = Keep(
        table.switch("upload", True),
        table.switch("learn", True),
        table.name("consent") if table.has("consent") else "",
    )
    table.end()
    return keep


def _gate(table: Table) -> float | None:
    if not table.has("gate"):
        return None
    gate = table.number("gate", DEFAULT_GATE, least=0, most=1)
    if mistake := gate_mistake(gate):
        table.says("gate", mistake)
    return gate


def _rules(recipe: Recipe) -> Iterable[str]:
    """What must hold between the parts of a recipe."""
    if (recipe.teaches is Teaches.DETECTOR) != (recipe.name == KIOSK):
        yield "teaches: a detector is taught for the kiosk only, and the kiosk as nothing else; leave the key out"
    if not recipe.heads:
        yield "head: a recipe asks something; write a table [[head]] with a name and says"
    yield from _rules_of_regions(recipe)
    yield from _rules_of_when(recipe)
    yield from _rules_of_names(recipe)
    yield from _rules_of_join(recipe)
    yield from _rules_of_judge(recipe)
    yield from _rules_of_tune(recipe)
    yield from _rules_of_show(recipe)
    yield from _rules_of_keep(recipe)


def _rules_of_regions(recipe: Recipe) -> Iterable[str]:
    offered = REGIONS[recipe.find.kind]
    for head in recipe.heads:
        if head.score is not None and head.region.of in PARTS:
            yield (
                f"head[{head.name}].score: a photo may not show the {head.region.of}, and a score has no word "
                'for that; use says, or region = { of = "person" }'
            )
        if head.colour is not None and head.region.of not in (*PARTS, WHOLE):
            yield f"head[{head.name}].region.of: a colour is that of {', '.join(PARTS)} or {WHOLE}; choose one of them"
        if head.colour is not None and head.region.margin:
            yield f"head[{head.name}].region.margin: a colour is measured within its region; leave it out"
        if head.colour is not None and head.gate is not None:
            yield f"head[{head.name}].gate: a colour is measured, and teaches nothing; leave it out"
        if head.net is Net.FACE and head.region.of != FACE:
            yield f'head[{head.name}].net: face knows faces only; look at one, region = {{ of = "face" }}, or use lite0'
        if head.region.of not in offered:
            yield (
                f"head[{head.name}].region.of: a subject found by {recipe.find.kind} has no {head.region.of!r}; "
                f"choose {' or '.join(offered)}"
            )


def _rules_of_when(recipe: Recipe) -> Iterable[str]:
    known: dict[str, tuple[str, ...]] = dict(recipe.inputs)
    for head in recipe.heads:
        for name, value in head.when.items():
            if name not in known:
                later = name in recipe.questions
                remedy = "move that head before this one" if later else "name an earlier head, or an input"
                yield f"head[{head.name}].when.{name}: nobody has answered {name!r} yet; {remedy}"
            elif value not in known[name]:
                yield (
                    f"head[{head.name}].when.{name}: {value!r} is never answered; choose {', '.join(known[name])}"
                    f"{did_you_mean(value, known[name])}"
                )
        known[head.name] = (*known.get(head.name, ()), *head.says)


def _rules_of_names(recipe: Recipe) -> Iterable[str]:
    for name in recipe.questions:
        if name in recipe.inputs:
            yield f"head[{name}]: an input has this name, too; give one of them another"
        if name == JOINED:
            yield f"head[{name}]: {JOINED!r} means the joined classes; give the head another name"
        heads = recipe.heads_of(name)
        if any(not _exclude(first, second) for first, second in combinations(heads, 2)):
            yield (
                f"head[{name}]: {len(heads)} heads have this name, and one subject could be asked two of them; give "
                "each a `when` with another value of one question, or another name"
            )
        if len({bool(head.says) for head in heads}) > 1:
            yield f"head[{name}]: one head of this name says values, another a score; give one of them another name"
        if len({head.score for head in heads if head.score is not None}) > 1:
            yield f"head[{name}].score: the heads of one name have different ranges; give them the same, or other names"
        if len({head.colour is None for head in heads}) > 1:
            yield f"head[{name}]: one head of this name is measured, another learned; give one of them another name"


def _exclude(first: Head, second: Head) -> bool:
    return any(second.when.get(name, value) != value for name, value in first.when.items())


def _rules_of_join(recipe: Recipe) -> Iterable[str]:
    for name in recipe.join:
        if name not in recipe.questions:
            yield f"join: there is no head {name!r}{did_you_mean(name, recipe.questions)}"
        elif not recipe.says(name):
            yield f"join: {name!r} is a score, and only choices can be joined; leave it out"
        elif any(head.colour or head.later for head in recipe.heads_of(name)):
            yield f"join: {name!r} has learned nothing, so the joined answer can't be calibrated; leave it out"
    if len(recipe.join) == 1:
        yield "join: one question needs no join; name two, or leave the key out"
    classes = 1
    for name in recipe.join:
        classes *= max(1, len(recipe.says(name)))
    if classes > MOST_CLASSES:
        yield f"join: {classes} classes are more than {MOST_CLASSES}; join fewer questions"


def _rules_of_judge(recipe: Recipe) -> Iterable[str]:
    judge, questions = recipe.judge, recipe.questions
    if judge.of == JOINED and not recipe.join:
        yield "judge.of: nothing is joined; name a head"
    elif judge.of not in (JOINED, "", *questions):
        yield f"judge.of: there is no head {judge.of!r}{did_you_mean(judge.of, (JOINED, *questions))}"
    elif not judge.of and len(questions) > 1:
        yield f"judge.of: is missing; say which head decides: {', '.join(questions)}"
    of = judge.of or next(iter(questions), "")
    of_score = of in questions and not recipe.says(of)
    if of_score != (judge.metric is Metric.MAE):
        yield f"judge.metric: {judge.metric} can't judge {of!r}; choose mae for a score, macro_f1 for choices"
    if any(head.colour for head in recipe.heads_of(of)):
        yield f"judge.of: {of!r} is measured and not learned, so it is the same in every run; name another head"
    for group in judge.groups:
        if group not in recipe.inputs and not (group in questions and recipe.says(group)):
            yield f"judge.groups: {group!r} is no head with choices, and no input"


def _rules_of_tune(recipe: Recipe) -> Iterable[str]:
    if recipe.tune != Tune() and recipe.teaches is Teaches.DETECTOR:
        yield "tune: a detector learns as a whole, and its optimizer is a setting of the training; leave the key out"
    elif recipe.tune.unfreeze and all(head.colour for head in recipe.heads):
        yield "tune.unfreeze: every head measures a colour, and no network is used; leave the key out"


def _rules_of_show(recipe: Recipe) -> Iterable[str]:
    why = recipe.show.why
    if recipe.show.picture and recipe.teaches is Teaches.DETECTOR:
        yield "show.picture: the kiosk's message has no pictures; leave the key out"
    if not why:
        return
    if recipe.teaches is Teaches.DETECTOR:
        yield "show.why: a detector's answers have no map; leave the key out"
    if why not in recipe.questions:
        yield f"show.why: there is no head {why!r}{did_you_mean(why, recipe.questions)}"
    elif not recipe.says(why):
        yield f"show.why: {why!r} is a score, and only a choice has a picture; name another question"
    elif any(head.colour for head in recipe.heads_of(why)):
        yield f"show.why: {why!r} is measured, and no network looked at it; name another question"
    elif any(head.pool is Pool.MAX for head in recipe.heads_of(why)):
        yield f"show.why: only the mean of {why!r} has places to show; leave out its pool, or name another question"


def _rules_of_keep(recipe: Recipe) -> Iterable[str]:
    keep = recipe.keep
    if recipe.teaches is Teaches.DETECTOR and keep != Keep():
        yield "keep: what the kiosk keeps is a setting of nunchi.toml, [retention]; leave the key out"
    if not keep.upload and recipe.show.why:
        yield "keep.upload: show.why stores a part of each photo; leave out one of the two"
    if not keep.upload and recipe.show.picture:
        yield "keep.upload: show.picture stores what each person looks like; leave out one of the two"
    if keep.consent in recipe.inputs or keep.consent in recipe.questions:
        yield f"keep.consent: an input or a head has the name {keep.consent!r}, too; give one of them another"
    for head in recipe.heads:
        if head.gate is not None and not keep.learn:
            yield f"head[{head.name}].gate: with keep.learn = false nothing teaches, whatever its gate; leave it out"
