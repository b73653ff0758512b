"""Lets the last blocks of a network learn with the heads that stand on it.

The heads begin where a linear model on the frozen features has put them: from random heads the first steps would spoil
the features (A. Kumar et al., Fine-Tuning can Distort Pretrained Features, ICLR 2022, arXiv:2202.10054). Each optimizer
begins anew; of its epochs the one with the smallest loss on the crops to choose by is kept, and of the optimizers the
one whose best is smallest. Unknown answers have no loss.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from retrain.trainer.events import Events
from retrain.trainer.job import TuneJob
from retrain.trainer.unfrozen import Unfrozen

LEARN, CHOOSE = 0, 1
LEARNING_RATE: Final = 2e-4
WARM_UP: Final = 0.1  # of all steps
TELL_EVERY_S: Final = 10.0
DECAY: Final = 0.01  # of the weights, in AdamW
OPTIMIZERS: Final[Mapping[str, Callable[..., torch.optim.Optimizer]]] = {
    "adamw": lambda parameters: torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=DECAY),
    "nadam": lambda parameters: torch.optim.NAdam(parameters, LEARNING_RATE),
    "adam": lambda parameters: torch.optim.Adam(parameters, LEARNING_RATE),
}
# As worker/models/views.py, but drawn anew each time: those views are fixed, so that features can be kept.
_AUGMENT: Final[Mapping[str, v2.Transform]] = {
    "mirror": v2.RandomHorizontalFlip(),
    "light": v2.ColorJitter(brightness=(0.6, 1.5)),
    "crop": v2.RandomAffine(
        degrees=0, translate=(0.06, 0.06), scale=(0.81, 1.32), interpolation=v2.InterpolationMode.BILINEAR
    ),
    "rotate": v2.RandomRotation(10, v2.InterpolationMode.BILINEAR),
    "blur": v2.RandomApply([v2.GaussianBlur(9, (0.1, 2.0))]),
    "jpeg": v2.RandomApply([v2.JPEG((25, 95))]),
}


class TuningInterrupted(Exception):
    """A signal came."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a head is asked about the crops of its region."""

    targets: Tensor  # (crops,), NaN for unknown
    pool: str
    score: tuple[float, float] | None
    value_weights: Tensor  # (values,); of a score unused


@dataclass(frozen=True, slots=True)
class Seen:
    """The crops of a region, in which part each is, and what is asked about them."""

    crops: np.ndarray
    part: np.ndarray
    augment: v2.Transform
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """The best epoch of an optimizer."""

    optimizer: str
    epoch: int
    loss: float
    network: dict[str, Any]


class Model(nn.Module):
    """The network, and a linear head for each question of each region."""

    def __init__(self, network: Unfrozen, heads: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]]) -> None:
        super().__init__()
        self.network = network
        self.heads = nn.ModuleList(nn.ModuleList(_linear(*each) for each in of_region) for of_region in heads)

    def forward(self, crops: Tensor, region: int, pools: Sequence[str]) -> list[Tensor]:
        """What each head of a region says, (n, values)."""
        maps = self.network(crops)
        pooled = {"mean": maps.mean(dim=(2, 3)), "max": maps.amax(dim=(2, 3))}
        return [head(pooled[pool]) for head, pool in zip(self.heads[region], pools, strict=True)]


@dataclass(frozen=True, slots=True)
class Tuning:
    """A job, and what it asks about which crops."""

    job: TuneJob
    regions: Sequence[Seen]
    heads: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]]  # of each region: weights and bias to begin with
    device: torch.device
    events: Events
    stopping: Callable[[], bool]
    told: list[float] = field(default_factory=lambda: [time.monotonic()])

    def model(self) -> Model:
        """The network and heads as they begin."""
        torch.manual_seed(self.job.seed)
        model = Model(Unfrozen(self.job.network, self.job.unfreeze), self.heads)
        model.to(self.device)
        return model

    def run(self, optimizer: str) -> Tried:
        """Train with one optimizer; TuningInterrupted on a signal."""
        model, job = self.model(), self.job
        parameters = [*model.network.learning(), *model.heads.parameters()]
        moving = OPTIMIZERS[optimizer](parameters)
        chance = np.random.default_rng(job.seed)
        steps = job.epochs * len(_batches(self.regions, job.batch, np.random.default_rng(job.seed)))
        rate = torch.optim.lr_scheduler.LambdaLR(moving, lambda step: _rate(step / max(1, steps)))
        best = Tried(optimizer, 0, math.inf, {})
        for epoch in range(1, job.epochs + 1):
            began, losses = time.monotonic(), list[float]()
            for number, rows in _batches(self.regions, job.batch, chance):
                if self.stopping():
                    raise TuningInterrupted
                loss = self._loss(model, number, rows, augment=True)
                if loss is not None:
                    moving.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(parameters, 1.0)
                    moving.step()
                    losses.append(float(loss))
                rate.step()
                self._tell_alive()
            chosen = self.chosen_loss(model)
            if chosen < best.loss:
                weights = {name: value.detach().cpu().clone() for name, value in model.network.state_dict().items()}
                best = Tried(optimizer, epoch, chosen, weights)
            self.events.send(
                "epoch",
                epoch=epoch,
                epochs=job.epochs,
                optimizer=optimizer,
                loss=float(np.mean(losses)) if losses else None,
                chosen_loss=chosen,
                seconds=time.monotonic() - began,
            )
            if epoch - best.epoch >= job.patience:
                break
        if not best.network:
            raise ValueError(f"with {optimizer} no epoch had a finite loss: the network can't learn from these crops")
        return best

    @torch.no_grad()
    def chosen_loss(self, model: Model) -> float:
        """The mean over the batches of the loss of crops to choose by, as they are."""
        losses = list[float]()
        for number, region in enumerate(self.regions):
            rows = np.flatnonzero(region.part == CHOOSE)
            for start in range(0, len(rows), self.job.batch):
                loss = self._loss(model, number, rows[start : start + self.job.batch], augment=False)
                losses += [] if loss is None else [float(loss)]
                self._tell_alive()
        return float(np.mean(losses)) if losses else math.inf

    def _tell_alive(self) -> None:
        """An epoch on a processor may take longer than a program may be silent."""
        if time.monotonic() - self.told[-1] >= TELL_EVERY_S:
            self.told[:] = [time.monotonic()]
            self.events.send("alive")

    def _loss(self, model: Model, number: int, rows: np.ndarray, *, augment: bool) -> Tensor | None:
        """The sum over a region's heads of the mean loss of the crops whose answer is known; None if none is."""
        region = self.regions[number]
        crops = torch.from_numpy(np.asarray(region.crops[rows]))
        if augment:
            views = [region.augment(crop) for crop in crops.permute(0, 3, 1, 2)]
            crops = torch.stack(views).permute(0, 2, 3, 1)
        said = model(crops.to(self.device), number, [question.pool for question in region.questions])
        losses = list[Tensor]()
        for question, answers in zip(region.questions, said, strict=True):
            truth = question.targets[torch.from_numpy(rows).to(self.device)]
            known = ~torch.isnan(truth)
            if not known.any():
                continue
            if question.score is None:
                losses.append(nn.functional.cross_entropy(answers[known], truth[known].long(), question.value_weights))
            else:
                low, high = question.score
                losses.append((((answers[known, 0] - truth[known]) / (high - low)) ** 2).mean())
        return torch.stack(losses).sum() if losses else None


