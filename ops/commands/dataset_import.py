"""`nunchi dataset draw|import`: draws and imports labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from contracts.classes import Classes
from contracts.errors import InvalidName
from ops.display import counted_are, echo_json, out, progress_bars, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import require_detector, session_of
from retrain.bucket import Tree
from retrain.errors import InvalidDataset, InvalidReview

# What reads and draws pictures imports Pillow: the commands import it when they run, so that others start fast.

_exits = exits({InvalidDataset: Exit.INVALID, InvalidReview: Exit.INVALID}, argument=InvalidName)


@_exits
def draw(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or one that was drawn.")],
    *,
    pictures: Annotated[
        int, typer.Option(help="Number of pictures; one in 17 shows no person.", min=1, max=10_000)
    ] = 48,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pictures.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Draw people at a counter, with their labels, as a YOLO folder: something to import without photos of your own.

    The drawings say nothing about real people. Drawing the same again changes nothing. Needs no cloud.

    Exit status: 0 drawn, 5 a file of FOLDER exists with another content, and nothing was written; 2 an option is
    invalid, 1 any other error.

    Example: nunchi dataset draw my-images --pictures 48
    """
    from demo.drawn_people import draw_folder  # noqa: PLC0415 - imports Pillow

    try:
        draw_folder(folder, pictures, first_seed=seed)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidDataset(f"{error}; nothing was drawn. Name a new folder") from None
    if as_json:
        echo_json({"folder": str(folder), "pictures": pictures})
        return
    out.print(f"[green]{pictures} drawn pictures and their labels are in {escape(str(folder))}[/]")
    show_command("Next", f"nunchi dataset import {folder} --local")


@_exits
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures and labels in YOLO's layout.")],
    *,
    tree: Annotated[
        str,
        typer.Option(
            "--tree", help="reviewed: for training. golden: for judgement, never for training.", metavar="TREE"
        ),
    ] = Tree.REVIEWED,
    kiosk: Annotated[
        str, typer.Option("--kiosk", help="Kiosk id that names the source of the pictures.", metavar="NAME")
    ] = "import",
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Label for one of your classes; may be repeated.", metavar="YOURS=LABEL"),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            "--leave-out", help="Leave out the boxes of a class that is no person; may be repeated.", metavar="YOURS"
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option("--names", help="The file with your class names. Default: those in FOLDER.", metavar="FILE"),
    ] = None,
    moment_a_folder: Annotated[
        bool, typer.Option("--moment-a-folder", help="Pictures of one folder show the same people: one split for them.")
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out invalid pictures; without it, none is stored.")
    ] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Import pictures that people have labelled: images/ and labels/ anywhere below FOLDER, in YOLO's format.

    The class names are those of a data.yaml, classes.txt, obj.names or notes.json anywhere below FOLDER; without such a
    file, classes 0 to 3 are elder_male, elder_female, adult_male, adult_female. Importing again changes nothing. PNG
    and WebP become JPEG. A picture without people needs an empty label file. Pictures that a training may have used are
    not taken into golden: that would be leakage. What was not looked at is listed.

    Exit status: 0 imported, 5 a picture or the classes are invalid, and nothing was stored, 2 the kiosk id or an option
    is invalid, 1 any other error.

    Example: nunchi dataset import my-images --tree reviewed --kiosk students
    """
    from retrain.dataset.yolo_import.class_names import classes_in  # noqa: PLC0415 - see above
    from retrain.dataset.yolo_import.folder import scan_folder, store, without_exposed  # noqa: PLC0415 - see above
    from retrain.dataset.yolo_import.listing import list_folder  # noqa: PLC0415 - see above
    from retrain.dataset.yolo_import.summary import ImportedFolder  # noqa: PLC0415 - see above

    if tree not in (Tree.REVIEWED, Tree.GOLDEN):
        raise typer.BadParameter(f"{tree!r} is neither {Tree.REVIEWED} nor {Tree.GOLDEN}", param_hint="--tree")
    with session_of(local, state) as session, progress_bars() as say:
        require_detector(local, state, "Labelled pictures of a recipe come in by nunchi recipe import NAME --data DIR")
        listing, ours = list_folder(folder), session.detects.classes
        meaning = classes_in(listing, ours, _aliases(classes or [], ours), left_out=leave_out or [], names_file=names)
        scanned = scan_folder(listing, meaning, kiosk=kiosk, burst_per_folder=moment_a_folder, say=say)
        if tree == Tree.GOLDEN:
            scanned = without_exposed(session.dataset, scanned, listing)
        imported = ImportedFolder(listing, meaning, scanned)
        if scanned.invalid and not skip:
            unread = "".join(f"\n  {line}" for line in imported.lines())
            raise InvalidDataset(
                _broken(scanned.invalid, "nothing was imported. Fix them, or leave them out: --skip") + unread
            )
        store(session.dataset, Tree(tree), scanned.pictures, say)
    if as_json:
        echo_json({"tree": tree, "kiosk": kiosk, **imported.to_fields()})
        return
    out.print(
        f"[green]{counted_are(len(scanned.pictures), 'picture')} in {tree}[/] as kiosk {kiosk}; "
        f"{escape(imported.classes_from())}"
    )
    for line in imported.lines():
        out.print(f"[yellow]{escape(line)}[/]")
    if scanned.invalid:
        out.print(f"[yellow]{escape(_broken(scanned.invalid, 'they were left out'))}[/]")
    show_command("Next", in_cloud("dataset build FOLDER", local, state))


def _aliases(options: list[str], classes: Classes) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for option in options:
        name, _, label = option.rpartition("=")
        if not name or label not in classes:
            raise typer.BadParameter(
                f"{option!r}: write YOURS=LABEL, LABEL one of {', '.join(classes)}", param_hint="--class"
            )
        if aliases.setdefault(name, label) != label:
            raise typer.BadParameter(f"{name!r} is both {aliases[name]} and {label}", param_hint="--class")
    return aliases


def _broken(broken: list[str], consequence: str) -> str:
    more = f"\n  and {len(broken) - 5} more" if len(broken) > 5 else ""
    lines = "".join(f"\n  {line}" for line in broken[:5])
    return f"{counted_are(len(broken), 'picture')} invalid, and {consequence}{lines}{more}"
