"""`nunchi review export|import|agreement`: photos out to a person's eyes, answers back, and how true the promise is."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from contracts.errors import InvalidName
from contracts.names import check_kiosk_id
from ops.commands.drift import drift
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import session_of
from retrain.bucket import DatasetBucket
from retrain.errors import InvalidReview
from retrain.review.agreement import Agreement, PromiseShare, PromiseState
from retrain.review.agreement import agreement as agreement_of
from retrain.review.confidences import Results
from retrain.review.notes import read_notes

if TYPE_CHECKING:
    from retrain.review.importing import ImportSummary

# What reads and writes Label Studio's files brings Pillow: commands import it when they run, so that others stay quick.

review = typer.Typer(
    help="Photos for a person to look at, to and from Label Studio: on AWS, or with --local on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Exit(IntEnum):
    """How these commands end when a review is not as they need it."""

    PARTLY = 3
    REFUSED = 5
    BROKEN = 6


@dataclass(frozen=True, slots=True)
class ReviewBuckets:
    """What reviews read and write."""

    dataset: DatasetBucket
    results: Results
    gate: float


@review.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new one, for Label Studio. It will hold photos.")],
    *,
    sample_share: Annotated[
        float, typer.Option("--sample-share", min=0, max=1, help="Share of the sure photos to draw.", metavar="SHARE")
    ] = 0.02,
    most: Annotated[
        int | None, typer.Option("--most", min=1, help="At most so many photos; elders come first.", metavar="N")
    ] = None,
    kiosk: Annotated[str | None, typer.Option("--kiosk", help="Photos of this one only.", metavar="NAME")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", formats=["%Y-%m-%d"], help="Photos that came on that day (UTC) or later.", metavar="DAY"
        ),
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Write the photos that the model was unsure of, and a random sample of the sure, with the boxes that it saw.

    None is shown that a person has checked. The same photos are drawn again until they are.

    Exit status: 0 written, 5 the folder holds something already, 2 no kiosk or day is called so, 1 anything else.

    Example: nunchi review export out/review --most 200
    """
    from retrain.review.export import README  # noqa: PLC0415 - see above
    from retrain.review.export import export as export_to  # noqa: PLC0415 - see above

    with _buckets(local, state) as buckets:
        chosen = None if kiosk is None else check_kiosk_id(kiosk)
        exported = export_to(
            buckets.dataset,
            buckets.results,
            folder,
            sample_share=sample_share,
            most=most,
            kiosk=chosen,
            since=since and since.replace(tzinfo=UTC),
        )
    if as_json:
        typer.echo(json.dumps(asdict(exported) | {"folder": str(folder)}))
        return
    if not exported.photos:
        out.print("No photo waits for a person; try a larger --sample-share")
        return
    left = f"; {exported.left} more wait" if exported.left else ""
    out.print(
        f"[green]{exported.photos} photos are in {escape(str(folder))}[/]: {exported.unsure} unsure, "
        f"{exported.sample} drawn from the sure{left}"
    )
    out.print(f"[bold]Next[/]\n  {escape(str(folder / README))} says how to open them in Label Studio")


@review.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Label Studio's export, as JSON (not JSON-MIN).")],
    *,
    golden_share: Annotated[
        float,
        typer.Option("--golden-share", min=0, max=1, help="Share of moments that judge, and never teach.", metavar="S"),
    ] = 0.2,
    missing_ok: Annotated[
        bool, typer.Option("--missing-ok", help="Leave out photos that have expired meanwhile.")
    ] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Store what people said. Photos of one kiosk and minute go together: to reviewed/, or to golden/, which judges.

    What a training may have seen never judges. Once more changes nothing; a later correction replaces an earlier one.

    Exit status: 0 all stored, 3 some tasks can't be learnt from, the others are stored; 5 nothing is stored: no export
    of ours, or photos that are not there; 1 anything else.

    Example: nunchi review import project-1.json
    """
    from retrain.review.importing import read, store  # noqa: PLC0415 - see above

    with _buckets(local, state) as buckets:
        imported = store(read(file), buckets.dataset, buckets.results, golden_share=golden_share, missing_ok=missing_ok)
    if as_json:
        typer.echo(json.dumps(asdict(imported)))
    else:
        _tell_imported(imported)
        again = escape(in_cloud("review agreement", local, state))
        out.print(f"[bold]Next[/]\n  {again}")
    if imported.refused:
        raise typer.Exit(Exit.PARTLY)


@review.command()
def agreement(
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Say how often people agree with what the model was sure of, by the random sample, and if that keeps its promise.

    Exit status: 0 it holds, or can't be told yet; 6 it is broken; 1 anything else.

    Example: nunchi review agreement --json | jq .people
    """
    with _buckets(local, state) as buckets:
        found = agreement_of(read_notes(buckets.dataset), buckets.gate)
    if as_json:
        typer.echo(json.dumps(_fields(found)))
    else:
        _tell_agreement(found, in_cloud("review export out/review --sample-share 0.1", local, state))
    if found.people.against(found.promise) is PromiseState.BROKEN:
        raise typer.Exit(Exit.BROKEN)


