"""`nunchi calibrate`: fits the calibration of the cascade in service to a shop's checked photos, and judges it."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from config.nunchi_toml import load
from contracts.instants import now
from contracts.weights import DAY_0, MOST_TEXT, new_run_id
from ops.display import echo_json, out, plain_table, progress_bars, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import Session, session_of
from registry.errors import InvalidRun, PointerMoved, RunUnknown
from registry.weights import CurrentRun
from retrain.errors import JudgementFailed, RecalibrationFailed

if TYPE_CHECKING:
    from retrain.recalibration.run import Recalibration

# retrain.recalibration imports numpy and scikit-learn: the command imports it when it runs, so that others start fast.

EXIT_NOT_BETTER: Final = 3
EXIT_POINTER_MOVED: Final = 6


@exits(
    {
        RecalibrationFailed: Exit.INVALID,
        JudgementFailed: Exit.INVALID,
        InvalidRun: Exit.INVALID,
        RunUnknown: Exit.INVALID,
        PointerMoved: EXIT_POINTER_MOVED,
    },
    argument=(),
)
def calibrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Fit and judge; store and promote nothing.")] = False,
    elder_share: Annotated[
        float | None,
        typer.Option(
            "--elder-share",
            min=0.01,
            max=0.99,
            help="Share of elders among your customers, 0-1, if you know it. Default: the share the model assumes.",
            metavar="SHARE",
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=1, help="Maximum number of reviewed photos, the newest.", metavar="N")
    ] = 1000,
    by: Annotated[str, typer.Option("--by", help="Your name; it is stored in the pointer.", metavar="NAME")] = "",
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Also write the fitted run and its report here.", metavar="DIR")
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Fit the confidences of the model in service to your own camera, on the photos that people have reviewed.

    The networks stay as they are; nine numbers of the last layer move: a shift and a scale of the log-odds of age and
    gender, and shifts of the label's confidence. Few photos move them little. The reviewed photos are for the fit,
    the golden ones judge. If the result is better by more than noise, no label breaks the promise of the gate, and no
    elder loses by more than chance, it is stored as a run and promoted; workers load it within a minute. Otherwise
    nothing changes. Takes about a tenth of a second for each reviewed photo, and two for each golden one.

    A model of another kind than the cascade of day 0 is calibrated by its training: nunchi train.

    Exit status: 0 promoted, or the same photos gave the same calibration again; 3 the calibration in service stays; 5
    too few reviewed or golden photos, or the model in service is invalid or no cascade; 6 another run was promoted
    meanwhile; 2 an option is invalid, 1 any other error. With --dry-run the status is the same, and nothing is stored.

    Example: nunchi calibrate --local --dry-run
    """
    from retrain.recalibration.run import RecalibrationSettings, Verdict, recalibrate  # noqa: PLC0415 - see above

    elder_from = load().screen.elder_from
    with TemporaryDirectory(prefix="nunchi-calibrate-") as temporary, session_of(local, state) as session:
        folder = Path(temporary)
        settings = RecalibrationSettings(gate=session.gate, elder_from=elder_from, elder_share=elder_share, most=most)
        current = session.weights.current()
        name = current.run or DAY_0
        with progress_bars(one=True, shown=not as_json) as say:
            say(0, 0, f"the calibration of {name} starts")
            outcome = recalibrate(
                session.dataset,
                _manifest_of(session, current, folder / "in-service"),
                folder / "work",
                run=name,
                known={run.manifest_sha256: run.id for run in session.weights.runs()},
                settings=settings,
                say=say,
            )
        if out_folder is not None:
            shutil.copytree(outcome.manifest.parent, out_folder, dirs_exist_ok=True)
        run = outcome.run
        if outcome.verdict is Verdict.BETTER and not dry_run:
            run = new_run_id(now(), f"{outcome.version.replace(' ', '-')}")
            session.weights.add(outcome.manifest.parent, run)
            reason = " ".join(outcome.ruling.reason.split())[:MOST_TEXT]
            session.weights.promote(run, by=by or getpass.getuser(), reason=reason, over=current)
    if as_json:
        echo_json(outcome.fields() | {"run": run, "in_service_before": name, "dry_run": dry_run})
    else:
        _show(outcome, name, run, dry_run)
        _show_next(outcome, run, dry_run, local, state)
    if outcome.verdict is Verdict.KEPT:
        raise typer.Exit(EXIT_NOT_BETTER)


