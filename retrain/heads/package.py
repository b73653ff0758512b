"""Fitted heads as a run that a worker loads: heads.npz, and manifest.json, which worker/models/heads.py describes."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from contracts.formulas.calibration import BetaCalibration
from contracts.weights import MANIFEST, sha256_of
from recipes.recipe import Net, Pool, Recipe
from retrain.heads.fit import AnyFitted, FittedHead

HEADS_FILE: Final = "heads.npz"
REPORT: Final = "report.json"


def write_run(
    folder: Path,
    recipe: Recipe,
    fitted: Sequence[AnyFitted],
    join: BetaCalibration | None,
    *,
    features: Mapping[str, Any],
    networks: Mapping[Net, Path] = MappingProxyType({}),
    version: str,
    trained_on: str,
    report: Mapping[str, Any],
) -> Path:
    """Write the run into `folder`; the manifest's path. `features`: what their manifest says (features.py).

    `networks`: files of those that have learned, which the run gets, too. `trained_on`: whose pictures, under which
    licence. The same heads are the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in networks.values():
        shutil.copyfile(file, folder / file.name)
    heads = folder / HEADS_FILE
    heads.write_bytes(
        _npz({f"{number}.{name}": array for number, each in enumerate(fitted) for name, array in _arrays(each)})
    )
    manifest = {
        "kind": "heads",
        "name": recipe.name,
        "version": version,
        "recipe": recipe.name,
        "classes": list(recipe.classes),
        "files": {**features["files"], "heads": {"path": HEADS_FILE, "sha256": sha256_of(heads)}},
        "find": features["find"],
        "heads": [_head(each) for each in fitted],
        "join": None if join is None else {"questions": list(recipe.join), "calibration": join.fields()},
        "trained_on": trained_on,
    }
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    path = folder / MANIFEST
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return path


def _arrays(fitted: AnyFitted) -> list[tuple[str, Any]]:
    if not isinstance(fitted, FittedHead):
        return []
    return [(name, getattr(fitted, name).astype(np.float32)) for name in ("weights", "bias", "mean", "scale")]


def _head(fitted: AnyFitted) -> dict[str, Any]:
    head = fitted.head
    fields: dict[str, Any] = {"name": head.name}
    if head.when:
        fields["when"] = dict(head.when)
    if head.score is None:
        fields["says"] = list(head.says)
    else:
        fields["score"] = [head.score.low, head.score.high]
    region = {"of": head.region.of, "margin": head.region.margin}
    if head.colour is not None:
        return fields | {"colour": str(head.colour), "region": region}
    fields |= {"net": str(head.net), "region": region} | ({} if head.pool is Pool.MEAN else {"pool": str(head.pool)})
    if not isinstance(fitted, FittedHead):
        return fields | {"unknown": True}
    if fitted.calibration is None:
        return fields | {"half_width": round(fitted.half_width, 4)}
    return fields | {"calibration": fitted.calibration.fields()}


def _npz(arrays: Mapping[str, Any]) -> bytes:
    """NumPy's .npz; without the time of writing, so that the same arrays are the same bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.save(entry, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue())
    return written.getvalue()
