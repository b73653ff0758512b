"""`nunchi dataset build|show|fetch|draw|import`: builds, shows and fetches datasets; draws and imports pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import now, to_text
from contracts.labels import LABELS, Label
from contracts.weights import check_run_id, new_run_id
from ops.display import echo_json, out, plain_table, progress_bars, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, command_group, in_cloud
from ops.session import session_of
from retrain.bucket import Tree
from retrain.errors import InvalidDataset, InvalidReview

if TYPE_CHECKING:
    from retrain.dataset import DatasetManifest

# retrain.dataset imports numpy, SciPy and Pillow: commands import it when they run, so that the others start fast.

dataset = command_group(
    "Show training datasets, fetch one as a YOLO folder, and add pictures of your own: on AWS, or with "
    "--local in the cloud on this machine."
)
_exits = exits({InvalidDataset: Exit.INVALID, InvalidReview: Exit.INVALID}, argument=(InvalidName, InvalidMessage))

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or one of an earlier dataset.")]


@dataset.command(short_help="Build one, to inspect.")
@_exits
def build(
    folder: FolderArgument,
    *,
    build_id: Annotated[
        str | None, typer.Option("--id", help="Id of the build. Default: the time, and `dataset`.", metavar="ID")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="The build that the model in service was trained on: its photos are not new.",
            metavar="BUILD",
        ),
    ] = None,
    look_over: Annotated[
        bool, typer.Option("--look-over", help="Check labels with the model of day 0: 50 ms a photo.")
    ] = False,
    val_share: Annotated[
        float, typer.Option(help="Share of moments for early stopping and calibration.", min=0, max=0.9)
    ] = 0.15,
    most_images: Annotated[int, typer.Option(help="Maximum number of photos; others are left out.", min=1)] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the random choice of photos.", min=0)] = 0,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Store its manifest and its page in the dataset bucket.")
    ] = True,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Build a dataset from all labelled photos, as a training does, as a YOLO folder with a page to inspect it.

    Deterministic: the same photos, labels and options have the same digest. Nothing is trained.

    Exit status: 0 built, 5 it can't be built there or stored under this id, 2 the id is invalid, 1 any other error.

    Example: nunchi dataset build out/dataset
    """
    from retrain import dataset as datasets  # noqa: PLC0415 - see above
    from retrain.judge.predictions import predictor  # noqa: PLC0415 - see above

    with session_of(local, state) as session, progress_bars() as say:
        manifest = datasets.build(
            bucket := session.dataset,
            folder,
            build=check_run_id(build_id) if build_id else new_run_id(now(), "dataset"),
            settings=datasets.DatasetSettings(
                val_share=val_share, most_images=most_images, seed=seed, promise=session.gate
            ),
            earlier=datasets.load(bucket, check_run_id(since)) if since else None,
            predict=predictor(None, say=say) if look_over else None,
            at=now(),
            results=session.results,
            say=say,
        )
        if keep:
            datasets.publish(bucket, folder)
    if as_json:
        echo_json(_row(manifest) | {"folder": str(folder), "kept": keep})
        return
    _show(manifest)
    show_command("Inspect it", str(folder / "index.html"))
    if keep:
        show_command("Fetch it elsewhere", in_cloud(f"dataset fetch {manifest.build} FOLDER", local, state))


