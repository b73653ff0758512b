"""`nunchi judge A B`: which of two models is better, on photos that a person has checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from contracts.errors import InvalidMessage, InvalidName
from contracts.weights import DAY_0, MANIFEST, check_run_id, files_beside, run_key
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.session import gate_of, session_of
from registry.errors import InvalidRun, RunUnknown
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.errors import JudgementFailed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# The judge brings numpy, scikit-learn and matplotlib: the command imports it when it runs, so that others stay quick.

_ARGUMENT = f"A run's id, or {DAY_0}: what every worker carries."


class Exit(IntEnum):
    """How it ends."""

    BETTER = 0
    NOT_BETTER = 3
    UNKNOWN = 4
    REFUSED = 5


_EXITS = {RunUnknown: Exit.UNKNOWN, InvalidRun: Exit.REFUSED, JudgementFailed: Exit.REFUSED}


def judge(
    candidate: Annotated[str, typer.Argument(metavar="A", help=_ARGUMENT)],
    incumbent: Annotated[str, typer.Argument(metavar="B", help=_ARGUMENT)],
    dataset: Annotated[
        Path, typer.Option("--dataset", help="A dataset's folder: nunchi dataset fetch.", metavar="FOLDER")
    ],
    *,
    out_folder: Annotated[
        Path, typer.Option("--out", help="Where the report goes: report.html, report.json.", metavar="DIR")
    ] = Path("judgement"),
    score: Annotated[str, typer.Option(help="What better means: map50, map50_95 or accuracy.")] = "map50",
    golden_least: Annotated[int, typer.Option(help="Fewer golden photos judge nothing.", min=1)] = 100,
    per_label: Annotated[int, typer.Option(help="Fewer golden people of a label neither.", min=0)] = 10,
    gate: Annotated[
        float | None,
        typer.Option(help="Confidence from which answers teach, 0.5 to below 1. Default: the workers' own."),
    ] = None,
    most_slowdown: Annotated[
        float, typer.Option(help="Times as long as B that A may take; workers refuse more than 3.", min=1)
    ] = 3.0,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Judge A as a candidate against B in service, by a dataset's golden photos. Nothing is put into service by it.

    The rules are those of a training, and so is the report. Takes a few passes over the golden photos.

    Exit status: 0 A is better, 3 B would stay, 4 there is no such run, 5 a run or the dataset can't be judged by,
    2 no run can have this id, 1 anything else.

    Example: nunchi judge 20261122t030405z-yolov5n day-0 --dataset out/dataset
    """
    from retrain.judge import JudgeSettings, Score, report  # noqa: PLC0415 - see above
    from retrain.judge import judge as judged  # noqa: PLC0415 - see above

    promise = gate_of(local, state) if gate is None else gate
    try:
        settings = JudgeSettings(
            score=Score(score),
            golden_least=golden_least,
            golden_least_per_label=per_label,
            gate=promise,
            most_slowdown=most_slowdown,
        )
    except ValueError as wrong:  # SettingsError is a ValueError
        raise typer.BadParameter(str(wrong)) from None
    with _manifests((candidate, incumbent), local, state) as (ours, theirs):
        with Progress(console=err, transient=True, disable=as_json) as bar:
            task = bar.add_task("the judge starts", total=None)

            def say(done: int, of: int, note: str) -> None:
                bar.update(task, completed=done, total=of or None, description=note)

            judgement = judged(ours, theirs, dataset, settings=settings, say=say)
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
        raise typer.Exit(Exit.NOT_BETTER)


@contextmanager
def _manifests(runs: tuple[str, str], local: bool, state: Path) -> Generator[list[Path | None], None, None]:
    """The manifests of both, fetched for as long as it takes; exits as the help says when they can't be had."""
    try:
        wanted = [None if run == DAY_0 else check_run_id(run) for run in runs]
        with TemporaryDirectory(prefix="nunchi-judge-") as folder:
            yield [None if run is None else _fetched(run, Path(folder) / run, local, state) for run in wanted]
    except (InvalidName, InvalidMessage) as refused:
        raise typer.BadParameter(str(refused)) from None
    except tuple(_EXITS) as wrong:
        err.print(f"[red]nunchi:[/] {escape(str(wrong))}")
        raise typer.Exit(_EXITS[type(wrong)]) from None


def _fetched(run: str, folder: Path, local: bool, state: Path) -> Path:
    with session_of(local, state) as place:
        return _fetch(place.client("s3"), place.bucket("weights"), run, folder)


def _fetch(s3: S3Client, bucket: str, run: str, folder: Path) -> Path:
    """The manifest of a run, with the files that it names beside it, every byte checked."""
    known, files = WeightsRegistry(s3, bucket).run(run), DatasetBucket(s3, bucket)
    for path, promised in ({MANIFEST: known.manifest_sha256} | files_beside(known.manifest)).items():
        content = files.get(run_key(run, path))
        if content is None or hashlib.sha256(content).hexdigest() != promised:
            raise InvalidRun(
                f"{path} of run {run} is missing or not the bytes promised; nothing was judged. Add the run again "
                "under another id"
            )
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder / MANIFEST
