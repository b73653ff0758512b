"""Smoke test of a model (its trial): before it serves, it must load, find something in a picture, be fast enough.

`python -m worker.rollout.trial MANIFEST BYTES PICTURE RECIPE` tries it in its own process, with bounded memory and low
priority: native code that crashes, hangs or takes all memory does not harm the worker. Exits with 0, or with 1 and the
reason in one line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from contracts.errors import NunchiError
from imaging.decoding import decode
from recipes.reading import KIOSK, load
from worker.kinds import kinds_for
from worker.models.day_0 import WARM_UP
from worker.models.detector import Image, ImageModel
from worker.models.loading import load_model
from worker.models.manifests import InvalidModel, ModelManifest

TIMEOUT_S: Final = 60.0
MAX_MEMORY: Final = 1536 << 20  # bytes of data; the cascade takes a tenth
WARM_UPS: Final = 3  # the first allocates the networks' buffers
RUNS: Final = 7  # of each model, in turns
# Times the median of the model in service; a manifest may set `most_slowdown` instead, higher for an ensemble.
DEFAULT_MAX_SLOWDOWN: Final = 3.0
MAX_ALLOWED_SLOWDOWN: Final = 20.0
_HOME: Final = Path(__file__).parents[2]


class Trial(Protocol):
    """Tries a model where it can't harm the worker."""

    async def __call__(self, manifest: Path) -> None:
        """InvalidModel with the reason if the model must not serve."""
        ...


def portrait(path: Path = WARM_UP) -> Image:
    """The picture in which every model must find something; PhotoRejected if the file is not a photo."""
    return decode(path.read_bytes()).image


def require_subject(detector: ImageModel, picture: Image) -> None:
    """InvalidModel unless the model finds something in the picture, with valid answers."""
    found: Sequence[Any] = ()
    try:
        for _ in range(WARM_UPS):
            [found] = detector.detect([picture])
    except Exception as error:
        raise InvalidModel(
            f"model {detector.model} fails on the picture that every model must pass: {error!r}; it does not serve. "
            "Promote another run"
        ) from error
    if not found:
        raise InvalidModel(
            f"model {detector.model} finds nothing in the picture that every model must pass; it does not serve. "
            "Promote another run"
        )


def require_speed(
    detector: ImageModel,
    picture: Image,
    *,
    against: ImageModel,
    most_slowdown: float,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """InvalidModel if the model takes more than `most_slowdown` times as long as the one in service.

    They run in turns, so that other load on the machine slows both; with pauses, because photos go first.
    """
    candidate_s: list[float] = []
    serving_s: list[float] = []
    for _ in range(RUNS):
        serving_s.append(_seconds(against, picture, clock))
        candidate_s.append(_seconds(detector, picture, clock))
        time.sleep(serving_s[-1] + candidate_s[-1])
    candidate, serving = statistics.median(candidate_s), statistics.median(serving_s)
    if candidate > most_slowdown * serving:
        raise InvalidModel(
            f"model {detector.model} takes {1e3 * candidate:.1f} ms for a photo, model {against.model} in service "
            f"{1e3 * serving:.1f} ms: more than {most_slowdown:g} times as long, so it does not serve. Promote a "
            "faster run, or set a higher most_slowdown in its manifest"
        )


def most_slowdown(manifest: ModelManifest) -> float:
    """The manifest's `most_slowdown`; InvalidModel if it is not a number in its range."""
    allowed = manifest.fields.get("most_slowdown", DEFAULT_MAX_SLOWDOWN)
    if isinstance(allowed, bool) or not isinstance(allowed, int | float) or not 1 <= allowed <= MAX_ALLOWED_SLOWDOWN:
        raise InvalidModel(
            f"{manifest.path}: most_slowdown is {allowed!r}, not a number from 1 to {MAX_ALLOWED_SLOWDOWN:g}; this "
            "model is not loaded. Correct the manifest."
        )
    return float(allowed)


class ProcessTrial:
    """A trial in its own process."""

    def __init__(
        self,
        picture: Path = WARM_UP,
        recipe: str = KIOSK,
        *,
        timeout_s: float = TIMEOUT_S,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        self._picture = picture
        self._recipe = recipe
        self._patience_s = timeout_s
        self._max_memory = max_memory

    async def __call__(self, manifest: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker.rollout.trial"),
            *(str(manifest.absolute()), str(self._max_memory), str(self._picture.absolute()), self._recipe),
            cwd=_HOME,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._patience_s):
                _, stderr = await process.communicate()
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
        lines = stderr.decode(errors="replace").strip().splitlines()
        if process.returncode == 1 and lines:
            raise InvalidModel(lines[-1])
        raise InvalidModel(
            f"{manifest}: its trial process ended with status {process.returncode}"
            f"{': ' + lines[-1] if lines else ''}; it does not serve. Promote another run"
        )


def main(arguments: Sequence[str]) -> int:
    """Try a manifest under limits."""
    manifest, max_memory, picture, recipe = Path(arguments[0]), int(arguments[1]), Path(arguments[2]), arguments[3]
    os.nice(10)  # photos go first
    resource.setrlimit(resource.RLIMIT_DATA, (max_memory, max_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        require_subject(load_model(manifest, kinds_for(load(recipe))), portrait(picture))
    except NunchiError as error:
        reason = str(error)
    except MemoryError:
        reason = f"{manifest}: it needs more than {max_memory >> 20} MiB; it does not serve. Promote a smaller run"
    except Exception as error:  # noqa: BLE001 - reported to the parent process
        reason = f"{manifest}: it can't be loaded: {error!r}; it does not serve. Promote another run"
    else:
        return 0
    sys.stderr.write(" ".join(reason.split()) + "\n")
    return 1


def _seconds(detector: ImageModel, picture: Image, clock: Callable[[], float]) -> float:
    started = clock()
    detector.detect([picture])
    return clock() - started


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # not sys.exit: it would wait for threads of the model
