"""One synthesis of a kind for all tests of the stacks: it takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.assembly import Template, shared


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that synthesis wrote."""
    return shared(tmp_path_factory, "command")


@pytest.fixture(scope="session")
def queue_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that synthesis wrote for mode `queue`."""
    return shared(tmp_path_factory, "queue")


@pytest.fixture(scope="session")
def forgetful_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The pipeline of a recipe that keeps no photo."""
    return Template(shared(tmp_path_factory, "keeps no photo") / "NunchiPipeline.template.json")


@pytest.fixture(scope="session")
def heads_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that synthesis wrote for a recipe that teaches heads."""
    return shared(tmp_path_factory, "keeps no photo")  # face-score: one synthesis serves both


@pytest.fixture(scope="session")
def key_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that synthesis wrote for an operator with a key of their own."""
    return shared(tmp_path_factory, "key")


@pytest.fixture(scope="session")
def pipeline(assembly: Path) -> Template:
    return Template(assembly / "NunchiPipeline.template.json")


@pytest.fixture(scope="session")
def compute(assembly: Path) -> Template:
    return Template(assembly / "NunchiCompute.template.json")


@pytest.fixture(scope="session")
def training(assembly: Path) -> Template:
    return Template(assembly / "NunchiTraining.template.json")


@pytest.fixture(scope="session")
def queue_pipeline(queue_assembly: Path) -> Template:
    return Template(queue_assembly / "NunchiPipeline.template.json")


@pytest.fixture(scope="session")
def queue_compute(queue_assembly: Path) -> Template:
    return Template(queue_assembly / "NunchiCompute.template.json")
