"""The cascade in service as files: its shipped calibration, and the same networks with a fitted one.

A fitted cascade is a run like any other. Its manifest has, beside the fitted `calibration`:

    "recalibration": {"shipped": {"version", "calibration"}, "layer", "reviewed": {"photos", "people", "elders",
                      "digest"}, "elder_share"}

so that the next fit starts from the shipped calibration again, not from this one: photos must not count twice. No time
is in it: the same photos give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.weights import MANIFEST, files_beside
from recipes.kiosk.teaching import ELDER_SHARE
from retrain.errors import RecalibrationFailed
from retrain.recalibration.last_layer import LastLayer, confidences_of

KIND: Final = "cascade"
_BLOCK: Final = "recalibration"


@dataclass(frozen=True, slots=True)
class ShippedCascade:
    """A cascade with its shipped calibration, in a folder of its own."""

    manifest: Path
    fields: Mapping[str, Any]

    @property
    def calibration(self) -> Mapping[str, Any]:
        return dict(self.fields["calibration"])

    @property
    def elder_share(self) -> float:
        """The share of elders that the calibration assumes."""
        return float(self.fields.get("elder_share", ELDER_SHARE))

    def refitted(self, folder: Path, layer: LastLayer, reviewed: Mapping[str, Any], elder_share: float) -> Path:
        """The same networks with a fitted calibration, as a run's folder; its manifest."""
        shipped = str(self.fields["version"])
        digest = str(reviewed["digest"])
        fields = {
            **self.fields,
            "version": f"{shipped}-shop-{digest[:8]}",
            "calibration": layer.applied(self.calibration),
            _BLOCK: {
                "shipped": {"version": shipped, "calibration": self.calibration},
                "layer": layer.fields(),
                "reviewed": dict(reviewed),
                "elder_share": elder_share,
            },
        }
        return _write(self.manifest.parent, folder, fields)


def shipped_cascade(manifest: Path, folder: Path, *, run: str) -> ShippedCascade:
    """The cascade of the manifest in service, with its shipped calibration, copied into `folder`.

    RecalibrationFailed if it is no cascade, or its manifest is invalid. `run` names it in errors.
    """
    fields = json.loads(manifest.read_bytes())
    if (kind := fields.get("kind")) != KIND:
        raise RecalibrationFailed(
            f"{run}, the model in service, is of kind {kind!r}, which has no calibration of age and gender to fit; "
            "nothing was changed. A training calibrates its own model: nunchi train. To calibrate the cascade, put it "
            "into service first: nunchi weights promote day-0"
        )
    try:
        block = fields.pop(_BLOCK, None)
        if block is not None:
            fields |= {name: block["shipped"][name] for name in ("version", "calibration")}
        confidences_of(fields["calibration"])
        LastLayer().applied(fields["calibration"])
        return ShippedCascade(_write(manifest.parent, folder, fields), fields)
    except (KeyError, TypeError, ValueError) as error:
        raise RecalibrationFailed(
            f"the calibration of {run} can't be read ({error!r}); nothing was changed. "
            "Put another run into service: nunchi weights rollback"
        ) from None


def digest_of(manifest: Path) -> str:
    """The digest by which a registry and messages know the model."""
    return hashlib.sha256(manifest.read_bytes()).hexdigest()


def _write(source: Path, folder: Path, fields: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True)
    for path in files_beside(fields):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, folder / path)
    target = folder / MANIFEST
    target.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
    return target
