"""`nunchi review export|import|agreement`: human review by Label Studio (active learning), and people's agreement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from contracts.errors import InvalidName
from contracts.names import JSON_LABELS, check_kiosk_id
from ops.commands.drift import drift
from ops.display import counted_are, echo_json, err, out, plain_table, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, command_group, in_cloud
from ops.session import Session, heads_of, require_detector, session_of
from recipes.recipe import Recipe
from retrain.errors import InvalidReview
from retrain.review.agreement import Agreement, PromiseShare, PromiseState
from retrain.review.agreement import agreement as agreement_of
from retrain.review.notes import read_notes

if TYPE_CHECKING:
    from retrain.review.export import ExportSummary
    from retrain.review.importing import ImportSummary

# Label Studio's files need Pillow: commands import what reads and writes them when they run, so that others start fast.

review = command_group(
    "Photos for a person to review, to and from Label Studio: on AWS, or with --local on this machine."
)

EXIT_PARTLY_STORED: Final = 3
EXIT_PROMISE_BROKEN: Final = 6
_exits = exits({InvalidReview: Exit.INVALID}, argument=InvalidName)


@review.command()
@_exits
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A new folder, for photos and Label Studio's tasks.")
    ],
    *,
    sample_share: Annotated[
        float, typer.Option("--sample-share", min=0, max=1, help="Share of the sure photos to sample.", metavar="SHARE")
    ] = 0.02,
    most: Annotated[
        int | None,
        typer.Option("--most", min=1, help="Maximum number of photos; a kiosk's elders come first.", metavar="N"),
    ] = None,
    kiosk: Annotated[str | None, typer.Option("--kiosk", help="Photos of this kiosk only.", metavar="NAME")] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="Photos of that day (UTC) or later.", metavar="DAY"),
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Write the photos that the model was unsure of, and a random sample of the sure ones, with its boxes and answers.

    What Label Studio asks is the cloud's recipe's. Reviewed photos are left out. The sample is deterministic:
    unreviewed photos of it are exported again.

    Exit status: 0 written, 5 the folder is not empty, 2 the kiosk id or the day is invalid, 1 any other error.

    Example: nunchi review export out/review --most 200
    """
    from retrain.review.export import README  # noqa: PLC0415 - see above

    with session_of(local, state) as session:
        exported = _review_of(session, local, state).export(
            folder,
            sample_share=sample_share,
            most=most,
            kiosk=None if kiosk is None else check_kiosk_id(kiosk),
            since=since and since.replace(tzinfo=UTC),
        )
    if as_json:
        echo_json(asdict(exported) | {"folder": str(folder)})
        return
    if not exported.photos:
        out.print("No photo waits for review; try a larger --sample-share")
        return
    waiting = f"; {exported.left} more wait" if exported.left else ""
    out.print(
        f"[green]{counted_are(exported.photos, 'photo')} in {escape(str(folder))}[/]: {exported.unsure} unsure, "
        f"{exported.sample} sampled from the sure ones{waiting}"
    )
    show_command("Next", f"{folder / README} says how to open them in Label Studio")


