"""`nunchi recipe`: what recipes there are, whether one is valid, its pictures, its heads, their figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from contracts.instants import now
from contracts.private_folder import make_private
from contracts.weights import new_run_id
from local.environment import trainer_python
from ops.commands.recipe_data import NameArgument, draw, import_
from ops.commands.recipe_explore import explore
from ops.display import echo_json, err, out, plain_table
from ops.options import JsonOption, command_group
from recipes.pictures import MODULE as PICTURE_MODULE
from recipes.pictures import load_picture
from recipes.reading import InvalidRecipe, folder_of, is_path, load, names
from recipes.recipe import Head, Recipe, Teaches
from recipes.texts import load_texts

recipe = command_group("Recipes: what is looked for in a photo, and what is asked about it.")

MODEL: Final = "model"  # the folder of the model that a recipe starts with, beside its file


@recipe.command(name="list")
def list_recipes(as_json: JsonOption = False) -> None:
    """List the recipes: what each looks for, its questions, whether it has a model to start with.

    Exit status: 0, or 1 when one of them is invalid.

    Example: nunchi recipe list
    """
    read = [load(name) for name in names()]
    if as_json:
        echo_json(*({"name": each.name} | _fields(each.name, each) for each in read))
        return
    table = plain_table("recipe", "looks for", "asks", "model")
    for each in read:
        table.add_row(each.name, each.find.kind, ", ".join(each.questions), "yes" if _has_model(each.name) else "no")
    out.print(table)
    out.print(
        "\n[dim]To see one: nunchi recipe check NAME. To use one: recipe in nunchi.toml, or nunchi up --recipe[/]"
    )


@recipe.command()
def check(name: NameArgument, as_json: JsonOption = False) -> None:
    """Find every mistake of a recipe and its texts, and show what it asks.

    Exit status: 0 it is valid, 1 it is not.

    Example: nunchi recipe check ./my-recipe
    """
    read = load(name)
    texts = load_texts(read, folder_of(name)) if _needs_texts(read) else {}
    load_picture(read, folder_of(name))
    if as_json:
        echo_json({"name": read.name} | _fields(name, read))
        return
    out.print(
        f"[green]{escape(read.name)} is valid[/]: looks for {read.find.kind}, asks {len(read.questions)} questions"
    )
    table = plain_table("question", "answers", "about")
    for head in read.heads:
        table.add_row(f"[bold]{escape(head.name)}[/]", escape(_says(head)), escape(f"{head.region.of}{head.condition}"))
    out.print(table)
    if read.join:
        out.print(f"joined: {escape(', '.join(read.join))}; {len(read.classes)} classes")
    if read.tune.unfreeze:
        out.print(f"networks: the last {read.tune.unfreeze} blocks learn, too, by {', '.join(read.tune.optimizers)}")
    if read.show.picture:
        out.print(f"picture: {escape(read.show.picture)}, drawn by {PICTURE_MODULE}")
    if texts:
        out.print(f"texts: {', '.join(texts)}")
    out.print(f"[dim]{escape(_next(name, read))}[/]")


@recipe.command()
def train(
    name: NameArgument,
    data: Annotated[
        Path,
        typer.Option(
            exists=True,
            file_okay=False,
            help="A folder: images/ with JPEGs, labels/ with a .json for each.",
            metavar="DIR",
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Where the run goes, empty or new. Default: the recipe's own model/.", metavar="DIR"
        ),
    ] = None,
    *,
    trained_on: Annotated[
        str, typer.Option(help="Whose pictures, under which licence: stands in the manifest.", metavar="TEXT")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Train the heads of a recipe on labelled pictures, on this machine: seconds to minutes, no GPU.

    If the recipe says that its networks learn, too (tune), the trainer's environment does it (make trainer, or
    NUNCHI_TRAINER_PYTHON): minutes on a GPU, an hour without.

    A label file is {"schema": 1, "recipe": NAME, "inputs": {}, "subjects": [{"box": [x0, y0, x1, y1], "answers":
    {QUESTION: VALUE}, "group": WHO}]}; box in fractions of the picture, 0 0 1 1 for the whole. The figures are from
    pictures of groups that were held out. Features are kept in .features beside the pictures, so that a second
    training is quicker.

    Exit status: 0 trained, 1 the pictures or labels can't be used.

    Example: nunchi recipe train ./my-recipe --data my-pictures
    """
    read = load(name)
    if read.teaches is Teaches.DETECTOR:
        raise InvalidRecipe(
            f"the recipe {read.name!r} is taught as a detector; nothing was done. See: nunchi train --help"
        )
    from retrain.heads.training import train as train_heads  # noqa: PLC0415 - imports numpy and scikit-learn
    from retrain.heads.tuning import Tuner  # noqa: PLC0415 - see above

    target = folder or folder_of(name) / MODEL
    if folder is None and not is_path(name):
        err.print(f"[dim]the run replaces the model in {target}[/]")

    make_private(data / ".features")
    source = trained_on or f"pictures of {data.name}"
    version = new_run_id(now(), read.name)
    tuner = Tuner(python=trainer_python())
    trained = train_heads(
        name, data, target, version=version, trained_on=source, cache=data / ".features", tuner=tuner, say=_say
    )
    if as_json:
        echo_json(dict(trained.report))
        return
    named = ((read.heads[int(key.partition(".")[0])], figures) for key, figures in trained.report["heads"].items())
    heads = {f"{head.title}": figures for head, figures in named}
    _show(heads | ({"joined": trained.report["joined"]} if "joined" in trained.report else {}))
    out.print(
        f"[dim]on {trained.report['held_out_by']}; {len(trained.report['left_out'])} kinds of pictures left out: "
        f"{escape(str(trained.report['left_out']))}[/]"
    )
    for net, figures in trained.report.get("tune", {}).get("networks", {}).items():
        does = "has learned, and is part of the run" if figures["taken"] else "is no better for learning, and stays"
        losses = f"loss {figures['loss_frozen']:g} frozen, {figures['loss_tuned']:g} by {figures['optimizer']}"
        out.print(f"[dim]network {net} {does}: {losses}[/]")
    out.print(f"[green]{escape(str(trained.manifest))}[/] is ready. Next: nunchi try --recipe {escape(name)}")


