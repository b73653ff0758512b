"""Whether half precision (AMP) works on this GPU, checked with the network to train.

Ultralytics downloads another network and a photo for its own check.
"""

from __future__ import annotations

from typing import Any, Final

TOLERANCE: Final = 0.1  # relative to the largest output


def patch() -> None:
    """Replace ultralytics' check."""
    from ultralytics.engine import trainer  # noqa: PLC0415

    trainer.check_amp = works


def works(model: Any) -> bool:
    """Whether the outputs in half precision are finite and close to those in full precision."""
    import torch  # noqa: PLC0415

    device = next(model.parameters()).device
    if device.type != "cuda":
        return False
    training, image = model.training, torch.rand(1, 3, 256, 256, device=device)
    model.eval()
    try:
        with torch.no_grad():
            full = _first(model(image)).float()
            with torch.autocast("cuda"):
                half = _first(model(image)).float()
    finally:
        model.train(training)
    error = (full - half).abs().max() / full.abs().max().clamp(min=1e-6)
    return bool(torch.isfinite(half).all() and error < TOLERANCE)


def _first(output: Any) -> Any:
    while isinstance(output, (list, tuple)):
        output = output[0]
    return output