@dataset.command(short_help="Show a build, or all.")
@_exits
def show(
    build_id: Annotated[str | None, typer.Argument(metavar="BUILD", help="A build's id. Default: all of them.")] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show a build: its labels, what was left out and why; or all builds.

    Exit status: 0 shown, 5 the build is missing or invalid, 2 the id is invalid, 1 any other error.

    Example: nunchi dataset show --json | jq -r .build
    """
    from retrain import dataset as datasets  # noqa: PLC0415 - see above

    with session_of(local, state) as session:
        ids = [check_run_id(build_id)] if build_id else datasets.builds(session.dataset)
        manifests = [datasets.load(session.dataset, each) for each in ids]
    if as_json:
        echo_json(*map(_row, manifests))
    elif build_id:
        _show(manifests[0])
    elif not manifests:
        out.print(f"There is no build yet: {escape(in_cloud('dataset build FOLDER', local, state))}")
    else:
        table = plain_table("build", "made", "train", "val", "golden", right=("train", "val", "golden"))
        for manifest in manifests:
            pictures = [f"{counts['pictures']:,}" for counts in manifest.counts.values()]
            table.add_row(escape(manifest.build), to_text(manifest.made_at)[:16], *pictures)
        out.print(table)


@dataset.command(short_help="Fetch one as a YOLO folder.")
@_exits
def fetch(
    build_id: Annotated[str, typer.Argument(metavar="BUILD", help="A build's id: nunchi dataset show.")],
    folder: FolderArgument,
    *,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="Skip photos that have expired.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Fetch a build as a YOLO folder, every picture checked against its digest.

    Exit status: 0 fetched, 5 the build is missing, photos of it have expired or changed, or the folder can't be used,
    2 the id is invalid, 1 any other error.

    Example: nunchi dataset fetch 20261122t030405z-dataset out/dataset && yolo val data=out/dataset/data.yaml
    """
    from retrain import dataset as datasets  # noqa: PLC0415 - see above

    with session_of(local, state) as session, progress_bars() as say:
        manifest = datasets.fetch(session.dataset, check_run_id(build_id), folder, missing_ok=missing_ok, say=say)
    if as_json:
        echo_json(_row(manifest) | {"folder": str(folder)})
        return
    out.print(f"[green]{escape(manifest.build)} is in {escape(str(folder))}[/], digest {manifest.digest}")
    show_command("Open it", f"yolo val model=yolov5n.pt data={folder / 'data.yaml'}")


@dataset.command(short_help="Draw labelled pictures, to try an import.")
@_exits
def draw(
    folder: FolderArgument,
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


@dataset.command("import", short_help="Add your own labelled pictures.")
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
        listing = list_folder(folder)
        meaning = classes_in(listing, _aliases(classes or []), left_out=leave_out or [], names_file=names)
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
        f"[green]{len(scanned.pictures)} pictures are in {tree}[/] as kiosk {kiosk}; {escape(imported.classes_from())}"
    )
    for line in imported.lines():
        out.print(f"[yellow]{escape(line)}[/]")
    if scanned.invalid:
        out.print(f"[yellow]{escape(_broken(scanned.invalid, 'they were left out'))}[/]")
    show_command("Next", in_cloud("dataset build FOLDER", local, state))


def _row(manifest: DatasetManifest) -> dict[str, Any]:
    """A build as JSON fields."""
    return {
        "build": manifest.build,
        "made_at": to_text(manifest.made_at),
        "digest": manifest.digest,
        "counts": manifest.counts,
        "new": sum(item.new and item.source is not Tree.GOLDEN for item in manifest.items),
        "left_out": _exclusions(manifest),
        "warnings": list(manifest.warnings),
    }


def _show(manifest: DatasetManifest) -> None:
    """Print a build: people by split and label, exclusions, warnings."""
    from retrain.dataset.photos import REASONS, ExclusionReason  # noqa: PLC0415 - see above

    out.print(f"[bold]{escape(manifest.build)}[/], digest {manifest.digest}")
    numbers = (*LABELS, "pictures", "without people")
    table = plain_table("split", *numbers, right=numbers)
    for split, counts in manifest.counts.items():
        table.add_row(split, *(f"{number:,}" for number in counts.values()))
    out.print(table)
    for reason, number in _exclusions(manifest).items():
        out.print(f"[dim]left out[/] {number:,} {reason}: {REASONS[ExclusionReason(reason)]}")
    for warning in manifest.warnings:
        out.print(f"[yellow]{escape(warning)}[/]")


def _exclusions(manifest: DatasetManifest) -> dict[str, int]:
    """How many photos were left out, by reason."""
    return {str(why): number for why, number in sorted(Counter(photo.why for photo in manifest.excluded).items())}


def _aliases(options: list[str]) -> dict[str, Label]:
    aliases: dict[str, Label] = {}
    for option in options:
        name, _, label = option.rpartition("=")
        if not name or label not in set(LABELS):
            raise typer.BadParameter(
                f"{option!r}: write YOURS=LABEL, LABEL one of {', '.join(LABELS)}", param_hint="--class"
            )
        if aliases.setdefault(name, Label(label)) != label:
            raise typer.BadParameter(f"{name!r} is both {aliases[name]} and {label}", param_hint="--class")
    return aliases


def _broken(broken: list[str], consequence: str) -> str:
    more = f"\n  and {len(broken) - 5} more" if len(broken) > 5 else ""
    lines = "".join(f"\n  {line}" for line in broken[:5])
    return f"{len(broken)} pictures are invalid, and {consequence}{lines}{more}"
