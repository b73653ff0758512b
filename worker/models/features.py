"""`python -m worker.models.features --recipe NAME --cache FOLDER`: features of subjects, for a training of heads.

Reads paths of photos from standard input, one a line, and writes JSON objects to standard output, one a line: first
what a manifest of heads on these features says, `{"recipe", "find", "files"}` (heads.py); then in the order of the
paths

    {"path", "file"}         the photo's subjects, in a .npz file of the cache folder
    {"path", "error"}        the photo can't be read; the next one follows

A file holds `boxes` (subjects, 4), as a message has them, and for each region of the recipe `net:of:margin` (subjects,
views, features), the first view as the photo is (views.py), or `net:of:margin:max` where a head pools by it; NaN where
the photo does not show the region of the subject. With `--crops` a region has its crops (subjects, side, side, 3) in
place of features, as the photo is, and zeros where it is not shown: for a network that learns, too. With `--network
NET=FILE` a network has other weights. A file is named by the SHA-256 of the photo and of all that it depends on, so a
photo is computed once, whatever its name. The finder and the regions are those of the worker: what is learned is what
is asked.

Exits with 0 when every photo has its line, 1 when the recipe or a network can't be loaded, 2 when its arguments are
invalid.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from contracts.errors import NunchiError
from imaging.decoding import decode
from recipes.reading import load
from recipes.recipe import Net, Pool, Recipe, Region
from worker.models.backbone import FEATURES, NETWORKS, Backbone
from worker.models.detector import Image
from worker.models.finders import DefaultFinder, default_finder
from worker.models.onnx_runtime import Floats
from worker.models.regions import FoundSubject, crop, shows
from worker.models.views import views_of

VERSION: Final = 1  # of regions and views: a change of their pixels takes a new one
AT_A_TIME: Final = 64  # photos in the threads


@dataclass(frozen=True, slots=True)
class Extractor:
    """Photos → files of features, or of crops. `tuned`: networks whose weights are not those of the worker."""

    recipe: Recipe
    finder: DefaultFinder
    cache: Path
    crops: bool = False
    tuned: Mapping[Net, Path] = field(default_factory=dict)
    backbones: dict[Net, Backbone] = field(init=False, default_factory=dict)
    digests: dict[Net, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for net in sorted({net for net, _ in regions_of(self.recipe)}):
            if net in self.tuned:
                content = self.tuned[net].read_bytes()
                self.backbones[net], self.digests[net] = Backbone(content), hashlib.sha256(content).hexdigest()
            else:
                self.backbones[net], self.digests[net] = Backbone.shipped(NETWORKS[net]), NETWORKS[net].sha256

    @property
    def manifest(self) -> dict[str, Any]:
        """What a manifest of heads on these features says about them."""
        find = self.recipe.find
        networks = {str(net): {**self._network(net), "sha256": digest} for net, digest in self.digests.items()}
        return {
            "recipe": self.recipe.name,
            "find": {"kind": find.kind, "least_px": find.least_px, "finder": self.finder.fields},
            "files": {**networks, **self.finder.files},
        }

    def file(self, photo: Path) -> Path:
        """The file of a photo's features, computed unless the cache has it; NunchiError or OSError if it can't be."""
        data = photo.read_bytes()
        cached = self.cache / f"{self._key(data)}.npz"
        if not cached.exists():
            image = decode(data).image
            subjects = self.finder.find(image)
            boxes = np.array([subject.box.corners for subject in subjects]).reshape(-1, 4)
            arrays: dict[str, Any] = {
                "boxes": boxes,
                **(self._crops if self.crops else self._features)(image, subjects),
            }
            partial = cached.with_suffix(f".{os.getpid()}.{id(image)}.tmp")
            with partial.open("wb") as file:
                np.savez(file, **arrays)
            partial.rename(cached)
        return cached

    def _features(self, image: Image, subjects: Sequence[FoundSubject]) -> dict[str, np.ndarray]:
        arrays = {}
        for (net, region), augment in regions_of(self.recipe).items():
            views, side, pools = views_of(augment), NETWORKS[net].side, pools_of(self.recipe, net, region)
            unseen = dict.fromkeys(pools, np.full((len(views), FEATURES), np.nan, np.float32))
            rows = [
                self.backbones[net].features([view(image, each, region, side) for view in views], pools)
                if shows(image, each, region)
                else unseen
                for each in subjects
            ]
            for pool in pools:
                arrays[name_of(net, region, pool)] = _stacked([row[pool] for row in rows], len(views))
        return arrays

    def _crops(self, image: Image, subjects: Sequence[FoundSubject]) -> dict[str, np.ndarray]:
        arrays = {}
        for net, region in regions_of(self.recipe):
            side = NETWORKS[net].side
            rows = [
                crop(image, each, region, side) if shows(image, each, region) else np.zeros((side, side, 3), np.uint8)
                for each in subjects
            ]
            arrays[name_of(net, region)] = np.stack(rows) if rows else np.empty((0, side, side, 3), np.uint8)
        return arrays

    def _network(self, net: Net) -> dict[str, str]:
        if net in self.tuned:
            return {"path": self.tuned[net].name}
        return {"package": "worker.models", "path": f"model_data/{NETWORKS[net].file.name}"}

    def _key(self, photo: bytes) -> str:
        regions = {
            name_of(*seen): [augment, pools_of(self.recipe, *seen)] for seen, augment in regions_of(self.recipe).items()
        }
        networks = list(self.digests.values())
        settings = json.dumps([VERSION, self.crops, networks, self.finder.digest, regions])
        return hashlib.sha256(settings.encode() + b"\0" + photo).hexdigest()


def regions_of(recipe: Recipe) -> dict[tuple[Net, Region], tuple[str, ...]]:
    """The regions of a recipe by network, each with the augmentations of all heads that look at it."""
    regions: dict[tuple[Net, Region], tuple[str, ...]] = {}
    for head in (head for head in recipe.heads if head.colour is None):
        seen = head.net, head.region
        regions[seen] = tuple(dict.fromkeys([*regions.get(seen, ()), *head.augment]))
    return regions


def pools_of(recipe: Recipe, net: Net, region: Region) -> tuple[Pool, ...]:
    """How the heads that look at a region pool its features."""
    heads = [head for head in recipe.heads if head.colour is None and (head.net, head.region) == (net, region)]
    return tuple(pool for pool in Pool if any(head.pool is pool for head in heads))


def name_of(net: Net, region: Region, pool: Pool = Pool.MEAN) -> str:
    """A region's name in a file of features."""
    return f"{net}:{region.of}:{region.margin:g}{'' if pool is Pool.MEAN else f':{pool}'}"


