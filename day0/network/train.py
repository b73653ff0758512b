"""Fine-tunes the age and gender network, all of it, from ImageNet features.

    python -m day0.network.train --chips CHIPS --out RUN [--seed 0]

Writes `checkpoint.pt` every 200 steps and goes on from it; `log.jsonl`; in the end `weights.pt`, the moving average of
the weights. Takes 75 minutes of one core of a Xeon with AVX-512 and AMX, about three hours without.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from day0.network.augment import augmented, plain
from day0.network.backbone import Backbone, from_imagenet
from worker.kiosk.age_gender import BANDS
from worker.kiosk.calibration import ELDER_BAND

EMPTY: Final = -100.0
# The share of each band in what the network sees: more of the bands beside the border at 60.
BAND_SHARES: Final = (0.015, 0.035, 0.07, 0.15, 0.13, 0.17, 0.18, 0.15, 0.10)
UNKNOWN_AGE_SHARE: Final = 0.04  # members of Parliament teach gender only
# Where the first trial of the network erred in gender.
HARD: Final = {(8, True): 1.4, (3, False): 1.3, (7, True): 1.2}  # (band, female): times as often
SOFT: Final = 0.08  # of a guessed band's weight goes to each neighbour
YEARS: Final = 3.0  # deviation of a known age, years: portraits are dated by terms of office


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides a run, with its seed."""

    seed: int
    steps: int
    batch: int = 64
    sides: tuple[int, ...] = (96, 128)  # pixels: the first for `first_part` of the steps
    first_part: float = 0.4
    rate: float = 8e-4
    head_rate: float = 2e-3
    warm_up: int = 200
    decay: float = 0.02
    average: float = 0.998


@dataclass(frozen=True, slots=True)
class Faces:
    """The chips and what is known of them, n rows."""

    chips: NDArray[np.uint8]
    female: NDArray[np.bool_]
    bands: NDArray[np.float32]  # (n, bands); zeros where the age is unknown
    source: NDArray[np.str_]
    origin: NDArray[np.str_]
    split: NDArray[np.str_]


