"""What models say of photos, asked of the worker's own code in a process of its own.

A candidate is judged by the very code that will serve it: decoding, letterbox, suppression, calibration. A training
never imports the worker; `python -m worker.models.predict` says how the two talk.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from contracts.labels import Label
from contracts.messages import Model
from contracts.weights import DAY_0
from retrain.errors import JudgementFailed
from retrain.subprocesses import start, surroundings

# What a process may take: to load its model, and for a photo. A photo takes 10 to 300 ms; a process that hangs must
# not keep a paid instance up.
START_S: Final = 120.0
PHOTO_S: Final = 3.0
_TOLD: Final = 25  # photos between two words on how far it is
_HOME: Final = Path(__file__).parents[2]

Say = Callable[[int, int, str], None]  # done, of, a sentence


@dataclass(frozen=True, slots=True)
class PredictedPerson:
    """A person whom a model sees. `box` in fractions of the photo: x0, y0, x1, y1; raw answers may leave it."""

    label: Label
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of a photo, in `ms` milliseconds; or `error`, why it says nothing.

    `raw`: these are a YOLO's own scores, every class of every box; otherwise what a worker would serve.
    """

    path: Path
    ms: float = 0.0
    people: tuple[PredictedPerson, ...] = ()
    error: str | None = None
    model: Model | None = None
    raw: bool = False


Predict = Callable[[Sequence[Path]], list[Prediction]]


def silent(done: int, of: int, note: str) -> None:
    """Nobody wants to know how far it is."""


def predictor(
    manifest: Path | None,
    *,
    raw: bool = False,
    python: str = sys.executable,
    say: Say = silent,
    start_s: float = START_S,
    photo_s: float = PHOTO_S,
) -> Predict:
    """Asks the model of that manifest, None for the one of day 0, in a process for each call.

    `raw`: for what mAP is measured on, where the model is a YOLO. Each call raises JudgementFailed unless the process
    answers for every photo within its time.
    """
    name = DAY_0 if manifest is None else str(manifest.absolute())
    command = [python, "-m", "worker.models.predict", "--manifest", name, *(["--raw"] if raw else [])]

    def predict(paths: Sequence[Path]) -> list[Prediction]:
        return _asked(command, name, paths, patience_s=start_s + photo_s * len(paths), say=say)

    return predict


def _asked(
    command: Sequence[str], name: str, paths: Sequence[Path], *, patience_s: float, say: Say
) -> list[Prediction]:
    with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+") as said:
        asked.writelines(f"{path.absolute()}\n" for path in paths)
        asked.seek(0)
        with _started(command, asked, said) as process:
            # A read can wait for ever; when the process is ended, its lines end.
            late = threading.Event()

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(patience_s, end)
            timer.start()
            try:
                found = list(_read(process.stdout or (), paths, say))
                status = process.wait()
            except (ValueError, KeyError, TypeError) as error:
                raise JudgementFailed(
                    f"the process that asks {name} answered with what is no prediction ({error!r}); nothing was "
                    "judged. Is the worker of another version than the training?"
                ) from None
            finally:
                timer.cancel()
                process.kill()
        said.seek(0)
        why = (said.read().strip().splitlines() or ["it did not say why"])[-1]
    if late.is_set():
        raise JudgementFailed(
            f"{name} answered for {len(found)} of {len(paths)} photos within {patience_s:g} s; nothing was judged. "
            "Does something else keep the machine busy?"
        )
    if status != 0 or len(found) != len(paths):
        raise JudgementFailed(
            f"the process that asks {name} ended with status {status} after {len(found)} of {len(paths)} photos: "
            f"{why}. Nothing was judged"
        )
    return found


def _started(command: Sequence[str], asked: IO[str], said: IO[str]) -> subprocess.Popen[str]:
    # The worker's packages lie beside ours; whatever credentials the training has are none of its business.
    try:
        return start(
            command, cwd=_HOME, env=surroundings(), stdin=asked, stdout=subprocess.PIPE, stderr=said, text=True
        )
    except OSError as error:
        raise JudgementFailed(f"{command[0]} can't be started ({error}); nothing was judged") from None


def _read(lines: Iterable[str], paths: Sequence[Path], say: Say) -> Iterator[Prediction]:
    model, raw = None, False
    # Only the first line is about the model; a process that ends at once has none.
    for number, line in enumerate(lines):
        fields = json.loads(line)
        if number == 0:
            model, raw = Model(**fields["model"]), bool(fields["raw"])
            continue
        path = paths[number - 1]
        if fields["path"] != str(path.absolute()):
            raise ValueError(f"an answer about {fields['path']}, not {path}")
        yield _prediction(fields, path, model, raw)
        if number % _TOLD == 0 or number == len(paths):
            say(number, len(paths), f"{model.name} {model.version} looks at the photos" if model else "")


def _prediction(fields: dict[str, Any], path: Path, model: Model | None, raw: bool) -> Prediction:
    if "error" in fields:
        return Prediction(path, error=str(fields["error"]), model=model, raw=raw)
    people = tuple(
        PredictedPerson(Label(one["label"]), float(one["confidence"]), _four(one["box"])) for one in fields["people"]
    )
    return Prediction(path, float(fields["ms"]), people, None, model, raw)


def _four(box: Sequence[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = map(float, box)
    return x0, y0, x1, y1