def _stacked(rows: Sequence[Floats], views: int) -> np.ndarray:
    # 16 bits: half the room, and a thousandth of a feature's size.
    return np.stack(rows).astype(np.float16) if rows else np.empty((0, views, 0), np.float16)


def main(arguments: Sequence[str]) -> int:
    """Compute the features of every photo."""
    options = _parser().parse_args(arguments)
    try:
        recipe = load(options.recipe)
        finder = default_finder(recipe.find.kind)
        extractor = Extractor(recipe, finder, options.cache, options.crops, dict(options.network))
        options.cache.mkdir(parents=True, exist_ok=True)
    except (NunchiError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1

    def line(path: str) -> dict[str, str]:
        try:
            return {"path": path, "file": str(extractor.file(Path(path)))}
        except (NunchiError, OSError, ValueError) as error:
            return {"path": path, "error": str(error)}

    _write(extractor.manifest)
    paths = [text for each in sys.stdin if (text := each.rstrip("\n"))]
    with ThreadPoolExecutor(options.threads) as threads:
        for start in range(0, len(paths), AT_A_TIME):
            for written in threads.map(line, paths[start : start + AT_A_TIME]):
                _write(written)
    return 0


def _network(text: str) -> tuple[Net, Path]:
    net, _, file = text.partition("=")
    return Net(net), Path(file)


def _write(fields: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker.models.features", description="Features of the subjects of photos, for heads to learn."
    )
    parser.add_argument("--recipe", required=True, metavar="NAME", help="a recipe's name, or the folder of your own")
    parser.add_argument("--cache", required=True, type=Path, metavar="FOLDER", help="where features are kept")
    parser.add_argument("--crops", action="store_true", help="the regions' pixels in place of their features")
    parser.add_argument(
        "--network", type=_network, action="append", default=[], metavar="NET=FILE", help="a network's other weights"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="photos at a time")
    return parser


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # not sys.exit: it would wait for threads of the networks
