"""`nunchi judge A B`: compares two runs of weights on the golden photos of a dataset."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.markup import escape

from contracts.errors import InvalidMessage, InvalidName, NunchiError
from contracts.weights import DAY_0, check_run_id
from ops.display import out, progress_bar
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import gate_of, session_of
from registry.errors import InvalidRun, RunUnknown
from registry.weights import WeightsRegistry
from retrain.errors import JudgementFailed

# retrain.judge imports numpy, scikit-learn, matplotlib: the command imports it when it runs, so that others start fast.

_ARGUMENT = f"Id of a run, or {DAY_0}: the model built into every worker."
EXIT_NOT_BETTER: Final = 3
_EXITS: Final[Mapping[type[NunchiError], int]] = {
    RunUnknown: Exit.UNKNOWN,
    InvalidRun: Exit.INVALID,
    JudgementFailed: Exit.INVALID,
}


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
    golden_least: Annotated[int, typer.Option(help="Minimum number of golden photos.", min=1)] = 100,
    per_label: Annotated[int, typer.Option(help="Minimum number of golden people of each label.", min=0)] = 10,
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
    with _manifests((candidate, incumbent), local, state) as (candidate_manifest, incumbent_manifest):
        with progress_bar("the judgement starts", shown=not as_json) as say:
            judgement = run_judge(candidate_manifest, incumbent_manifest, dataset, settings=settings, say=say)
        page = report.write(out_folder, judgement)
    if as_json:
        typer.echo(json.dumps(judgement.fields()))
    else:
        verdict = f"[green]{candidate} is better[/]" if judgement.promoted else f"[yellow]{incumbent} stays[/]"
        out.print(f"{verdict}: {escape(judgement.reason)} (rule {judgement.rule})")
        out.print(f"[bold]Report[/]\n  {escape(str(page))}")
        if judgement.promoted and candidate != DAY_0:
            out.print(f"[bold]Next[/]\n  {escape(in_cloud(f'weights promote {candidate}', local, state))}")
    if not judgement.promoted:
        raise typer.Exit(EXIT_NOT_BETTER)


@contextmanager
def _manifests(runs: tuple[str, str], local: bool, state: Path) -> Generator[list[Path | None], None, None]:
    """The manifests of both runs (None: day 0) in a temporary folder; errors exit with the status in the help."""
    with exits(_EXITS, argument=(InvalidName, InvalidMessage)):
        ids = [None if run == DAY_0 else check_run_id(run) for run in runs]
        with TemporaryDirectory(prefix="nunchi-judge-") as folder:
            yield [None if run is None else _download(local, state, run, Path(folder) / run) for run in ids]


def _download(local: bool, state: Path, run: str, folder: Path) -> Path:
    with session_of(local, state) as session:
        registry = WeightsRegistry(session.client("s3"), session.bucket("weights"))
        return registry.download(registry.run(run), folder)
