"""`nunchi dataset build|show|fetch`: builds, shows and fetches training datasets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import now, to_text
from contracts.weights import check_run_id, new_run_id
from ops.commands.dataset_import import draw, import_
from ops.display import echo_json, out, plain_table, progress_bars, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, command_group, in_cloud
from ops.session import require_detector, session_of
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
        require_detector(local, state, "To look at the photos that teach its heads: nunchi recipe explore NAME")
        manifest = datasets.build(
            bucket := session.dataset,
            folder,
            build=check_run_id(build_id) if build_id else new_run_id(now(), "dataset"),
            settings=datasets.DatasetSettings(
                val_share=val_share, most_images=most_images, seed=seed, promise=session.gate
            ),
            detects=session.detects,
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


dataset.command(short_help="Draw labelled pictures, to try an import.")(draw)
dataset.command("import", short_help="Add your own labelled pictures.")(import_)


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
    numbers = (*manifest.classes, "pictures", "without people")
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
