"""`nunchi demo`, a smoke test: photos from upload to label to training pair, in a cloud that is started for it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len
from rich.markup import escape

from config.nunchi_toml import load
from contracts.aws.s3 import get_or_none
from contracts.messages import DatasetTree
from contracts.names import Reference
from kiosk.cloud.counter import Answer
from kiosk.errors import NoAnswer
from local.environment import ROOT
from local.errors import CloudError
from local.record import Record
from local.state import StateDir
from ops import supervise
from ops.commands.cloud import running_or_fresh
from ops.commands.photo import SendExit, live_answers, send_all
from ops.display import counted, err, out, padded
from ops.options import DEFAULT_STATE, StateOption
from recipes.kiosk.message import LabelMessage, Result

SAMPLES: Final = ROOT / "samples"
PHOTO_S: Final = 30.0
STORED_S: Final = 30.0


def demo(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTO", exists=True, dir_okay=False, readable=True, help="Your own photos. Default: samples/."
        ),
    ] = None,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Send photos from upload to label to training pair, and show each step.

    A cloud that is up is used. Otherwise one is started, and stopped afterwards. Exit status 0 when every photo got a
    label message, "no person" and "unsure" included; 6 when one got none.

    Example: nunchi demo my-photo.jpg
    """
    photos = photos or sorted(path for path in SAMPLES.glob("*") if path.suffix in {".jpg", ".jpeg", ".png", ".webp"})
    if not photos:
        raise CloudError(f"there are no photos in {SAMPLES}; name your own: nunchi demo PHOTO...")
    elder_from = load().screen.elder_from
    began = time.monotonic()
    with supervise.interruptible(), running_or_fresh(StateDir(state), [], of="demo") as (record, _):
        sending = f"sending {counted(len(photos), 'photo')} as kiosk {record.kiosk}"
        err.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {sending}")
        answered: dict[Reference, str] = {}
        with live_answers(out, elder_from=elder_from) as show:

            def show_and_note(photo: Path, answer: Answer[LabelMessage] | NoAnswer) -> None:
                show(photo, answer)
                if isinstance(answer, Answer):
                    answered[answer.message.reference] = photo.name

            statuses = set(asyncio.run(send_all(record, photos, record.kiosk, PHOTO_S, show_and_note)))
        _show_stored(record, answered)
        err.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  done")
    if SendExit.NO_ANSWER in statuses:
        raise typer.Exit(SendExit.NO_ANSWER)


def _show_stored(record: Record, answered: dict[Reference, str]) -> None:
    """Show the keys of each photo's result in S3, and of its training pair."""
    s3 = record.client("s3")
    images, dataset = record.buckets["images"], record.buckets["dataset"]
    out.print(f"[bold]In S3 now[/]\n  [dim]results         s3://{images}\n  training pairs  s3://{dataset}[/]")
    width = max((cell_len(name) for name in answered.values()), default=0)
    for reference, name in answered.items():
        result = Result.from_json(when_stored(s3, images, reference.result_key))
        out.print(f"  {escape(padded(name, width))} {reference.result_key}")
        if result.training is not DatasetTree.NONE:
            for key in reference.pair_keys(result.training):
                when_stored(s3, dataset, key)
                out.print(f"  {padded('', width)} [green]{key}[/]")


def when_stored(s3: Any, bucket: str, key: str) -> bytes:
    """Wait until an object exists; returns its content. CloudError when it is missing after STORED_S."""
    deadline = time.monotonic() + STORED_S
    while (stored := get_or_none(s3, bucket=bucket, key=key)) is None:
        if time.monotonic() > deadline:
            raise CloudError(f"{key} was not in {bucket} within {STORED_S:g} s; see the worker's log")
        time.sleep(0.05)
    return stored.content
