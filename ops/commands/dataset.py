"""`nunchi dataset build|show|fetch|import`: what a training learns from, to look at, to keep and to add to."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress

from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import now, to_text
from contracts.labels import LABELS, Label
from contracts.weights import check_run_id, new_run_id
from ops.dataset_display import row, table_of, tell
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import session_of
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import InvalidDataset, InvalidReview

# What makes datasets brings numpy, SciPy and Pillow: commands import it when they run, so that the others stay quick.

dataset = typer.Typer(
    help="See what a training learns from, fetch it as a YOLO folder, and add pictures of your own: on AWS, or with "
    "--local in the cloud on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or one of an earlier dataset.")]


class Exit(IntEnum):
    """How these commands end when a dataset is not as they need it."""

    REFUSED = 5


@dataset.command(short_help="Build one, to look at.")
def build(
    folder: FolderArgument,
    *,
    build_id: Annotated[
        str | None, typer.Option("--id", help="Of the build. Default: the time, and `dataset`.", metavar="ID")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="What the model in service learned from: its photos are not new.", metavar="BUILD"
        ),
    ] = None,
    look_over: Annotated[
        bool, typer.Option("--look-over", help="Let the model of day 0 look for wrong labels: 50 ms a photo.")
    ] = False,
    val_share: Annotated[
        float, typer.Option(help="Share of moments to stop and to calibrate by.", min=0, max=0.9)
    ] = 0.15,
    most_images: Annotated[int, typer.Option(help="More photos than these are left out.", min=1)] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed draws other photos.", min=0)] = 0,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Store its manifest and its page in the dataset bucket.")
    ] = True,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Build a dataset from everything there is, as a training does, and lay it out for YOLO tools and for eyes.

    The same photos, labels and options make the same digest. Nothing is trained by it.

    Exit status: 0 built, 5 it can't be built there or kept under this id, 2 no build can have this id, 1 anything else.

    Example: nunchi dataset build out/dataset
    """
    from retrain import dataset as datasets  # noqa: PLC0415 - see above
    from retrain.judge.predictions import predictor  # noqa: PLC0415 - see above

    with _bucket(local, state) as bucket, _progress() as say:
        made = datasets.build(
            bucket,
            folder,
            build=check_run_id(build_id) if build_id else new_run_id(now(), "dataset"),
            settings=datasets.DatasetSettings(val_share=val_share, most_images=most_images, seed=seed),
            earlier=datasets.load(bucket, check_run_id(since)) if since else None,
            predict=predictor(None, say=say) if look_over else None,
            at=now(),
            say=say,
        )
        if keep:
            datasets.publish(bucket, folder)
    if as_json:
        typer.echo(json.dumps(row(made) | {"folder": str(folder), "kept": keep}))
        return
    tell(made)
    out.print(f"[bold]Look at it[/]\n  {escape(str(folder / 'index.html'))}")
    if keep:
        again = in_cloud(f"dataset fetch {made.build} FOLDER", local, state)
        out.print(f"[bold]Elsewhere, the same again[/]\n  {escape(again)}")