review.command()(drift)


@contextmanager
def _buckets(local: bool, state: Path) -> Generator[ReviewBuckets, None, None]:
    """The buckets of the local cloud in `state`, or of AWS; exits as the help says when a review is refused."""
    try:
        with session_of(local, state) as place:
            s3 = place.client("s3")
            yield ReviewBuckets(
                DatasetBucket(s3, place.bucket("dataset")), Results(s3, place.bucket("images")), place.gate
            )
    except InvalidName as refused:
        raise typer.BadParameter(str(refused)) from None
    except InvalidReview as wrong:
        err.print(f"[red]nunchi:[/] {escape(str(wrong))}")
        raise typer.Exit(Exit.REFUSED) from None


def _tell_imported(imported: ImportSummary) -> None:
    stored = imported.reviewed + imported.golden
    out.print(
        f"[green]{stored} photos are stored[/]: {imported.reviewed} to train on, {imported.golden} to judge by; "
        f"{imported.corrected} of them corrected"
    )
    for number, what in (
        (imported.cannot_tell, "cannot be told by a person either: neither trained on nor shown again"),
        (imported.unchanged, "were stored before, just so or checked later"),
        (imported.waiting, "wait for an answer"),
        (imported.missing, "have expired, and are left out"),
    ):
        if number:
            out.print(f"{number} {what}")
    for one in imported.refused:
        err.print(f"[red]left out:[/] {escape(one)}")
    if imported.refused:
        err.print("Correct these in Label Studio, and import its export once more")


def _tell_agreement(found: Agreement, more: str) -> None:
    if not found.people.checked:
        out.print(f"Nobody of the random sample has been checked yet\n[bold]Next[/]\n  {escape(more)}")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("of the sure", "right", "checked", "share", "95 % sure", ""):
        table.add_column(column, justify="left" if column in ("of the sure", "") else "right")
    table.add_row("people", *_cells(found.people, found.promise))
    table.add_row("photos, all in them", *_cells(found.photos, found.promise)[:-1], "")
    for shares in (found.by_label, found.by_kiosk, found.by_week):
        for name, share in shares.items():
            table.add_row(f"  {escape(name)}", *_cells(share, found.promise))
    out.print(table)
    if found.cannot_tell:
        out.print(f"{found.cannot_tell} photos of the sample could not be told by a person, and count nowhere")
    if found.below_gate:
        out.print(
            f"{found.below_gate} photos of the sample passed a lower gate than {found.promise:g}, and count nowhere"
        )
    out.print(_verdict(found.people, found.promise))
    if found.people.against(found.promise) is not PromiseState.HOLDS:
        out.print(f"[bold]Next[/]\n  {escape(more)}")


def _cells(share: PromiseShare, promise: float) -> list[str]:
    low, high = share.interval
    told = "" if share.share is None else f"{share.share:.3f}"
    return [f"{share.right:g}", str(share.checked), told, f"{low:.3f}-{high:.3f}", share.against(promise)]


def _verdict(people: PromiseShare, promise: float) -> str:
    match people.against(promise):
        case PromiseState.HOLDS:
            return f"[green]The promise of {promise:g} holds[/]"
        case PromiseState.BROKEN:
            return (
                f"[red]The promise of {promise:g} is broken[/]: the model is less often right than it says. Don't "
                "train on its labels before the calibration is fitted anew"
            )
        case _:
            can_t = "Too few to tell" if people.too_few(promise) else "Can't tell yet"
            return (
                f"[yellow]{can_t} whether the promise of {promise:g} holds[/]: about {people.more(promise)} more people"
            )


def _fields(found: Agreement) -> dict[str, Any]:
    """For programs."""

    def of(share: PromiseShare) -> dict[str, Any]:
        return {
            "right": share.right,
            "checked": share.checked,
            "share": share.share,
            "interval": share.interval,
            "promise": share.against(found.promise),
        }

    def all_of(shares: Mapping[str, PromiseShare]) -> dict[str, Any]:
        return {name: of(share) for name, share in shares.items()}

    return {
        "gate": found.promise,
        "people": of(found.people) | {"more": found.people.more(found.promise)},
        "photos": of(found.photos),
        "by_label": all_of(found.by_label),
        "by_kiosk": all_of(found.by_kiosk),
        "by_week": all_of(found.by_week),
        "cannot_tell": found.cannot_tell,
        "below_gate": found.below_gate,
    }
