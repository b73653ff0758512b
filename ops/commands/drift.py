"""`nunchi review drift`: has what the model says of people moved, by kiosk and by week, before a training learns it?"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from contracts.labels import LABELS
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption
from ops.session import session_of
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.drift.facts import gather_facts
from retrain.drift.guard import NOBODY, Drift, DriftLimits, Level, check_drift
from retrain.drift.parts import Part, parts
from retrain.review.confidences import Results

EXIT_STOP: Final = 6
_COLOURS: Final = {Level.OK: "green", Level.WARN: "yellow", Level.STOP: "red"}
_IN_WORDS: Final = {
    Level.OK: "A training would go on",
    Level.WARN: "A training would go on, and say so",
    Level.STOP: "A training would stop here, so that it learns no mistake of its own model",
}


def drift(
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            formats=["%Y-%m-%d"],
            help="Compare what came since that day with what came before. Default: since the model in service learned.",
            metavar="DAY",
        ),
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Say whether the model's labels have moved, by kiosk and by week: what a training looks at before it learns.

    Of the photos since the model in service learned: shares of labels and of the unsure, confidence, and how often
    people agree. Run it weekly, and a drift is seen before the next training stops at it.

    Exit status: 0 a training would go on, 6 it would stop, 1 anything else.

    Example: nunchi review drift --since 2026-11-01
    """
    from retrain.run.incumbent import learned_by  # noqa: PLC0415 - it brings numpy; other commands stay quick

    with session_of(local, state) as place:
        s3 = place.client("s3")
        dataset, results = DatasetBucket(s3, place.bucket("dataset")), Results(s3, place.bucket("images"))
        at = since.replace(tzinfo=UTC) if since else learned_by(WeightsRegistry(s3, place.bucket("weights")), dataset)
        new, earlier = gather_facts(dataset, results, since=at)
        limits = DriftLimits(promise=place.gate)
    found = check_drift(new, earlier, limits)
    if as_json:
        typer.echo(json.dumps(found.to_fields() | {"parts": [asdict(one) for one in parts(new)]}))
    else:
        _tell(found, list(parts(new)), at)
    if found.level is Level.STOP:
        raise typer.Exit(EXIT_STOP)


def _tell(found: Drift, new: list[Part], since: datetime | None) -> None:
    if not new:
        out.print("No photo was labelled " + (f"since {since:%Y-%m-%d}" if since else "yet"))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")  # 80 columns are enough
    labels = [label.replace("_", "\n") for label in LABELS]
    for column in ("", "photos", "unsure", *labels, NOBODY, "confi-\ndence", "people\nagree"):
        table.add_column(column, justify="right" if column else "left")
    for one in new:
        shares = [f"{one.labels[name]:.0%}" for name in (*LABELS, NOBODY)]
        sure = "" if one.confidence is None else f"{one.confidence:.3f}"
        agree = f"{one.right:g} of {one.checked}" if one.checked else ""
        table.add_row(one.where, f"{one.photos:,}", f"{one.unsure:.0%}", *shares, sure, agree)
    out.print(f"Photos that were labelled since {since:%Y-%m-%d %H:%M} UTC" if since else "Every labelled photo")
    out.print(table)
    for finding in found.findings:
        err.print(f"[{_COLOURS[finding.level]}]{finding.level}[/] {finding.where}: {escape(finding.why)}")
    said = _IN_WORDS[found.level] if found.findings else f"{_IN_WORDS[Level.OK]}: {found.reason}"
    out.print(f"[{_COLOURS[found.level]}]{escape(said)}[/]")
