"""The kinds of models that detect people: from a manifest to one of them. A new kind is one more entry in `_SINGLE`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from recipes.kiosk.labels import LABELS
from worker.kiosk.cascade import load_cascade
from worker.kiosk.detector import Detector
from worker.kiosk.ensemble import load_ensemble
from worker.kiosk.yolo import load_yolo
from worker.models.loading import load_model
from worker.models.manifests import ModelManifest

Kinds = Mapping[str, Callable[[ModelManifest], Detector]]


def _of_our_labels(kinds: Kinds) -> Kinds:
    """The kinds, of which each refuses a model that was trained on other classes."""

    def checked(load: Callable[[ModelManifest], Detector], manifest: ModelManifest) -> Detector:
        manifest.check_classes(LABELS)
        return load(manifest)

    return {kind: partial(checked, load) for kind, load in kinds.items()}


_SINGLE: Final[Kinds] = {"cascade": load_cascade, "yolov5": load_yolo}
_UNCHECKED: Final[Kinds] = {
    **_SINGLE,
    "ensemble": lambda manifest: load_ensemble(manifest, lambda member: load_detector(member, _SINGLE)),
}
KINDS: Final[Kinds] = _of_our_labels(_UNCHECKED)


def load_detector(manifest_path: Path, kinds: Kinds = _UNCHECKED) -> Detector:
    """The kiosk's model of a manifest, of these kinds. Takes a second or two.

    InvalidModel if the manifest or a file of it is missing or invalid, or it is for other classes than LABELS.
    """
    return load_model(manifest_path, _of_our_labels(kinds))
