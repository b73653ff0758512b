"""Features of photos, by the worker's own code in a subprocess: what is learned is what is asked.

A training never imports the worker; `python -m worker.models.features` describes the protocol.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from recipes.reading import from_anywhere
from recipes.recipe import Net
from retrain.errors import InvalidDataset
from retrain.progress import Say, silent
from retrain.subprocesses import filtered_environ, spawn

_HOME: Final = Path(__file__).parents[2]
_REPORT_EVERY: Final = 100  # photos


@dataclass(frozen=True, slots=True)
class Computed:
    """`manifest`: what a manifest of heads says about the features; `files`: of each photo that could be read."""

    manifest: Mapping[str, Any]
    files: Mapping[Path, Path]
    errors: Mapping[Path, str]


def network_of(manifest: Mapping[str, Any], net: Net) -> Path:
    """The file of a network that is shipped, as a manifest names it."""
    entry = manifest["files"][net]
    return _HOME.joinpath(*str(entry["package"]).split("."), entry["path"])


def compute(
    recipe: str,
    photos: Sequence[Path],
    cache: Path,
    *,
    crops: bool = False,
    networks: Mapping[Net, Path] = MappingProxyType({}),
    python: str = sys.executable,
    say: Say = silent,
) -> Computed:
    """The features of the photos, or the crops that they are of; InvalidDataset if the process fails.

    `networks`: files of those that have learned, too.
    """
    command = [
        python,
        "-m",
        "worker.models.features",
        "--recipe",
        from_anywhere(recipe),
        "--cache",
        str(cache.absolute()),
        *(["--crops"] if crops else []),
        *(f"--network={net}={file.absolute()}" for net, file in sorted(networks.items())),
    ]
    lines: list[dict[str, Any]] = []
    # Files: of a process that ends early, a full pipe would hide why.
    with tempfile.TemporaryFile("w+") as requests, tempfile.TemporaryFile("w+") as errors:
        requests.writelines(f"{photo.absolute()}\n" for photo in photos)
        requests.seek(0)
        with spawn(
            command, cwd=_HOME, env=filtered_environ(), stdin=requests, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            for line in process.stdout or ():
                lines.append(json.loads(line))
                if len(lines) % _REPORT_EVERY == 0:
                    say(len(lines), len(photos), "crops" if crops else "features")
        errors.seek(0)
        reason = errors.read().strip()
    if process.returncode != 0 or len(lines) != len(photos) + 1:
        raise InvalidDataset(
            f"the features of {len(photos)} photos could not be computed (status {process.returncode}): "
            f"{reason.splitlines()[-1] if reason else 'no reason was given'}; nothing was trained"
        )
    answered = list(zip(photos, lines[1:], strict=True))
    return Computed(
        manifest=lines[0],
        files={photo: Path(line["file"]) for photo, line in answered if "file" in line},
        errors={photo: line["error"] for photo, line in answered if "error" in line},
    )
