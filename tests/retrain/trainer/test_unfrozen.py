"""A network that learns computes what the worker's file of it computes, before and after."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from recipes.recipe import Net
from retrain.settings import DEFAULT_TRAINER
from worker.models.backbone import NETWORKS, Backbone

pytestmark = pytest.mark.skipif(not DEFAULT_TRAINER.exists(), reason="no .venv-trainer here: make trainer")
ROOT: Final = Path(__file__).parents[3]
# In the trainer's environment, which has torch: the maps of the file as it is, then of one whose weights have moved.
PROGRAM: Final = """
import sys
from pathlib import Path
import numpy as np, torch
from retrain.trainer.unfrozen import Unfrozen

file, folder, blocks = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
crops = torch.from_numpy(np.load(folder / "crops.npy"))
network = Unfrozen(file, blocks)
(folder / "same.onnx").write_bytes(network.to_onnx())
maps = network(crops)
np.save(folder / "before.npy", maps.detach().numpy())
torch.manual_seed(1)
optimizer = torch.optim.SGD(network.learning(), 1e-3)
(maps * torch.randn_like(maps)).sum().backward()
optimizer.step()
np.save(folder / "after.npy", network(crops).detach().numpy())
(folder / "moved.onnx").write_bytes(network.to_onnx())
print(len(network.learning()))
"""


@pytest.mark.parametrize(("net", "blocks", "tensors"), [(Net.LITE0, 2, 14), (Net.FACE, 16, 96)])
def test_its_maps_are_those_of_onnx_runtime_before_it_learns_and_after(
    tmp_path: Path, net: Net, blocks: int, tensors: int
) -> None:
    """`tensors`: weight and bias of three convolutions a block (the first has two), and of the layer after them."""
    side = NETWORKS[net].side
    crops = np.random.default_rng(1).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    np.save(tmp_path / "crops.npy", crops)
    command = [str(DEFAULT_TRAINER), "-c", PROGRAM, str(NETWORKS[net].file), str(tmp_path), str(blocks)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == tensors
    shipped, same, moved = (
        Backbone(file.read_bytes()).maps(list(crops))
        for file in (NETWORKS[net].file, tmp_path / "same.onnx", tmp_path / "moved.onnx")
    )
    before, after = np.load(tmp_path / "before.npy"), np.load(tmp_path / "after.npy")
    np.testing.assert_allclose(shipped, before, atol=2e-4)
    np.testing.assert_allclose(same, shipped, atol=2e-4)
    # Stored in 8 bits and in halves again: near what was learned, and far from where it began.
    assert np.abs(after - before).mean() > 20 * np.abs(moved - after).mean() > 0
