"""Lets the last blocks of a recipe's networks learn with its heads, by the trainer in another environment.

    examples ─► three parts ─► heads on the frozen network ─► crops ─► trainer ─► network ─► features ─► the same heads
                               their loss on the part to choose by ──── is the network taken? ──── their loss there

A network is taken only if the heads on it are better than those on the frozen one, of the part to choose by. Neither
this choice nor the training sees the third part, of which the figures are (fit.py).
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from recipes.recipe import VIEWS, Head, Net, Recipe
from retrain.errors import TrainerFailed
from retrain.fit.trainer_process import Event, TrainerProcess
from retrain.heads.examples import Example, Examples, read_examples
from retrain.heads.features import compute, network_of
from retrain.heads.fit import Begun, Parts, begin, region_name, split
from retrain.progress import Say, silent
from retrain.settings import DEFAULT_TRAINER, TRAINER_VARIABLE

TUNED: Final = "tuned"  # beside the features: the networks that have learned


@dataclass(frozen=True, slots=True)
class Tuned:
    """`examples`: with features of the networks that are taken; `networks`: their files, none if none is better."""

    examples: Examples
    parts: Parts
    networks: Mapping[Net, Path]
    report: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tuner:
    """How the trainer is run; see TrainerProcess.

    `python`: of the trainer's environment. `device`: "cpu", "0", or "" for a GPU if there is one.
    """

    python: Path = DEFAULT_TRAINER
    device: str = ""
    seed: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    stall_s: float = 900.0
    alive: Callable[[], None] = lambda: None

    def check(self) -> None:
        """TrainerFailed if the trainer's Python is missing: before features are computed for it."""
        if shutil.which(self.python) is None:
            raise TrainerFailed(
                f"{self.python} is missing, which lets networks learn; nothing was trained. Run make trainer, set "
                f"{TRAINER_VARIABLE} to a Python that has torch, or leave out tune"
            )

    def tune(
        self, recipe: Recipe, name: str, data: Path, examples: Examples, cache: Path, *, say: Say = silent
    ) -> Tuned:
        """Let the networks of a recipe learn; InvalidDataset if there is too little to hold out, TrainerFailed.

        `name`: by which the recipe is loaded; `data`: the folder that the examples are of.
        """
        parts = split(recipe, examples)
        frozen = begin(recipe, examples, parts)
        folder = cache.absolute() / TUNED
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done = self._train(recipe, name, examples, parts, frozen=frozen, folder=folder, say=say)
        networks = {net: Path(event["network"]) for net, event in done.items()}
        features = folder / "features"
        tuned = read_examples(recipe, name, data, features, networks=networks, say=say)
        report, taken = _compare(recipe, frozen, begin(recipe, tuned, parts), done)
        if not taken:
            tuned = examples
        elif taken != set(networks):
            networks = {net: file for net, file in networks.items() if net in taken}
            tuned = read_examples(recipe, name, data, features, networks=networks, say=say)
        return Tuned(tuned, parts, {net: networks[net] for net in sorted(taken)}, report)

    def _train(
        self,
        recipe: Recipe,
        name: str,
        examples: Examples,
        parts: Parts,
        *,
        frozen: Sequence[Begun],
        folder: Path,
        say: Say,
    ) -> dict[Net, Event]:
        """The trainer's last event about each network."""
        done = dict[Net, Event]()
        photos = sorted({example.photo for example in examples.every})
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            crops = compute(name, photos, Path(temporary) / "crops", crops=True, say=say).files
            for net in sorted({each.head.net for each in frozen}):
                of_net = [each for each in frozen if each.head.net == net]
                work = folder / net
                work.mkdir()
                files = Path(temporary) / net
                files.mkdir()
                job = _job(of_net, examples.every, parts, crops, files)
                network = files / f"{net}.onnx"
                shutil.copyfile(network_of(examples.manifest, net), network)
                job |= {"network": network, "unfreeze": recipe.tune.unfreeze, "epochs": recipe.tune.epochs}
                job |= {"optimizers": list(recipe.tune.optimizers), "device": self.device, "seed": self.seed}
                process = TrainerProcess(
                    command=[str(self.python), "-m", "retrain.trainer"],
                    work=work,
                    stopping=self.stopping,
                    stall_s=self.stall_s,
                    alive=self.alive,
                )
                done[net] = process.run({"task": "tune", **job}, partial(_follow, net, say))
        return done


def _job(
    heads: Sequence[Begun],
    every: Sequence[Example],
    parts: Parts,
    crops: Mapping[Path, Path],
    folder: Path,
) -> dict[str, Any]:
    """The fields of a TuneJob (retrain/trainer/job.py) that are about crops and heads; their files are in `folder`."""
    arrays, regions = dict[str, Any](), list[dict[str, Any]]()
    by_region: dict[str, list[Begun]] = {}
    for each in heads:
        by_region.setdefault(region_name(each.head), []).append(each)
    for number, (region, of_region) in enumerate(by_region.items()):
        rows = np.unique(np.concatenate([each.rows for each in of_region]))
        file = folder / f"{number}.npy"
        _write_crops(file, [(crops[every[row].photo], every[row].found) for row in rows], region)
        arrays[f"{number}.part"] = parts.of_row[rows]
        for place, each in enumerate(of_region):
            targets = np.full(len(rows), np.nan, np.float32)
            targets[np.searchsorted(rows, each.rows)] = each.truth
            arrays[f"{number}.{place}.targets"] = targets
            arrays[f"{number}.{place}.weights"], arrays[f"{number}.{place}.bias"] = each.weights, each.bias
        regions.append(
            {
                "crops": file,
                # What every head of the region allows: they see the same picture.
                "augment": [name for name in VIEWS if all(name in each.head.augment for each in of_region)],
                "heads": [_head(each.head) for each in of_region],
            }
        )
    np.savez(folder / "arrays.npz", **arrays)
    return {"arrays": folder / "arrays.npz", "regions": regions}


def _head(head: Head) -> dict[str, Any]:
    score = None if head.score is None else [head.score.low, head.score.high]
    return {"pool": str(head.pool), "class_weights": head.class_weights, "score": score}


def _write_crops(file: Path, places: Sequence[tuple[Path, int]], region: str) -> None:
    """The crops of a region in one array, so that the trainer reads only those of its batch."""
    written = None
    for row, (of_photo, found) in enumerate(places):
        with np.load(of_photo) as stored:
            crop = stored[region][found]
        if written is None:
            written = np.lib.format.open_memmap(file, "w+", np.uint8, (len(places), *crop.shape))
        written[row] = crop


def _compare(
    recipe: Recipe, frozen: Sequence[Begun], tuned: Sequence[Begun], done: Mapping[Net, Event]
) -> tuple[dict[str, Any], set[Net]]:
    """The report, and the networks whose heads have a smaller loss, on the part to choose by, than before."""
    networks = dict[str, Any]()
    taken = set[Net]()
    for net, event in done.items():
        before, after = (sum(each.loss for each in heads if each.head.net == net) for heads in (frozen, tuned))
        if after < before:
            taken.add(net)
        networks[net] = {
            "taken": after < before,
            "loss_frozen": round(before, 4),
            "loss_tuned": round(after, 4),
            "optimizer": event["optimizer"],
            "tried": event["tried"],
        }
    return {"unfreeze": recipe.tune.unfreeze, "networks": networks}, taken


def _follow(net: Net, say: Say, event: Event) -> None:
    if event["event"] == "epoch":
        note = f"{net} by {event['optimizer']}, loss {event['chosen_loss']:.3f}, {event['seconds']:.0f} s"
        say(event["epoch"], event["epochs"], note)
