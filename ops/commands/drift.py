"""`nunchi review drift`: drift detection: labels by kiosk and by week, as a training checks it before it starts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.markup import escape

from contracts.classes import Classes
from ops.commands.drift_heads import EXIT_STOP, drift_of_heads
from ops.display import echo_json, err, out, plain_table
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption
from ops.session import heads_of, session_of
from retrain.drift.facts import gather_facts
from retrain.drift.guard import NOBODY, Drift, DriftLimits, Level, check_drift
from retrain.drift.parts import Part, parts

_COLOURS: Final = {Level.OK: "green", Level.WARN: "yellow", Level.STOP: "red"}
_IN_WORDS: Final = {
    Level.OK: "A training would go on",
    Level.WARN: "A training would go on, with a warning",
    Level.STOP: "A training would stop here, so that it does not learn errors of the model in service",
}


def drift(
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            formats=["%Y-%m-%d"],
            help="Compare photos since that day with earlier ones. Default: since the model in service was trained; in "
            "the cloud of another recipe, the last 7 days.",
            metavar="DAY",
        ),
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show label drift by kiosk and by week, as a training checks it before it starts.

    For photos since the training of the model in service: shares of labels and of unsure photos, confidence, and how
    often people agree. Run it weekly to find drift before the next training stops at it.

    In the cloud of another recipe: the answers of the model in service about photos of the last 7 days, or since the
    day, against earlier ones: found subjects, values, scores, confidences. A training does not stop for them.

    Exit status: 0 a training would go on, or no answer shifted much; 6 it would stop, or one did; 1 any other error.

    Example: nunchi review drift --since 2026-11-01
    """
    from retrain.run.incumbent import learned_by  # noqa: PLC0415 - it imports numpy; other commands start fast

    if (recipe := heads_of(local, state)) is not None:
        drift_of_heads(recipe, since, local, as_json, state)
        return
    with session_of(local, state) as session:
        at = since.replace(tzinfo=UTC) if since else learned_by(session.weights, session.dataset)
        new, earlier = gather_facts(session.dataset, session.results, since=at)
        limits, classes = DriftLimits(promise=session.gate), session.detects.classes
    result = check_drift(new, earlier, limits, classes)
    if as_json:
        echo_json(result.to_fields() | {"parts": [asdict(part) for part in parts(new, classes)]})
    else:
        _show(result, list(parts(new, classes)), at, classes)
    if result.level is Level.STOP:
        raise typer.Exit(EXIT_STOP)


def _show(result: Drift, new: list[Part], since: datetime | None, classes: Classes) -> None:
    if not new:
        out.print("No photo was labelled " + (f"since {since:%Y-%m-%d}" if since else "yet"))
        return
    labels = [label.replace("_", "\n") for label in classes]
    numbers = ("photos", "unsure", *labels, NOBODY, "confi-\ndence", "people\nagree")
    table = plain_table("", *numbers, right=numbers)
    table.padding = (0, 1, 0, 0)  # to fit 80 columns
    for part in new:
        shares = [f"{part.labels[name]:.0%}" for name in (*classes, NOBODY)]
        confidence = "" if part.confidence is None else f"{part.confidence:.3f}"
        agree = f"{part.right:g} of {part.checked}" if part.checked else ""
        table.add_row(part.where, f"{part.photos:,}", f"{part.unsure:.0%}", *shares, confidence, agree)
    out.print(f"Photos that were labelled since {since:%Y-%m-%d %H:%M} UTC" if since else "Every labelled photo")
    out.print(table)
    for finding in result.findings:
        err.print(f"[{_COLOURS[finding.level]}]{finding.level}[/] {finding.where}: {escape(finding.why)}")
    conclusion = _IN_WORDS[result.level] if result.findings else f"{_IN_WORDS[Level.OK]}: {result.reason}"
    out.print(f"[{_COLOURS[result.level]}]{escape(conclusion)}[/]")