def tune(job: TuneJob, events: Events, stopping: Callable[[], bool]) -> dict[str, Any]:
    """Run the job: `network`, the file with what it has learned, and what was tried."""
    name = f"cuda:{job.device}" if job.device.isdigit() else job.device
    device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    with np.load(job.arrays) as arrays:
        regions = [_seen(number, region, arrays, device) for number, region in enumerate(job.regions)]
        heads = [
            [
                (arrays[f"{number}.{each}.weights"], arrays[f"{number}.{each}.bias"])
                for each in range(len(region["heads"]))
            ]
            for number, region in enumerate(job.regions)
        ]
    tuning = Tuning(job, regions, heads, device, events, stopping)
    crops = sum(int((region.part == LEARN).sum()) for region in regions)
    events.send("started", device=str(device), pictures=crops, epochs=job.epochs, first_epoch=1, batch=job.batch)
    before = tuning.chosen_loss(tuning.model())
    tried = [tuning.run(optimizer) for optimizer in job.optimizers]
    best = min(tried, key=lambda each: each.loss)
    network = Unfrozen(job.network, job.unfreeze)
    network.load_state_dict(best.network)
    file = job.work / job.network.name
    file.write_bytes(network.to_onnx())
    return {
        "network": str(file),
        "frozen_loss": before,
        "optimizer": best.optimizer,
        "tried": [{"optimizer": each.optimizer, "epoch": each.epoch, "loss": each.loss} for each in tried],
    }


def _rate(done: float) -> float:
    """The learning rate's share, `done` of all steps done: a linear warm-up, then half a cosine."""
    return done / WARM_UP if done < WARM_UP else 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def _batches(regions: Sequence[Seen], size: int, chance: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    """Batches of one region each, all regions mixed."""
    batches = list[tuple[int, np.ndarray]]()
    for number, region in enumerate(regions):
        rows = chance.permutation(np.flatnonzero(region.part == LEARN))
        batches += [(number, np.sort(rows[start : start + size])) for start in range(0, len(rows), size)]
    return [batches[place] for place in chance.permutation(len(batches))]


def _seen(number: int, region: Mapping[str, Any], arrays: Mapping[str, np.ndarray], device: torch.device) -> Seen:
    part = arrays[f"{number}.part"]
    questions = []
    for each, head in enumerate(region["heads"]):
        targets = arrays[f"{number}.{each}.targets"].astype(np.float32)
        values = arrays[f"{number}.{each}.bias"].shape[0]
        weights = np.ones(values, np.float32)
        if head["class_weights"] and head["score"] is None:
            known = targets[(part == LEARN) & ~np.isnan(targets)].astype(int)
            counts = np.bincount(known, minlength=values)
            weights = (len(known) / (values * np.maximum(counts, 1))).astype(np.float32)
        score = None if head["score"] is None else (float(head["score"][0]), float(head["score"][1]))
        questions.append(
            Question(torch.from_numpy(targets).to(device), head["pool"], score, torch.from_numpy(weights).to(device))
        )
    augment = v2.Compose([_AUGMENT[name] for name in region["augment"]] or [v2.Identity()])
    return Seen(np.load(Path(region["crops"]), mmap_mode="r"), part, augment, tuple(questions))


def _linear(weights: np.ndarray, bias: np.ndarray) -> nn.Linear:
    linear = nn.Linear(*weights.shape)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights.T)))
        linear.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))
    return linear
