"""Removes the origin from trained weights: ultralytics writes paths, and the commit of any git checkout.

Weights are stored and shared; they must not identify the machine that trained them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def remove_origin(weights: Path) -> None:
    """Rewrite weights that ultralytics saved, without paths and commit; they stay usable."""
    import torch  # noqa: PLC0415 - takes seconds
    from ultralytics.utils.patches import torch_load  # noqa: PLC0415

    saved = torch_load(weights, map_location="cpu")
    saved.pop("git", None)
    network = saved.get("ema") or saved["model"]
    for arguments in (saved.get("train_args"), getattr(network, "args", None)):
        if isinstance(arguments, dict):
            arguments.update({name: _name(value) for name, value in arguments.items()})
    if hasattr(network, "pt_path"):
        network.pt_path = _name(network.pt_path)
    part = weights.with_name(f"{weights.name}.part")
    torch.save(saved, part)
    part.replace(weights)


def _name(value: Any) -> Any:
    """The file name of a path; any other value unchanged."""
    return Path(value).name if isinstance(value, Path) or (isinstance(value, str) and "/" in value) else value
