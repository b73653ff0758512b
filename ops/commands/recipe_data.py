"""`nunchi recipe draw|import`: drawn pictures of a recipe, and pictures of your own into a cloud's dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from contracts.errors import InvalidName
from contracts.names import JSON_LABELS
from ops.display import echo_json, out, progress_bars, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from recipes.reading import InvalidRecipe, is_path, load
from recipes.recipe import Teaches
from retrain.errors import InvalidDataset

# What draws and stores pictures imports NumPy, Pillow and boto3: the commands import it when they run.

_exits = exits({InvalidDataset: Exit.INVALID}, argument=InvalidName)
NameArgument = Annotated[str, typer.Argument(help="A folder of recipes/, or ./yours.", metavar="NAME")]
MOST_DRAWN: Final = 5_000


class Layout(StrEnum):
    """How the pictures to import lie in their folder."""

    FOLDER = "folder"  # images/ and labels/, as of `nunchi recipe train`
    AIHUB = "aihub"  # as AI Hub's set of pets' eyes


@_exits
def draw(
    name: NameArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or one that was drawn.")],
    *,
    pictures: Annotated[int, typer.Option(help="Number of pictures.", min=1, max=MOST_DRAWN, metavar="N")] = 603,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pictures.", min=0)] = 1,
) -> None:
    """Draw labelled pictures of a recipe, to try it without photos of your own: pet-eye.

    The drawings say nothing about real animals. Drawing the same again changes nothing. Needs no cloud.

    Exit status: 0 drawn, 5 a file of FOLDER exists with another content, and nothing was written; 2 an option is
    invalid, or there are no drawings of the recipe; 1 any other error.

    Example: nunchi recipe draw pet-eye my-eyes --pictures 90
    """
    from demo.drawn_recipes import DRAWN  # noqa: PLC0415 - see above

    if name not in DRAWN:
        load(name)
        raise typer.BadParameter(f"there are no drawings of {name}; choose {', '.join(DRAWN)}", param_hint="NAME")
    try:
        DRAWN[name](folder, pictures, seed)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidDataset(f"{error}; nothing was drawn. Name a new folder") from None
    out.print(f"[green]{pictures} drawn pictures and their labels are in {escape(str(folder))}[/]")
    show_command("Next", f"nunchi recipe train {name} --data {folder} --out my-model")


@_exits
def import_(
    name: NameArgument,
    data: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="The folder with the pictures.", metavar="DIR")
    ],
    *,
    layout: Annotated[
        Layout,
        typer.Option("--format", help="folder: images/ and labels/. aihub: AI Hub's set of pets' eyes, with --map."),
    ] = Layout.FOLDER,
    meaning: Annotated[
        Path | None,
        typer.Option(
            "--map", help="For aihub: which sign each disease is.", metavar="FILE", exists=True, dir_okay=False
        ),
    ] = None,
    golden: Annotated[
        float,
        typer.Option(
            help="Share of the persons or animals whose pictures judge, and never teach; 1: all.", min=0, max=1
        ),
    ] = 0.0,
    kiosk: Annotated[
        str, typer.Option("--kiosk", help="Kiosk id that names the source of the pictures.", metavar="ID")
    ] = "import",
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Import labelled pictures into the dataset of a cloud with the recipe; the next training uses them.

    All pictures of a person or animal teach, or all judge. What is left out is counted by its reason. Importing again
    changes nothing.

    Exit status: 0 imported, 5 the pictures, their labels or the map are invalid, and nothing was stored, 2 the kiosk
    id or an option is invalid, 1 the cloud has another recipe, or any other error.

    Example: nunchi recipe import pet-eye --data my-eyes --golden 0.2 --local
    """
    from ops.session import session_of  # noqa: PLC0415 - see above
    from retrain.bucket import DatasetBucket, Tree  # noqa: PLC0415 - see above
    from retrain.heads.aihub import read_eyes, read_meaning  # noqa: PLC0415 - see above
    from retrain.heads.examples import read_labels  # noqa: PLC0415 - see above
    from retrain.heads.importing import split_by_group, store  # noqa: PLC0415 - see above

    recipe = load(name)
    if recipe.teaches is not Teaches.HEADS:
        raise InvalidRecipe(
            f"the recipe {recipe.name!r} is taught as a detector; nothing was done. See: nunchi dataset"
        )
    if (layout is Layout.AIHUB) != (meaning is not None):
        raise typer.BadParameter("--format aihub and --map go together", param_hint="--map")
    taken: Mapping[str, int] = {}
    if meaning is not None:
        eyes = read_eyes(recipe, data, read_meaning(recipe, meaning))
        pictures, taken, left_out = eyes.pictures, eyes.taken, Counter(eyes.left_out)
    else:
        labels, left_out = read_labels(recipe, data)
        pictures = labels
        if not pictures:
            raise InvalidDataset(
                f"{data} has no picture with a label file of the recipe {recipe.name!r}; nothing was imported. Put "
                "pictures into images/, and for each a .json of the same name into labels/"
            )
    require_recipe(name, local, state, "nothing was imported, for its trainings would not read the pictures")
    stored: dict[str, int] = {}
    with session_of(local, state) as session, progress_bars() as say:
        bucket = DatasetBucket(session.client("s3"), session.bucket("dataset"), label_suffix=JSON_LABELS)
        for tree, some in split_by_group(list(pictures.items()), golden).items():
            stored[tree], unread = store(bucket, some, tree, device=kiosk, say=say)
            left_out["pictures that can't be read"] += unread
    if as_json:
        echo_json({"kiosk": kiosk, "stored": stored, "taken": dict(taken), "left_out": dict(+left_out)})
        return
    for what, count in sorted(taken.items()):
        out.print(f"  {count:,} {escape(what)}")
    for reason, count in sorted((+left_out).items()):
        out.print(f"[yellow]left out[/] {count:,} {escape(reason)}")
    out.print(f"[green]{stored[Tree.REVIEWED]:,} pictures teach, {stored[Tree.GOLDEN]:,} judge[/], as kiosk {kiosk}")
    show_command("Next", in_cloud("train", local, state))


def require_recipe(name: str, local: bool, state: Path, consequence: str) -> None:
    """InvalidRecipe, with the `consequence`, if the cloud has another recipe."""
    from ops.session import recipe_name_of  # noqa: PLC0415 - see above

    has = recipe_name_of(local, state)
    wants = str(Path(name).absolute()) if is_path(name) else name
    if has != wants:
        raise InvalidRecipe(
            f"the cloud has the recipe {has}, not {wants}; {consequence}. Use a cloud with this one: recipe in "
            f"nunchi.toml, or nunchi up --recipe={name}"
        )
