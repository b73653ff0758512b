"""`nunchi judge A B`: a training's quality gate by hand: compares two runs of weights on a dataset's golden photos."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.markup import escape

from contracts.errors import InvalidMessage, InvalidName
from contracts.weights import DAY_0, check_run_id
from ops.display import echo_json, out, progress_bars, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import gate_of, session_of
from recipes.kiosk.detects import PEOPLE
from registry.errors import InvalidRun, RunUnknown
from retrain.errors import JudgementFailed
from retrain.settings import GOLDEN_LEAST, golden_photos_for

# retrain.judge imports numpy, scikit-learn, matplotlib: the command imports it when it runs, so that others start fast.

_ARGUMENT = f"Id of a run, or {DAY_0}: the model built into every worker."
EXIT_NOT_BETTER: Final = 3


@exits(
    {RunUnknown: Exit.UNKNOWN, InvalidRun: Exit.INVALID, JudgementFailed: Exit.INVALID},
    argument=(InvalidName, InvalidMessage),
)
def judge(
    candidate: Annotated[str, typer.Argument(metavar="A", help=_ARGUMENT)],
    incumbent: Annotated[str, typer.Argument(metavar="B", help=_ARGUMENT)],
    dataset: Annotated[
        Path, typer.Option("--dataset", help="A dataset's folder: nunchi dataset fetch.", metavar="FOLDER")
    ],
    *,
    out_folder: Annotated[
        Path, typer.Option("--out", help="Folder for report.html and report.json.", metavar="DIR")
    ] = Path("judgement"),
    score: Annotated[str, typer.Option(help="Score to compare: map50, map50_95 or accuracy.")] = "map50",
    golden_least: Annotated[int, typer.Option(help="Minimum number of golden photos.", min=1)] = golden_photos_for(
        GOLDEN_LEAST
    ),
    per_label: Annotated[
        int, typer.Option(help="Minimum number of golden people of each label.", min=0)
    ] = GOLDEN_LEAST,
    gate: Annotated[
        float | None,
        typer.Option(help="Confidence from which labels become training data, 0.5 to below 1. Default: the workers'."),
    ] = None,
    most_slowdown: Annotated[
        float, typer.Option(help="Maximum time of A as a multiple of B's; workers refuse more than 3.", min=1)
    ] = 3.0,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Judge candidate A against incumbent B on the golden photos of a dataset. Nothing is promoted.

    The rules and the report are those of a training. Takes a few passes over the golden photos.

    Exit status: 0 A is better, 3 B would stay, 4 a run is unknown, 5 a run or the dataset is invalid, 2 a run id is
    invalid, 1 any other error.

    Example: nunchi judge 20261122t030405z-yolov5n day-0 --dataset out/dataset
    """
    from retrain.judge import JudgeSettings, Score, report  # noqa: PLC0415 - see above
    from retrain.judge import judge as run_judge  # noqa: PLC0415 - see above

    try:
        settings = JudgeSettings(
            score=Score(score),
            golden_least=golden_least,
            golden_least_per_label=per_label,
            gate=gate_of(local, state) if gate is None else gate,
            most_slowdown=most_slowdown,
        )
    except ValueError as error:  # SettingsError is a ValueError
        raise typer.BadParameter(str(error)) from None
    ids = [None if run == DAY_0 else check_run_id(run) for run in (candidate, incumbent)]
    with TemporaryDirectory(prefix="nunchi-judge-") as temporary:
        a, b = (None if run is None else _download(local, state, run, Path(temporary) / run) for run in ids)
        with progress_bars(one=True, shown=not as_json) as say:
            say(0, 0, "the judgement starts")
            judgement = run_judge(a, b, dataset, detects=PEOPLE, settings=settings, say=say)
        page = report.write(out_folder, judgement)
    if as_json:
        echo_json(judgement.fields())
    else:
        verdict = f"[green]{candidate} is better[/]" if judgement.promoted else f"[yellow]{incumbent} stays[/]"
        out.print(f"{verdict}: {escape(judgement.reason)} (rule {judgement.rule})")
        show_command("Report", str(page))
        if judgement.promoted and candidate != DAY_0:
            show_command("Next", in_cloud(f"weights promote {candidate}", local, state))
    if not judgement.promoted:
        raise typer.Exit(EXIT_NOT_BETTER)


def _download(local: bool, state: Path, run: str, folder: Path) -> Path:
    """The manifest of a run, downloaded with its files."""
    with session_of(local, state) as session:
        return session.weights.download(session.weights.run(run), folder)
