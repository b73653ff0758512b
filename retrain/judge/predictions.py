"""Predictions of a model on photos, by the worker's own code in a subprocess.

A candidate is judged by the code that will serve it: decoding, letterbox, suppression, calibration. A training never
imports the worker; `python -m worker.models.predict` describes the protocol.
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
from typing import IO, Any, Final, TypeVar

from contracts.boxes import Corners
from contracts.messages import Model
from contracts.weights import DAY_0
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import Label
from retrain.errors import JudgementFailed
from retrain.progress import Say, silent
from retrain.subprocesses import filtered_environ, spawn

# Time limits: to load the model, and for each photo, which takes 10 to 300 ms. A process that hangs must not keep a
# paid instance running.
START_S: Final = 120.0
PHOTO_S: Final = 3.0
_REPORT_EVERY: Final = 25  # photos
_HOME: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class PredictedPerson:
    """A person that a model detected. `box` in fractions of the photo: x0, y0, x1, y1; raw boxes may exceed it.

    `answers` are None in raw predictions, and of a model that knows only labels. `log_odds` of P(elder) and P(female),
    nats, are those of a cascade, if they were asked for.
    """

    label: str
    confidence: float
    box: Corners
    answers: Answers | None = None
    log_odds: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's people in a photo, predicted in `ms` milliseconds; or `error`, the reason why there are none.

    `raw`: a YOLO's own scores, every class of every box; otherwise what a worker would serve.
    """

    path: Path
    ms: float = 0.0
    people: tuple[PredictedPerson, ...] = ()
    error: str | None = None
    model: Model | None = None
    raw: bool = False


Predict = Callable[[Sequence[Path]], list[Prediction]]
T = TypeVar("T")
Parse = Callable[[dict[str, Any], Path, Model | None, bool], T]  # of a line, the photo, the model, whether raw


def predictor(
    manifest: Path | None,
    *,
    raw: bool = False,
    log_odds: bool = False,
    python: str = sys.executable,
    say: Say = silent,
    start_s: float = START_S,
    photo_s: float = PHOTO_S,
) -> Predict:
    """Predicts with the model of a manifest, None for that of day 0, in one process for each call.

    `raw`: raw boxes, which mAP is measured on, if the model is a YOLO. `log_odds`: with those of a cascade. A call
    raises JudgementFailed unless the process predicts every photo within its time limit.
    """
    name = DAY_0 if manifest is None else str(manifest.absolute())
    command = [python, "-m", "worker.models.predict", "--manifest", name]
    command += [option for option, wanted in (("--raw", raw), ("--log-odds", log_odds)) if wanted]

    def predict(paths: Sequence[Path]) -> list[Prediction]:
        return predict_with(command, name, paths, _prediction, timeout_s=start_s + photo_s * len(paths), say=say)

    return predict


def predict_with(
    command: Sequence[str], name: str, paths: Sequence[Path], parse: Parse[T], *, timeout_s: float, say: Say
) -> list[T]:
    """What `parse` makes of each photo's line, of one process; JudgementFailed unless all are predicted in time."""
    with tempfile.TemporaryFile("w+") as requests, tempfile.TemporaryFile("w+") as errors:
        requests.writelines(f"{path.absolute()}\n" for path in paths)
        requests.seek(0)
        with _start(command, requests, errors) as process:
            # A read can block for ever; killing the process ends it.
            timed_out = threading.Event()

            def kill() -> None:
                timed_out.set()
                process.kill()

            timer = threading.Timer(timeout_s, kill)
            timer.start()
            try:
                predictions = list(_read(process.stdout or (), paths, parse, say))
                status = process.wait()
            except (ValueError, KeyError, TypeError) as error:
                raise JudgementFailed(
                    f"the prediction process of {name} sent an invalid prediction ({error!r}); nothing was judged. "
                    "Check that worker and training have the same version"
                ) from None
            finally:
                timer.cancel()
                process.kill()
        errors.seek(0)
        reason = (errors.read().strip().splitlines() or ["no error message"])[-1]
    if timed_out.is_set():
        raise JudgementFailed(
            f"{name} predicted {len(predictions)} of {len(paths)} photos within {timeout_s:g} s; nothing was judged. "
            "Check the load of the machine"
        )
    if status != 0 or len(predictions) != len(paths):
        raise JudgementFailed(
            f"the prediction process of {name} ended with status {status} after {len(predictions)} of {len(paths)} "
            f"photos: {reason}. Nothing was judged"
        )
    return predictions


def _start(command: Sequence[str], requests: IO[str], errors: IO[str]) -> subprocess.Popen[str]:
    # The worker's packages are beside ours; the process needs no credentials of the training.
    try:
        return spawn(
            command, cwd=_HOME, env=filtered_environ(), stdin=requests, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    except OSError as error:
        raise JudgementFailed(f"{command[0]} can't be started ({error}); nothing was judged") from None


def _read(lines: Iterable[str], paths: Sequence[Path], parse: Parse[T], say: Say) -> Iterator[T]:
    model, raw = None, False
    # The first line describes the model; a process that ends at once has none.
    for number, line in enumerate(lines):
        fields = json.loads(line)
        if number == 0:
            model, raw = Model(**fields["model"]), bool(fields["raw"])
            continue
        path = paths[number - 1]
        if fields["path"] != str(path.absolute()):
            raise ValueError(f"a prediction for {fields['path']}, not {path}")
        yield parse(fields, path, model, raw)
        if number % _REPORT_EVERY == 0 or number == len(paths):
            say(number, len(paths), f"{model.name} {model.version} predicts the photos" if model else "")


def _prediction(fields: dict[str, Any], path: Path, model: Model | None, raw: bool) -> Prediction:
    if "error" in fields:
        return Prediction(path, error=str(fields["error"]), model=model, raw=raw)
    people = []
    for person in fields["people"]:
        x0, y0, x1, y1 = map(float, person["box"])
        answers = Answers.from_fields(person["answers"]) if "answers" in person else None
        odds = person.get("log_odds")
        log_odds = None if odds is None else (float(odds["elder"]), float(odds["female"]))
        label, confidence = Label(person["label"]), float(person["confidence"])
        people.append(PredictedPerson(label, confidence, (x0, y0, x1, y1), answers, log_odds))
    return Prediction(path, float(fields["ms"]), tuple(people), None, model, raw)
