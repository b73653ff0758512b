"""How much two boxes have in common."""

from __future__ import annotations

from contracts.messages import Box

Corners = tuple[float, float, float, float]  # x0, y0, x1, y1


def corners(box: Box) -> Corners:
    return box.x0, box.y0, box.x1, box.y1


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union, 0-1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    # A product of two tiny sides can be too small for a float; then the boxes have no area worth comparing.
    union = _area(one) + _area(other) - shared
    return min(1.0, shared / union) if union > 0 else 0.0


def _area(box: Corners) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
