"""The trial of a model: before it serves, it must load, see the person in a portrait, in sense and in time.

`python -m worker.rollout.trial MANIFEST BYTES PICTURE` tries it in its own process, of bounded memory and low priority:
native code that crashes, hangs or eats all memory does so there, and not in the worker. Ends with 0, or with 1 and the
reason in a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from contracts.errors import NunchiError
from worker.models.day_0 import WARM_UP
from worker.models.detector import Detection, Detector, Image
from worker.models.loading import ONE_AT_A_TIME, load_detector
from worker.models.manifests import InvalidModel, ModelManifest
from worker.photos.decoding import decode

PATIENCE_S: Final = 60.0
MOST_MEMORY: Final = 1536 << 20  # bytes of data; the cascade takes a tenth
WARM_UPS: Final = 3  # the first makes the networks' buffers
RUNS: Final = 7  # of each model, by turns
# Times the median of the model in service, or `most_slowdown` of the manifest, which may be higher for an ensemble.
MOST_SLOWDOWN: Final = 3.0
MOST_MANIFESTS_SLOWDOWN: Final = 20.0
_MOST_PIXELS: Final = 40_000_000
_HOME: Final = Path(__file__).parents[2]


class Trial(Protocol):
    """Tries a model where nothing can be broken."""

    async def __call__(self, manifest: Path) -> None:
        """InvalidModel says why it may not serve."""
        ...


def portrait(path: Path = WARM_UP) -> Image:
    """The portrait that every model must see somebody in; PhotoRejected when the file is no picture."""
    return decode(path.read_bytes(), max_pixels=_MOST_PIXELS).image


def require_sense(detector: Detector, picture: Image) -> None:
    """InvalidModel unless the model sees somebody in the portrait, and its answers are probabilities."""
    people: Sequence[Detection] = ()
    try:
        for _ in range(WARM_UPS):
            [people] = detector.detect([picture])
    except Exception as error:
        raise InvalidModel(
            f"{_name(detector)} fails at the portrait that every model must see: {error!r}; it does not serve. "
            "Promote another run"
        ) from error
    if not people:
        raise InvalidModel(
            f"{_name(detector)} sees nobody in the portrait that every model must see; it does not serve. "
            "Promote another run"
        )
    if not all(math.isfinite(one.confidence) and 0 <= one.confidence <= 1 for one in people):
        raise InvalidModel(
            f"{_name(detector)} answers with confidences {[one.confidence for one in people]}, which are no "
            "probabilities; it does not serve. Promote another run"
        )


def require_speed(
    detector: Detector,
    picture: Image,
    *,
    against: Detector,
    most_slowdown: float,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """InvalidModel if the model takes more than `most_slowdown` times as long as the one in service.

    They take turns, so that whatever else the machine does slows both; and rest in between, as photos go first.
    """
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(RUNS):
        theirs.append(_seconds(against, picture, clock))
        ours.append(_seconds(detector, picture, clock))
        time.sleep(theirs[-1] + ours[-1])
    median, served = statistics.median(ours), statistics.median(theirs)
    if median > most_slowdown * served:
        raise InvalidModel(
            f"{_name(detector)} takes {1e3 * median:.1f} ms for a photo, {_name(against)} in service "
            f"{1e3 * served:.1f} ms: more than {most_slowdown:g} times as long, so it does not serve. Promote a faster "
            "run, or allow it in its manifest: most_slowdown"
        )


def most_slowdown(manifest: ModelManifest) -> float:
    """What the manifest allows; InvalidModel when that is no sensible number."""
    allowed = manifest.fields.get("most_slowdown", MOST_SLOWDOWN)
    if isinstance(allowed, bool) or not isinstance(allowed, int | float) or not 1 <= allowed <= MOST_MANIFESTS_SLOWDOWN:
        raise InvalidModel(
            f"{manifest.path}: most_slowdown is {allowed!r}, not a number from 1 to {MOST_MANIFESTS_SLOWDOWN:g}; this "
            "model is not loaded. Write the manifest anew."
        )
    return float(allowed)


class ProcessTrial:
    """A trial in a process of its own."""

    def __init__(
        self, picture: Path = WARM_UP, *, patience_s: float = PATIENCE_S, most_memory: int = MOST_MEMORY
    ) -> None:
        self._picture = picture
        self._patience_s = patience_s
        self._most_memory = most_memory

    async def __call__(self, manifest: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker.rollout.trial"),
            *(str(manifest.absolute()), str(self._most_memory), str(self._picture.absolute())),
            cwd=_HOME,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._patience_s):
                _, told = await process.communicate()
        except TimeoutError:
            raise InvalidModel(
                f"{manifest}: not loaded and tried within {self._patience_s:g} s; it does not serve. "
                "Promote another run"
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.returncode == 0:
            return
        said = told.decode(errors="replace").strip().splitlines()
        if process.returncode == 1 and said:
            raise InvalidModel(said[-1])
        raise InvalidModel(
            f"{manifest}: loading it ended a process with status {process.returncode}"
            f"{': ' + said[-1] if said else ''}; it does not serve. Promote another run"
        )


def main(arguments: Sequence[str]) -> int:
    """Try a manifest under limits."""
    manifest, most_memory, picture = Path(arguments[0]), int(arguments[1]), Path(arguments[2])
    os.nice(10)  # photos go first
    resource.setrlimit(resource.RLIMIT_DATA, (most_memory, most_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        require_sense(load_detector(manifest, ONE_AT_A_TIME), portrait(picture))
    except NunchiError as error:
        why = str(error)
    except MemoryError:
        why = f"{manifest}: it needs more than {most_memory >> 20} MiB; it does not serve. Promote a smaller run"
    except Exception as error:  # noqa: BLE001 - told to who started us
        why = f"{manifest}: it can't be loaded: {error!r}; it does not serve. Promote another run"
    else:
        return 0
    sys.stderr.write(" ".join(why.split()) + "\n")
    return 1


def _seconds(detector: Detector, picture: Image, clock: Callable[[], float]) -> float:
    begun = clock()
    detector.detect([picture])
    return clock() - begun


def _name(detector: Detector) -> str:
    return f"model {detector.model.name} {detector.model.version}"


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # whatever threads the model left
