"""From a manifest to a loaded model. A new kind of model is one more entry in `KINDS`; nothing else knows kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from worker.cascade import load_cascade
from worker.detector import Detector
from worker.ensemble import load_ensemble
from worker.manifests import Manifest, ModelRefused, read_manifest
from worker.yolo import load_yolo

__all__ = ["DEFAULT_MANIFEST", "KINDS", "ModelRefused", "load_detector"]

DEFAULT_MANIFEST: Final = Path(__file__).parent / "model_data" / "cascade-v1" / "manifest.json"

# What an ensemble can be made of.
SINGLE: Final[Mapping[str, Callable[[Manifest], Detector]]] = {
    "cascade": load_cascade,
    "yolov5": load_yolo,
}
KINDS: Final[Mapping[str, Callable[[Manifest], Detector]]] = {
    **SINGLE,
    "ensemble": lambda manifest: load_ensemble(manifest, lambda member: load_detector(member, SINGLE)),
}


def load_detector(manifest_path: Path, kinds: Mapping[str, Callable[[Manifest], Detector]] = KINDS) -> Detector:
    """The model that the manifest describes, its files' digests checked, ready to answer.

    ModelRefused says what is missing or wrong, and what to do. Takes a second or two.
    """
    manifest = read_manifest(manifest_path)
    if (load := kinds.get(manifest.kind)) is None:
        raise ModelRefused(
            f"{manifest_path}: models of kind {manifest.kind!r} are not known here, only {', '.join(sorted(kinds))}; "
            "this model is not loaded. Update the worker, or name another manifest."
        )
    return load(manifest)
