"""Whether half precision works on this GPU, tried on the network at hand.

Ultralytics downloads another network and a photo to find out. This asks the same of what is there.
"""

from __future__ import annotations

from typing import Any, Final

CLOSE: Final = 0.1  # relative, of the largest number in an answer


def patch() -> None:
    """Let ultralytics ask us."""
    from ultralytics.engine import trainer  # noqa: PLC0415

    trainer.check_amp = works


def works(model: Any) -> bool:
    """True when the network answers in half precision nearly what it answers in full."""
    import torch  # noqa: PLC0415

    device = next(model.parameters()).device
    if device.type != "cuda":
        return False
    was, picture = model.training, torch.rand(1, 3, 256, 256, device=device)
    model.eval()
    try:
        with torch.no_grad():
            full = _first(model(picture)).float()
            with torch.autocast("cuda"):
                half = _first(model(picture)).float()
    finally:
        model.train(was)
    far = (full - half).abs().max() / full.abs().max().clamp(min=1e-6)
    return bool(torch.isfinite(half).all() and far < CLOSE)


def _first(answer: Any) -> Any:
    while isinstance(answer, (list, tuple)):
        answer = answer[0]
    return answer