@dataset.command(short_help="Show a build, or all.")
def show(
    build_id: Annotated[str | None, typer.Argument(metavar="BUILD", help="A build's id. Default: all of them.")] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show a build: who is in it, what was left out and why; or all builds.

    Exit status: 0 shown, 5 there is no such build or it is broken, 2 no build can have this id, 1 anything else.

    Example: nunchi dataset show --json | jq -r .build
    """
    from retrain import dataset as datasets  # noqa: PLC0415 - see above

    with _bucket(local, state) as bucket:
        ids = [check_run_id(build_id)] if build_id else datasets.builds(bucket)
        manifests = [datasets.load(bucket, one) for one in ids]
    if as_json:
        for manifest in manifests:
            typer.echo(json.dumps(row(manifest)))
    elif build_id:
        tell(manifests[0])
    elif not manifests:
        out.print(f"There is no build yet: {escape(in_cloud('dataset build FOLDER', local, state))}")
    else:
        table = table_of("build", "made", "train", "val", "golden")
        for manifest in manifests:
            pictures = [f"{counts['pictures']:,}" for counts in manifest.counts.values()]
            table.add_row(escape(manifest.build), to_text(manifest.made_at)[:16], *pictures)
        out.print(table)


@dataset.command(short_help="Fetch one as a YOLO folder.")
def fetch(
    build_id: Annotated[str, typer.Argument(metavar="BUILD", help="A build's id: nunchi dataset show.")],
    folder: FolderArgument,
    *,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="Do without photos that have gone.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Fetch a build as a YOLO folder, every picture checked against its digest.

    Exit status: 0 fetched, 5 there is no such build, photos of it have gone or changed, or the folder can't hold it,
    2 no build can have this id, 1 anything else.

    Example: nunchi dataset fetch 20261122t030405z-dataset out/dataset && yolo val data=out/dataset/data.yaml
    """
    from retrain import dataset as datasets  # noqa: PLC0415 - see above

    with _bucket(local, state) as bucket, _progress() as say:
        manifest = datasets.fetch(bucket, check_run_id(build_id), folder, missing_ok=missing_ok, say=say)
    if as_json:
        typer.echo(json.dumps(row(manifest) | {"folder": str(folder)}))
        return
    out.print(f"[green]{escape(manifest.build)} is in {escape(str(folder))}[/], digest {manifest.digest}")
    out.print(f"[bold]Open it[/]\n  yolo val model=yolov5n.pt data={escape(str(folder / 'data.yaml'))}")


@dataset.command("import", short_help="Add your own labelled pictures.")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures and labels in YOLO's layout.")],
    *,
    tree: Annotated[
        str, typer.Option("--tree", help="reviewed: to learn from. golden: to judge by, never learned.", metavar="TREE")
    ] = Tree.REVIEWED,
    kiosk: Annotated[
        str, typer.Option("--kiosk", help="The name that they go under; tell sources apart by it.", metavar="NAME")
    ] = "import",
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="What a class of yours means here; may be repeated.", metavar="YOURS=LABEL"),
    ] = None,
    moment_a_folder: Annotated[
        bool, typer.Option("--moment-a-folder", help="Pictures of one folder show the same people: one split for them.")
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out pictures that are broken; without it, none is stored.")
    ] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Import pictures that people have labelled: images/ and labels/ anywhere below FOLDER, classes from its data.yaml.

    Importing them again changes nothing. PNG and WebP become JPEG. A picture of nobody needs an empty label file. What
    a training may have learned from can't judge, and is not taken into golden.

    Exit status: 0 imported, 5 a picture or the classes need a look, and nothing was stored, 2 no kiosk can have this
    name or an option is none, 1 anything else.

    Example: nunchi dataset import my-2400-images --tree reviewed --kiosk students
    """
    from retrain.dataset.yolo_import.class_names import classes_in  # noqa: PLC0415 - see above
    from retrain.dataset.yolo_import.folder import (  # noqa: PLC0415 - see above
        scan_folder,
        store,
        without_exposed,
    )

    if tree not in (Tree.REVIEWED, Tree.GOLDEN):
        raise typer.BadParameter(f"{tree!r} is neither {Tree.REVIEWED} nor {Tree.GOLDEN}", param_hint="--tree")
    with _bucket(local, state) as bucket, _progress() as say:
        meaning, where = classes_in(folder, _aliases(classes or []))
        scanned = scan_folder(folder, meaning, kiosk=kiosk, burst_per_folder=moment_a_folder, say=say)
        if tree == Tree.GOLDEN:
            scanned = without_exposed(bucket, scanned, folder)
        if scanned.invalid and not skip:
            raise InvalidDataset(_broken(scanned.invalid, "nothing was imported. Mend them, or leave them out: --skip"))
        store(bucket, Tree(tree), scanned.pictures, say)
    told = {"tree": tree, "kiosk": kiosk, "pictures": len(scanned.pictures), "left_out": len(scanned.invalid)}
    if as_json:
        typer.echo(json.dumps(told))
        return
    said = f"as {where} says" if where else f"classes in our order: {', '.join(LABELS)}"
    out.print(f"[green]{len(scanned.pictures)} pictures are in {tree}[/] as kiosk {kiosk}; {escape(said)}")
    if scanned.invalid:
        out.print(f"[yellow]{escape(_broken(scanned.invalid, 'they were left out'))}[/]")
    out.print(f"[bold]Next[/]\n  {escape(in_cloud('dataset build FOLDER', local, state))}")


@contextmanager
def _bucket(local: bool, state: Path) -> Generator[DatasetBucket, None, None]:
    """The dataset bucket of the local cloud in `state`, or of AWS; exits as the help says when something is wrong."""
    try:
        with session_of(local, state) as place:
            yield DatasetBucket(place.client("s3"), place.bucket("dataset"))
    except (InvalidName, InvalidMessage) as refused:
        raise typer.BadParameter(str(refused)) from None
    except (InvalidDataset, InvalidReview) as refused:
        err.print(f"[red]nunchi:[/] {escape(str(refused))}")
        raise typer.Exit(Exit.REFUSED) from None


@contextmanager
def _progress() -> Generator[Any, None, None]:
    """A bar for each kind of thing that is done; nothing where no person looks on."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def say(done: int, of: int, note: str) -> None:
            if note not in tasks:
                tasks[note] = bars.add_task(note)
            bars.update(tasks[note], completed=done, total=of)

        yield say


def _aliases(told: list[str]) -> dict[str, Label]:
    aliases = {}
    for one in told:
        name, _, label = one.rpartition("=")
        if not name or label not in set(LABELS):
            raise typer.BadParameter(
                f"{one!r}: write YOURS=LABEL, LABEL one of {', '.join(LABELS)}", param_hint="--class"
            )
        aliases[name] = Label(label)
    return aliases


def _broken(broken: list[str], consequence: str) -> str:
    more = f"\n  and {len(broken) - 5} more" if len(broken) > 5 else ""
    lines = "".join(f"\n  {one}" for one in broken[:5])
    return f"{len(broken)} pictures can't be imported, and {consequence}{lines}{more}"