@review.command("import")
@_exits
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Label Studio's export, as JSON (not JSON-MIN).")],
    *,
    golden_share: Annotated[
        float,
        typer.Option(
            "--golden-share", min=0, max=1, help="Share of moments for judgement only, never for training.", metavar="S"
        ),
    ] = 0.2,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="Skip photos that have expired meanwhile.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Store answers of reviewers. Photos of one kiosk and minute go together, to reviewed/ or, to judge by, to golden/.

    Photos that a training may have used never go to golden/. Idempotent; a later correction replaces an earlier one.

    Exit status: 0 all stored, 3 some tasks are invalid, the others are stored; 5 nothing is stored: the file is not
    an export of these tasks, or photos are missing; 1 any other error.

    Example: nunchi review import project-1.json
    """
    with session_of(local, state) as session:
        this = _review_of(session, local, state)
        imported = this.store(file, golden_share=golden_share, missing_ok=missing_ok)
    if as_json:
        echo_json(asdict(imported))
    else:
        _show_import(imported)
        show_command("Next", in_cloud(this.next, local, state))
    if imported.refused:
        raise typer.Exit(EXIT_PARTLY_STORED)


@review.command()
@_exits
def agreement(local: LocalOption = False, as_json: JsonOption = False, state: StateOption = DEFAULT_STATE) -> None:
    """Show how often people agree with the model's sure labels, by the random sample, and whether that meets the gate.

    Exit status: 0 it does, or the sample is too small; 6 it does not; 1 any other error.

    Example: nunchi review agreement --json | jq .people
    """
    with session_of(local, state) as session:
        require_detector(
            local,
            state,
            "nunchi review import says how many photos were corrected, nunchi train judges by golden ones",
        )
        result = agreement_of(read_notes(session.dataset), session.gate, session.detects.classes)
    if as_json:
        echo_json(_fields(result))
    else:
        _show_agreement(result, in_cloud("review export out/review --sample-share 0.1", local, state))
    if result.people.against(result.promise) is PromiseState.BROKEN:
        raise typer.Exit(EXIT_PROMISE_BROKEN)


review.command()(drift)


@dataclass(frozen=True, slots=True)
class _Review:
    """The review of one kind of recipe: how photos leave and answers come back, and the command that follows."""

    export: Callable[..., ExportSummary]
    store: Callable[..., ImportSummary]
    next: str


def _review_of(session: Session, local: bool, state: Path) -> _Review:
    recipe = heads_of(local, state)
    return _of_detector(session) if recipe is None else _of_heads(session, recipe)


def _of_detector(session: Session) -> _Review:
    from retrain.review.export import export  # noqa: PLC0415 - see above
    from retrain.review.importing import read, store  # noqa: PLC0415 - see above

    def stored(file: Path, **options: Any) -> ImportSummary:
        return store(read(file, session.detects.classes), session.dataset, session.results, **options)

    going = partial(export, session.dataset, session.results, weigh=session.detects.weigh)
    return _Review(going, stored, "review agreement")


def _of_heads(session: Session, recipe: Recipe) -> _Review:
    from retrain.bucket import DatasetBucket  # noqa: PLC0415 - see above
    from retrain.review.heads.export import export  # noqa: PLC0415 - see above
    from retrain.review.heads.importing import read, store  # noqa: PLC0415 - see above

    bucket = DatasetBucket(session.client("s3"), session.bucket("dataset"), label_suffix=JSON_LABELS)

    def stored(file: Path, **options: Any) -> ImportSummary:
        return store(read(file, recipe), bucket, **options)

    return _Review(partial(export, bucket, recipe), stored, "train")


def _show_import(imported: ImportSummary) -> None:
    stored = imported.reviewed + imported.golden
    out.print(
        f"[green]{counted_are(stored, 'photo')} stored[/]: {imported.reviewed} for training, {imported.golden} for "
        f"judgement; {imported.corrected} of them corrected"
    )
    for number, state in (
        (imported.doubled, "boxes were drawn twice with the same label, and count once"),
        (imported.cannot_tell, "are unclear to a person too: not used for training, and not exported again"),
        (imported.unchanged, "were stored before, with the same labels or later ones"),
        (imported.waiting, "wait for an answer"),
        (imported.missing, "have expired, and are left out"),
    ):
        if number:
            out.print(f"{number} {state}")
    for task in imported.refused:
        err.print(f"[red]left out:[/] {escape(task)}")
    if imported.refused:
        err.print("Correct these in Label Studio, and import its export again")


def _show_agreement(result: Agreement, export_command: str) -> None:
    if not result.people.checked:
        out.print("No photo of the random sample has been reviewed yet")
        show_command("Next", export_command)
        return
    numbers = ("right", "checked", "share", "95 % interval")
    table = plain_table("of the sure", *numbers, "", right=numbers)
    table.add_row("people", *_cells(result.people, result.promise))
    table.add_row("photos, all in them", *_cells(result.photos, result.promise)[:-1], "")
    for shares in (result.by_label, result.by_kiosk, result.by_week):
        for name, share in shares.items():
            table.add_row(f"  {escape(name)}", *_cells(share, result.promise))
    out.print(table)
    if result.cannot_tell:
        out.print(f"{result.cannot_tell} photos of the sample were unclear to a person, and are not counted")
    if result.below_gate:
        out.print(
            f"{result.below_gate} photos of the sample passed a lower gate than {result.promise:g}, and are not counted"
        )
    out.print(_verdict(result.people, result.promise))
    if result.people.against(result.promise) is not PromiseState.HOLDS:
        show_command("Next", export_command)


def _cells(share: PromiseShare, promise: float) -> list[str]:
    low, high = share.interval
    right_share = "" if share.share is None else f"{share.share:.3f}"
    return [f"{share.right:g}", str(share.checked), right_share, f"{low:.3f}-{high:.3f}", share.against(promise)]


def _verdict(people: PromiseShare, promise: float) -> str:
    match people.against(promise):
        case PromiseState.HOLDS:
            return f"[green]The promise of {promise:g} holds[/]"
        case PromiseState.BROKEN:
            return (
                f"[red]The promise of {promise:g} is broken[/]: the model's confidence is too high. Don't train on its "
                "labels before it is calibrated again"
            )
        case _:
            reason = "Too few people" if people.too_few(promise) else "The interval is too wide"
            return (
                f"[yellow]{reason} to decide whether the promise of {promise:g} holds[/]: "
                f"about {people.more(promise)} more people are needed"
            )


def _fields(result: Agreement) -> dict[str, Any]:
    """The agreement as JSON fields."""

    def fields(share: PromiseShare) -> dict[str, Any]:
        return {
            **asdict(share),
            "share": share.share,
            "interval": share.interval,
            "promise": share.against(result.promise),
        }

    parts = {"by_label": result.by_label, "by_kiosk": result.by_kiosk, "by_week": result.by_week}
    return {
        "gate": result.promise,
        "people": fields(result.people) | {"more": result.people.more(result.promise)},
        "photos": fields(result.photos),
        **{part: {name: fields(share) for name, share in shares.items()} for part, shares in parts.items()},
        "cannot_tell": result.cannot_tell,
        "below_gate": result.below_gate,
    }
