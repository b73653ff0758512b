"""One synthesis for all tests of the stacks: it takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.assembly import Template, synthesise


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that synthesis wrote."""
    return synthesise(tmp_path_factory.mktemp("assembly"), PYTHONHASHSEED="1")


@pytest.fixture(scope="session")
def queue_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that synthesis wrote for mode `queue`."""
    return synthesise(tmp_path_factory.mktemp("queue"), NUNCHI_MODE="queue")


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
