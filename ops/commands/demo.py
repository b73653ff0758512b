"""`nunchi demo`: the whole way, once, for somebody who has just arrived."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from contracts.messages import DatasetTree, Result
from contracts.names import Reference
from kiosk.counter import Answer
from kiosk.errors import NoAnswer
from local.environment import ROOT
from local.errors import CloudError
from local.record import Record
from local.state import StateDir
from ops import supervise
from ops.commands.cloud import start, wait_until_up
from ops.commands.photo import Exit, answers_as_they_come, send_all
from ops.display import err, out
from ops.options import DEFAULT_STATE, StateOption

SAMPLES: Final = ROOT / "samples"
PHOTO_S: Final = 30.0
STORED_S: Final = 20.0
_IN_WORDS: Final = {
    Exit.NO_PERSON: "no_person: no face was found; it should look at the camera, and be 60 pixels wide or more.",
    Exit.UNSURE: (
        "unsure: somebody is there, but no label is likelier right than wrong; a kiosk keeps its usual screen."
    ),
    Exit.REJECTED: "rejected: the file can't be read as a photo, for the reason beside it; the next photo works.",
}


def demo(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTO", exists=True, dir_okay=False, readable=True, help="Your own instead of samples/."
        ),
    ] = None,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Send photos the whole way, from upload to label to training pair, and show each step.

    A cloud that is up is used. Otherwise one is started for this, and taken down again. Exit status 0 when every photo
    was answered, be it with "no person" or "unsure"; 6 when one was not.

    Example: nunchi demo my-photo.jpg
    """
    chosen = photos or sorted(path for path in SAMPLES.glob("*") if path.suffix in {".jpg", ".jpeg", ".png", ".webp"})
    if not chosen:
        raise CloudError(f"there are no photos in {SAMPLES}; name your own: nunchi demo PHOTO...")
    began = time.monotonic()
    with supervise.interruptible(), _cloud(StateDir(state)) as record:
        err.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  sending {len(chosen)} photos as kiosk {record.kiosk}")
        asked: dict[Reference, str] = {}
        with answers_as_they_come(out) as tell:

            def told(photo: Path, answer: Answer | NoAnswer) -> None:
                tell(photo, answer)
                if isinstance(answer, Answer):
                    asked[answer.message.reference] = photo.name

            exits = set(asyncio.run(send_all(record, chosen, record.kiosk, PHOTO_S, told)))
        for answer in sorted(exits & _IN_WORDS.keys()):
            out.print(f"[dim]{_IN_WORDS[answer]}[/]")
        _show_stored(record, asked)
        err.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  done")
    if Exit.NO_ANSWER in exits:
        raise typer.Exit(Exit.NO_ANSWER)


@contextmanager
def _cloud(folder: StateDir) -> Generator[Record, None, None]:
    """The cloud that is up in the folder; otherwise a fresh one, for the length of the block."""
    if folder.holder() is not None:
        err.print(f"[dim]using the cloud in {folder.path}[/]")
        yield wait_until_up(folder)
        return
    temporary = tempfile.TemporaryDirectory(prefix="nunchi-demo-")
    fresh = StateDir(Path(temporary.name))
    try:
        yield start(supervise.Supervisor(fresh), [], detach=False)
    finally:
        with supervise.uninterrupted():
            supervise.stop(fresh)
            temporary.cleanup()
        err.print("[dim]the demo's cloud is down; nothing is left running[/]")


def _show_stored(record: Record, asked: dict[Reference, str]) -> None:
    """The result of each photo in S3, and the training pairs that came of them."""
    s3 = record.client("s3")
    images, dataset = record.buckets["images"], record.buckets["dataset"]
    out.print(f"[bold]In S3 now[/]\n  [dim]results         s3://{images}\n  training pairs  s3://{dataset}[/]")
    for reference, name in asked.items():
        result = Result.from_json(_stored(s3, images, reference.result_key))
        out.print(f"  {name:24} {reference.result_key}")
        if result.training is not DatasetTree.NONE:
            for key in reference.pair_keys(result.training):
                _stored(s3, dataset, key)
                out.print(f"  {'':24} [green]{key}[/]")


def _stored(s3: Any, bucket: str, key: str) -> bytes:
    """An object's bytes, once it is there."""
    deadline = time.monotonic() + STORED_S
    while True:
        try:
            body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            if time.monotonic() > deadline:
                raise CloudError(f"{key} was not in {bucket} within {STORED_S:g} s; see the worker's log") from None
            time.sleep(0.05)
        else:
            return body
