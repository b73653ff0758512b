"""The CDK app: creates the stacks with the operator's settings. Nothing else reads the environment.

NunchiPipeline  everything that holds state, and a photo's way up to the worker     infra/pipeline/stack.py
NunchiTraining  retraining: its schedule, its state machine and the steps           infra/training/stack.py
NunchiCompute   what only AWS has: instances, their hours, their network            infra/compute/stack.py
NunchiHealth    the health probe, alarms, the dashboard                             infra/health/stack.py
NunchiBudget    the budget of a month, unless budget_usd is 0                       infra/health/budget.py
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime

from aws_cdk import App, Environment, Tags, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from config import names
from config.mode import Mode
from config.nunchi_toml import Config, load
from contracts.errors import SettingsError
from contracts.instants import now
from infra.compute.stack import ComputeStack
from infra.health.budget import BudgetStack
from infra.health.stack import HealthStack
from infra.pipeline.stack import PipelineStack
from infra.training.stack import TrainingStack
from infra.training.states import LOCAL_PACE, Pace
from recipes.reading import load as load_recipe

PACE_VARIABLE = "NUNCHI_PACE"
DELETES_VARIABLE = "NUNCHI_DELETES_UPLOADS"


def build(app: App, config: Config, *, at: datetime, pace: Pace, deletes_uploads: bool = False) -> None:
    """Add the stacks to `app`, with a region and without an account: that follows from the credentials at deployment.

    `at`: the present, from which the next retraining is dated (config/retrain_calendar.py). `deletes_uploads`: whether
    the worker may delete photos, for a recipe that keeps none.
    """
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    env = Environment(region=config.region)
    pipeline = PipelineStack(app, names.PIPELINE_STACK, config=config, deletes_uploads=deletes_uploads, env=env)
    training = TrainingStack(
        app, names.TRAINING_STACK, config=config, buckets=pipeline.buckets, at=at, pace=pace, env=env
    )
    stacks = {"pipeline": pipeline, "training": training}
    compute = ComputeStack(app, names.COMPUTE_STACK, config=config, **stacks, env=env)
    health = HealthStack(app, names.HEALTH_STACK, config=config, **stacks, compute=compute, env=env)
    if config.alarms.budget_usd:
        BudgetStack(app, names.BUDGET_STACK, usd=config.alarms.budget_usd, topic=health.topic, env=env)
    for name, value in config.tags.items():
        Tags.of(app).add(name, value)


def settings(environ: Mapping[str, str]) -> Config:
    """The operator's settings, with the region and the mode that a local cloud sets instead."""
    config = load(environ=environ)
    changed: dict[str, object] = {}
    if region := environ.get("NUNCHI_REGION"):
        changed["region"] = region
    if mode := environ.get("NUNCHI_MODE"):
        changed["mode"] = Mode(mode)
    return Config.model_validate(config.model_dump() | changed)


def deletes_uploads(environ: Mapping[str, str], config: Config) -> bool:
    """Whether the recipe keeps no uploads: that of a local cloud, which says so, else the operator's."""
    if told := environ.get(DELETES_VARIABLE):
        return told == "yes"
    return not load_recipe(config.recipe).keep.upload


def main() -> None:
    """Synthesise. Invalid settings end the program with a message, and nothing is written."""
    try:
        config = settings(os.environ)
    except SettingsError as error:
        sys.exit(f"nunchi: {error}")
    app = App()
    pace = LOCAL_PACE if os.environ.get(PACE_VARIABLE) == "local" else Pace()
    build(app, config, at=now(), pace=pace, deletes_uploads=deletes_uploads(os.environ, config))
    app.synth()


if __name__ == "__main__":
    main()
