"""Trained weights without where they were made: ultralytics writes paths, and the last commit of whatever git it finds.

They are stored, shared and loaded elsewhere; whose machine it was is nobody's business there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def unsign(weights: Path) -> None:
    """Rewrite a file that ultralytics saved; it trains, validates and exports as before."""
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
    half = weights.with_name(f"{weights.name}.half")
    torch.save(saved, half)
    half.replace(weights)


def _name(value: Any) -> Any:
    """The last part of what is a path; the rest as it is."""
    return Path(value).name if isinstance(value, Path) or (isinstance(value, str) and "/" in value) else value