def _manifest_of(session: Session, current: CurrentRun, folder: Path) -> Path:
    """The manifest of the model in service, with its files."""
    from worker.models.day_0 import DEFAULT_MANIFEST  # noqa: PLC0415 - see above

    if current.run is None:
        return DEFAULT_MANIFEST
    folder.mkdir(parents=True)
    return session.weights.download(session.weights.run(current.run), folder)


def _show(outcome: Recalibration, name: str, run: str | None, dry_run: bool) -> None:
    reviewed, golden, layer = outcome.reviewed, outcome.golden, outcome.layer
    out.print(
        f"Fitted on {reviewed['people']} people ({reviewed['elders']} elders) in {reviewed['photos']} reviewed photos; "
        f"golden has {golden['elders']} elders and {golden['adults']} adults of {golden['moments']} moments"
    )
    out.print(
        f"Last layer: age {layer.elder.shift:+.2f} nats, × {layer.elder.scale:.2f}; gender {layer.female.shift:+.2f} "
        f"nats, × {layer.female.scale:.2f}; confidence {layer.confidence:+.2f} nats"
    )
    if outcome.before and outcome.after:
        out.print(_table(outcome.before.fields(), outcome.after.fields(), name))
    reason = escape(outcome.ruling.reason)
    match outcome.verdict:
        case "better" if dry_run:
            out.print(f"[green]It is better[/]: {reason}. Nothing was stored: --dry-run")
        case "better":
            out.print(f"[green]{run} is in service[/], after {name}: {reason}")
        case "unchanged":
            out.print(f"[green]Nothing changed[/]: {reason}; no second run was stored")
        case _:
            out.print(
                f"[yellow]{name} stays[/] by the rule [bold]{outcome.ruling.rule}[/]: {reason}. Nothing was stored"
            )


def _show_next(outcome: Recalibration, run: str | None, dry_run: bool, local: bool, state: Path) -> None:
    match outcome.verdict:
        case "better" if dry_run:
            show_command("Next", in_cloud("calibrate", local, state))
        case "better":
            show_command("Back", in_cloud("weights rollback", local, state))
        case "unchanged":
            show_command("See", in_cloud(f"weights show {run}", local, state))
        case _:
            show_command("Next", in_cloud("review export out/review --sample-share 0.1", local, state))


def _table(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> Any:
    """Before and after on the golden photos, with counts and 95 % intervals."""
    table = plain_table("on golden", f"{name}", "fitted", right=(name, "fitted"))
    for label, key in (("log loss, nats a person", "sum"), ("  age", "age"), ("  gender", "gender")):
        table.add_row(label, *(_number(each["log_loss"][key], 1) for each in (before, after)))
    table.add_row("  confidence", *(_number(each["log_loss"]["confidence"], 1) for each in (before, after)))
    table.add_row("calibration error, points", *(_number(each["ece"], 100) for each in (before, after)))
    for label, key in (
        ("right label, of found", "right_label"),
        ("elders told elder", "elders_told_elder"),
        ("easy screen, elders", "easy_screen_elders"),
        ("easy screen, adults", "easy_screen_adults"),
    ):
        table.add_row(label, *(_share(each[key]) for each in (before, after)))
    for label in before["gate"]:
        table.add_row(f"{label} kept, right", *(_share(each["gate"][label]["right"]) for each in (before, after)))
    return table


def _number(estimate: Mapping[str, float | None], times: float) -> str:
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return "none"
    digits = 3 if times == 1 else 1
    return f"{times * value:.{digits}f} ({times * low:.{digits}f}-{times * high:.{digits}f})"


def _share(share: Mapping[str, Any]) -> str:
    if not share["of"]:
        return "none"
    ends = f"{100 * share['low']:.0f}-{100 * share['high']:.0f}"
    return f"{share['count']} of {share['of']}, {100 * share['value']:.0f} % ({ends})"
