"""Fixtures of every test, and the Hypothesis profile of every property test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.order import FilesToProcesses, arrange

if TYPE_CHECKING:
    from xdist.remote import Producer

# NumPy's threads wait for each other in a loop: where several processes share the cores, a product of small matrices
# takes fifty times as long as with one thread. Read when NumPy is imported, which is later, and by what tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The same profile here and in CI, close to Hypothesis's own for CI. No deadline and no health check of speed: a slow
# machine is no failure. Deterministic examples: a commit passes or fails alike on every machine, and a change does not
# fail on an example drawn by chance. So no database keeps failing examples. New examples: pytest
# --hypothesis-profile=default.
settings.register_profile(
    "nunchi",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
    print_blob=True,
)
settings.load_profile("nunchi")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    arrange(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesToProcesses | None:
    """`--dist loadfile` as tests/order.py has it."""
    return FilesToProcesses(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def shapes_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a recipe with its trained model (tests/shapes_recipe.py); no test may change it."""
    from tests.shapes_recipe import train_recipe  # imports what trains, which most tests do without

    return train_recipe(tmp_path_factory.mktemp("recipes"))


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the programs do."""
    return "asyncio"