def main() -> None:
    """Train to the end, from the checkpoint if there is one."""
    parser = argparse.ArgumentParser(prog="python -m day0.network.train", description=__doc__)
    parser.add_argument("--chips", type=Path, required=True, help="folder that day0.network.chips wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=4800)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    Run(read_faces(arguments.chips), Settings(arguments.seed, arguments.steps), arguments.out).run()


def read_faces(folder: Path) -> Faces:
    """The chips of a folder, read from disk as they are needed."""
    with (folder / "chips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Faces(
        chips=np.load(folder / "chips.npy", mmap_mode="r"),
        female=np.array([row["female"] == "True" for row in rows]),
        bands=np.stack([soft_bands(row) for row in rows]),
        source=np.array([row["source"] for row in rows]),
        origin=np.array([row["origin"] for row in rows]),
        split=np.array([row["split"] for row in rows]),
    )


def soft_bands(row: dict[str, str]) -> NDArray[np.float32]:
    """The probability of each band: a guessed one with its neighbours, a known age as a normal distribution."""
    shares = np.zeros(len(BANDS))
    if not row["age_low"]:
        return shares.astype(np.float32)
    low, high = int(row["age_low"]), int(row["age_high"] or 120)
    if row["source"].startswith("fairface"):
        (band,) = (index for index, (first, last) in enumerate(BANDS) if first <= low <= last)
        for neighbour in (band - 1, band + 1):
            if 0 <= neighbour < len(BANDS):
                shares[neighbour] = SOFT
        shares[band] = 1 - shares.sum()
    else:
        years = np.arange(0, 121)
        weight = np.exp(-(((years - (low + high) / 2) / YEARS) ** 2) / 2)
        shares = np.array([weight[first : last + 1].sum() for first, last in BANDS]) / weight.sum()
    return shares.astype(np.float32)


def sampling_weights(faces: Faces) -> NDArray[np.float64]:
    """How often each face is drawn: bands by BAND_SHARES, genders equally, origins by the root of their number."""
    train = faces.split == "train"
    band = np.where(faces.bands.any(axis=1), faces.bands.argmax(axis=1), -1)
    group = np.where(faces.source == "fairface_crops", faces.origin, faces.source)
    weights = np.zeros(len(train))
    for value in range(-1, len(BANDS)):
        for female in (False, True):
            cell = train & (band == value) & (faces.female == female)
            names, counts = np.unique(group[cell], return_counts=True)
            share = UNKNOWN_AGE_SHARE if value < 0 else BAND_SHARES[value] * HARD.get((value, female), 1.0)
            roots = np.sqrt(counts)
            for name, count, root in zip(names, counts, roots, strict=True):
                weights[cell & (group == name)] = share / 2 * root / roots.sum() / count
    return np.asarray(weights / weights.sum())


class Run:
    """One training."""

    def __init__(self, faces: Faces, settings: Settings, folder: Path) -> None:
        self.faces, self.settings, self.folder = faces, settings, folder
        torch.manual_seed(settings.seed)
        self.network = with_fast_depthwise(from_imagenet()).to(memory_format=torch.channels_last)
        self.average = with_fast_depthwise(Backbone()).to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.network.state_dict())
        heads = list(self.network.heads.parameters())
        body = [each for name, each in self.network.named_parameters() if not name.startswith("heads")]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [each for each in body if each.dim() > 1], "factor": settings.rate},
                {"params": [each for each in body if each.dim() == 1], "factor": settings.rate, "weight_decay": 0.0},
                {"params": heads, "factor": settings.head_rate},
            ],
            weight_decay=settings.decay,
        )
        self.step = 0
        self.checkpoint = folder / "checkpoint.pt"
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
        self.weights = sampling_weights(faces)

    def run(self) -> None:
        """Every step that is left."""
        losses: list[float] = []
        start = time.monotonic()
        while self.step < self.settings.steps:
            losses.append(self.train_step())
            if self.step % 50 == 0:
                said = {
                    "step": self.step,
                    "loss": round(float(np.mean(losses)), 4),
                    "s": round(time.monotonic() - start),
                }
                losses.clear()
                self.log(said)
            if self.step % 200 == 0:
                self.save()
            if self.step % 1000 == 0 or self.step == self.settings.steps:
                self.log({"step": self.step, **self.evaluated()})
        torch.save(self.average.state_dict(), self.folder / "weights.pt")
        (self.folder / "settings.json").write_text(json.dumps(asdict(self.settings), indent=1) + "\n")

    def log(self, fields: dict[str, Any]) -> None:
        """One line on the terminal and in the log."""
        print(json.dumps(fields), flush=True)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(fields) + "\n")

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        torch.save(state, self.checkpoint.with_suffix(".new"))
        self.checkpoint.with_suffix(".new").replace(self.checkpoint)

    def train_step(self) -> float:
        """One batch; the loss, nats."""
        settings = self.settings
        random = np.random.default_rng((settings.seed, self.step))
        side = settings.sides[self.step >= settings.first_part * settings.steps]
        picked = random.choice(len(self.weights), settings.batch, p=self.weights)
        images = tensor(np.stack([augmented(np.array(self.faces.chips[index]), side, random) for index in picked]))
        for group in self.optimizer.param_groups:
            group["lr"] = group["factor"] * schedule(self.step / settings.steps, self.step / settings.warm_up)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(images)
        loss = loss_of(
            logits.float(),
            torch.from_numpy(self.faces.bands[picked]),
            torch.from_numpy(self.faces.female[picked].astype(np.float32)),
        )
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        keep = min(settings.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)
        return float(loss.detach())

    def evaluated(self) -> dict[str, float]:
        """Figures of the averaged weights on val, a face and its mirror image averaged."""
        part = np.flatnonzero(self.faces.split == "val")
        logits = np.concatenate(list(predicted(self.average, self.faces.chips, part, self.settings.sides[-1])))
        elder, female = probabilities(logits)
        adult = self.faces.bands[part, 3:].sum(axis=1) > 0.5
        true = self.faces.bands[part, ELDER_BAND:].sum(axis=1) > 0.5
        crops = self.faces.source[part] == "fairface_crops"
        figures = {}
        for name, rows in (("crops", adult & crops), ("portraits", adult & ~crops)):
            figures[f"{name} elder auc"] = auc(elder[rows], true[rows])
            figures[f"{name} gender"] = float(((female > 0.5) == self.faces.female[part])[rows].mean())
        return {name: round(value, 4) for name, value in figures.items()}


def schedule(progress: float, warmed: float) -> float:
    """The learning rate's factor: a linear warm-up, then a cosine to nearly zero."""
    return float(min(1.0, warmed + 0.01) * (0.5 + 0.5 * np.cos(np.pi * progress)) + 0.002)


