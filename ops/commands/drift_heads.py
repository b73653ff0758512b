"""`nunchi review drift` in the cloud of a recipe that teaches heads: how its answers changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.markup import escape

from contracts.instants import now, to_text
from ops.display import echo_json, err, out, plain_table, show_command
from ops.options import in_cloud
from ops.session import session_of
from recipes.recipe import Recipe
from retrain.drift.answers import LIMITS, AnswerDrift, Answered, AnswerFact, aspects, check_answers, gather

if TYPE_CHECKING:
    from retrain.drift.answers import Counts

EXIT_STOP: Final = 6
LATEST: Final = timedelta(days=7)
MOST_WEEKS: Final = 4  # the latest ones have a column each


def drift_of_heads(recipe: Recipe, since: datetime | None, local: bool, as_json: bool, state: Path) -> None:
    """Show how the answers since that day differ from earlier ones; status EXIT_STOP if one shifted much."""
    at = now()
    begin = since.replace(tzinfo=UTC) if since else at - LATEST
    with session_of(local, state) as session:
        answered = gather(session.client("s3"), session.bucket("images"), recipe, since=begin, at=at)
    drift = check_answers(recipe, answered.now, answered.before)
    every = [*answered.before, *answered.now]
    weeks = sorted({fact.week for fact in every})[-MOST_WEEKS:]
    sides = {"before": answered.before, "now": answered.now}
    sides |= {week: [fact for fact in every if fact.week == week] for week in weeks}
    counts = {what: {side: count(facts) for side, facts in sides.items()} for what, count in aspects(recipe).items()}
    if as_json:
        echo_json(_fields(answered, drift, begin, counts))
    else:
        _show(answered, drift, begin, counts)
        if drift.shifts and recipe.keep.learn:
            # What changed is seen in the photos; people's answers about them teach, too.
            day = f"review export FOLDER --sample-share 1 --most 100 --since {begin:%Y-%m-%d}"
            show_command("Look at the photos", in_cloud(day, local, state))
    if drift.large:
        raise typer.Exit(EXIT_STOP)


def _fields(
    answered: Answered, drift: AnswerDrift, since: datetime, counts: Mapping[str, Mapping[str, Counts]]
) -> dict[str, Any]:
    return {
        "since": to_text(since),
        "model": answered.version,
        "photos": {"before": len(answered.before), "now": len(answered.now)},
        "other_models": answered.others,
        "unread": answered.unread,
        "compared": drift.compared,
        "large": drift.large,
        "shifts": [shift.to_fields() for shift in drift.shifts],
        "counts": {what: {side: dict(each) for side, each in sides.items()} for what, sides in counts.items()},
    }


def _show(answered: Answered, drift: AnswerDrift, since: datetime, counts: Mapping[str, Mapping[str, Counts]]) -> None:
    if not answered.now:
        out.print(f"No photo was answered since {since:%Y-%m-%d %H:%M} UTC")
        return
    out.print(
        f"Answers of {escape(answered.version)} since {since:%Y-%m-%d %H:%M} UTC: {_photos(answered.now)}; before: "
        f"{_photos(answered.before)}"
    )
    numbers = list(counts["status"])
    table = plain_table("answers", "", *numbers, right=numbers)
    for what, sides in counts.items():
        title = f"[bold]{escape(what)}[/]"
        for name in sides["now"]:
            if any(each[name] for each in sides.values()):
                table.add_row(title, escape(name), *(_share(each, name) for each in sides.values()))
                title = ""
    out.print(table)
    if answered.others:
        out.print(f"[dim]not compared: {answered.others:,} photos that other models answered[/]")
    if answered.unread:
        out.print(f"[dim]not compared: {answered.unread:,} results without a time, or of another recipe[/]")
    for each in drift.shifts:
        colour, size = ("red", "large shift") if each.large else ("yellow", "small shift")
        why = f"{each.what} (PSI {each.shift.psi:.2f}; {each.shift.summary})"
        err.print(f"[{colour}]{size}[/] {each.where}: {escape(why)}")
    if not drift.compared:
        out.print(f"[dim]Too few on one side: {LIMITS.min_photos} moments before and since are compared[/]")
    elif not drift.shifts:
        out.print("[green]No answer shifted[/]")


def _photos(facts: Sequence[AnswerFact]) -> str:
    return f"{len(facts):,} photos"


def _share(counts: Counts, name: str) -> str:
    total = sum(counts.values())
    return f"{counts[name] / total:.0%}" if total else ""