@recipe.command()
def measure(
    name: NameArgument,
    data: Annotated[
        Path,
        typer.Option(
            exists=True, file_okay=False, help="Labelled pictures that it has not learned from.", metavar="DIR"
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", exists=True, help="A run's folder. Default: the recipe's own.", metavar="DIR"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the heads of a recipe on labelled pictures, by the worker's own code: how many are found, how many right.

    Exit status: 0 measured, 1 the pictures or the model can't be used.

    Example: nunchi recipe measure mask --data masks-test --json > report.json
    """
    from retrain.heads.measure import measure as measure_heads  # noqa: PLC0415 - imports numpy

    manifest = None if model is None else model / "manifest.json"
    report = measure_heads(name, manifest, data, say=_say)
    if as_json:
        echo_json(report)
        return
    out.print(
        f"{report['found']:,} of {report['subjects']:,} subjects of {report['groups']:,} groups are found, in "
        f"{report['ms']:g} ms a photo"
    )
    _show(report["questions"])


recipe.command(short_help="Draw labelled pictures, to try a recipe.")(draw)
recipe.command(short_help="Look at labelled pictures before they teach.")(explore)
recipe.command("import", short_help="Add your own labelled pictures to a cloud.")(import_)


def _say(done: int, total: int, note: str) -> None:
    err.print(f"[dim]{done:,} of {total:,}, {escape(note)}[/]" if total > 1 else f"[dim]{escape(note)}[/]")


def _show(questions: Mapping[str, Any]) -> None:
    table = plain_table("question", "subjects", "right", "macro F1 or mean error", "95 %")
    for row in _rows(questions):
        table.add_row(*row)
    out.print(table)


def _rows(questions: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, figures in questions.items():
        low, high = figures["interval"]
        right = f"{figures['right'] / figures['count']:.1%}" if "right" in figures else ""
        figure = figures.get("macro_f1", figures.get("mae"))
        yield name, f"{figures['count']:,}", right, f"{figure:.3f}", f"{low:.3f}-{high:.3f}"


def _fields(name: str, read: Recipe) -> dict[str, Any]:
    return {
        "find": read.find.kind,
        "questions": {question: list(read.says(question)) for question in read.questions},
        "inputs": {each: list(values) for each, values in read.inputs.items()},
        "classes": list(read.classes),
        "teaches": read.teaches,
        "model": _has_model(name),
    }


def _says(head: Head) -> str:
    return " | ".join(head.says) if head.score is None else f"{head.score.low:g} to {head.score.high:g}"


def _next(name: str, read: Recipe) -> str:
    if read.teaches is Teaches.DETECTOR:
        return "Next: nunchi up"
    return f"Next: nunchi try --recipe {name}" if _has_model(name) else f"Next: nunchi recipe train {name} --data DIR"


def _needs_texts(read: Recipe) -> bool:
    """The kiosk's page has its own texts."""
    return read.teaches is Teaches.HEADS


def _has_model(name: str) -> bool:
    read = load(name)
    return read.teaches is Teaches.DETECTOR or (folder_of(name) / MODEL / "manifest.json").exists()