def loss_of(logits: Tensor, bands: Tensor, female: Tensor) -> Tensor:
    """0.6 x cross-entropy of the bands + 1.0 x of "elder" + 1.2 x of "female", nats."""
    known = bands.sum(dim=1) > 0
    age = logits[known, :-1].log_softmax(dim=1)
    of_bands = -(bands[known] * age).sum(dim=1).mean()
    elder = bands[known, ELDER_BAND:].sum(dim=1)
    of_elder = nn.functional.binary_cross_entropy_with_logits(elder_logit(logits[known]), elder)
    # Children and their gender: a coin's toss, and nobody hangs on it.
    adults = torch.where(known, bands[:, 2:].sum(dim=1), torch.ones(len(bands)))
    of_female = nn.functional.binary_cross_entropy_with_logits(
        logits[:, -1], 0.02 + 0.96 * female, weight=0.2 + 0.8 * adults
    )
    return 0.6 * of_bands + of_elder + 1.2 * of_female


def elder_logit(logits: Tensor) -> Tensor:
    """The log-odds of 60 years and more, from the bands' logits."""
    return logits[:, ELDER_BAND:-1].logsumexp(dim=1) - logits[:, :ELDER_BAND].logsumexp(dim=1)


def probabilities(logits: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P(elder) and P(female), from logits (n, bands + 1)."""
    whole = torch.from_numpy(logits).double()
    return elder_logit(whole).sigmoid().numpy(), whole[:, -1].sigmoid().numpy()


def predicted(
    network: nn.Module, chips: NDArray[np.uint8], rows: NDArray[np.int64], side: int
) -> Iterator[NDArray[np.float32]]:
    """The logits of chips, a face and its mirror image averaged, in batches."""
    network.eval()
    for start in range(0, len(rows), 128):
        images = tensor(np.stack([plain(np.array(chips[index]), side) for index in rows[start : start + 128]]))
        with torch.no_grad():
            yield ((network(images) + network(images.flip(3))) / 2).numpy()


def tensor(chips: NDArray[np.uint8]) -> Tensor:
    """Chips, (n, side, side, 3), as the network's input."""
    images = torch.from_numpy(chips).permute(0, 3, 1, 2).float() / 127.5 - 1
    return images.contiguous(memory_format=torch.channels_last)


def auc(score: NDArray[Any], true: NDArray[np.bool_]) -> float:
    """The probability that an elder scores higher than an adult."""
    order = score.argsort().argsort() + 1.0
    elders = int(true.sum())
    return float((order[true].sum() - elders * (elders + 1) / 2) / (elders * (len(true) - elders)))


class Depthwise(torch.autograd.Function):
    """A depthwise convolution that goes back in 32 bits: torch's way back in bfloat16 is four times slower on a CPU."""

    @staticmethod
    def forward(context: Any, images: Tensor, kernel: Tensor, stride: int, pad: int) -> Tensor:
        context.save_for_backward(images, kernel)
        context.stride, context.pad = stride, pad
        return nn.functional.conv2d(images, kernel.to(images.dtype), None, stride, pad, 1, images.shape[1])

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        images, kernel = context.saved_tensors
        stride, pad, channels = context.stride, context.pad, images.shape[1]
        by_forward = stride == 1  # then the input's gradient is a convolution with the turned kernel
        to_images, to_kernel, _ = torch.ops.aten.convolution_backward(
            gradient.float(),
            images.float(),
            kernel,
            None,
            [stride] * 2,
            [pad] * 2,
            [1, 1],
            False,
            [0, 0],
            channels,
            [not by_forward, True, False],
        )
        if by_forward:
            turned = kernel.flip(2, 3).to(gradient.dtype)
            to_images = nn.functional.conv2d(gradient, turned, None, 1, kernel.shape[2] - 1 - pad, 1, channels)
        return to_images.to(images.dtype), to_kernel, None, None


class FastDepthwise(nn.Conv2d):
    """A depthwise convolution by `Depthwise`."""

    def forward(self, images: Tensor) -> Tensor:
        """As nn.Conv2d."""
        return Depthwise.apply(images, self.weight, self.stride[0], self.padding[0])  # type: ignore[no-any-return]


def with_fast_depthwise(network: Backbone) -> Backbone:
    """The same network, faster to train here."""
    for block in network._blocks:
        block._depthwise_conv.__class__ = FastDepthwise
    return network


if __name__ == "__main__":
    main()
