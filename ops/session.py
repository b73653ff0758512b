"""The cloud that a command works on: the local one in a state folder, or AWS."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.names import COMPUTE_STACK, PIPELINE_STACK
from config.nunchi_toml import load
from config.stack_outputs import buckets_of, tables_of
from local.environment import recipe_of
from local.state import StateDir
from ops.aws import AwsError, aws_errors, clients, stack_outputs
from recipes.detects import Detects
from recipes.kiosk.detects import PEOPLE
from recipes.reading import InvalidRecipe
from recipes.reading import load as load_recipe
from recipes.recipe import Recipe, Teaches
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.review.confidences import Results

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True, slots=True)
class Session:
    """One cloud. `client` creates a boto3 client of a service; `bucket` names one: images, dataset or weights.

    `table` names the DynamoDB table `orders`.

    `gate` is the confidence (0-1) from which its workers' labels become training data.
    """

    client: Callable[[str], Any]
    bucket: Callable[[str], str]
    table: Callable[[str], str]
    gate: float

    @property
    def detects(self) -> Detects:
        """What the detector of this cloud tells apart. Only the kiosk has one."""
        return PEOPLE

    @property
    def dataset(self) -> DatasetBucket:
        return DatasetBucket(self.client("s3"), self.bucket("dataset"), classes=self.detects.classes)

    @property
    def results(self) -> Results:
        """The label results in the images bucket."""
        return Results(self.client("s3"), self.bucket("images"))

    @property
    def weights(self) -> WeightsRegistry:
        return WeightsRegistry(self.client("s3"), self.bucket("weights"))


def recipe_name_of(local: bool, state: Path) -> str:
    """The recipe of the local cloud in `state`, or, for AWS, of nunchi.toml: a name, or the path of its folder."""
    return StateDir(state).read().recipe if local else recipe_of(None, os.environ, load())


def heads_of(local: bool, state: Path) -> Recipe | None:
    """The recipe of that cloud if it teaches heads; None if it teaches a detector."""
    recipe = load_recipe(recipe_name_of(local, state))
    return recipe if recipe.teaches is Teaches.HEADS else None


def require_detector(local: bool, state: Path, instead: str) -> None:
    """InvalidRecipe, with what to do `instead`, where the recipe of that cloud teaches heads: its labels are others."""
    if (recipe := heads_of(local, state)) is not None:
        raise InvalidRecipe(
            f"this is for the labels of a detector, and the recipe {recipe.name!r} of this cloud has none; nothing was "
            f"done. {instead}"
        )


def gate_of(local: bool, state: Path) -> float:
    """The gate of the local cloud in `state`, or, for AWS, of nunchi.toml; see Session."""
    return StateDir(state).read().gate if local else load().inference.confidence_gate


@contextmanager
def session_of(local: bool, state: Path) -> Generator[Session, None, None]:
    """The local cloud in `state`, or AWS; errors of AWS within the block become AwsError."""
    if local:
        record = StateDir(state).read()
        yield Session(cache(record.client), record.buckets.__getitem__, record.tables.__getitem__, record.gate)
        return
    config = load()
    region = config.region
    with aws_errors(region):
        client = clients(region)
        outputs = pipeline_outputs(client("cloudformation"), region)
        yield Session(
            client,
            buckets_of(outputs).__getitem__,
            tables_of(outputs).__getitem__,
            config.inference.confidence_gate,
        )


def pipeline_outputs(cloudformation: CloudFormationClient, region: str) -> dict[str, str]:
    """The outputs of the pipeline stack, by name; AwsError when it is not deployed."""
    outputs = stack_outputs(cloudformation, PIPELINE_STACK)
    if outputs is None:
        raise AwsError(
            f"{PIPELINE_STACK} is not deployed in {region}; first: cdk deploy {PIPELINE_STACK} {COMPUTE_STACK}"
        )
    return outputs
