"""The CDK app: which stacks there are, and with what settings. The only place that knows."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime

from aws_cdk import App, Environment, Tags, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from config.mode import Mode
from config.nunchi_toml import Config, load
from contracts.errors import SettingsError
from contracts.instants import now
from infra.stacks import ComputeStack, HealthStack, PipelineStack
from infra.training.training import TrainingStack
from infra.training.training_state_machine import ON_ONE_MACHINE, Pace

PACE_VARIABLE = "NUNCHI_PACE"


def build(app: App, config: Config, *, at: datetime, pace: Pace) -> None:
    """Put the stacks into `app`. They name a region and no account: the credentials at deployment do.

    `at` is now: it says which date of the retrainings' series is the next (config/retrain_calendar.py).
    """
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    env = Environment(region=config.region)
    pipeline = PipelineStack(app, "NunchiPipeline", config=config, env=env)
    training = TrainingStack(app, "NunchiTraining", config=config, buckets=pipeline.buckets, at=at, pace=pace, env=env)
    compute = ComputeStack(app, "NunchiCompute", config=config, pipeline=pipeline, training=training, env=env)
    HealthStack(app, "NunchiHealth", config=config, pipeline=pipeline, training=training, compute=compute, env=env)
    for name, value in config.tags.items():
        Tags.of(app).add(name, value)


def settings(environ: Mapping[str, str]) -> Config:
    """The operator's settings. A cloud on one machine has a region of its own, and may try the other mode."""
    config = load(environ=environ)
    changed: dict[str, object] = {}
    if region := environ.get("NUNCHI_REGION"):
        changed["region"] = region
    if mode := environ.get("NUNCHI_MODE"):
        changed["mode"] = Mode(mode)
    return Config.model_validate(config.model_dump() | changed)


def main() -> None:
    """Synthesise; a mistake in the settings is said in words, and nothing is written."""
    try:
        config = settings(os.environ)
    except SettingsError as error:
        sys.exit(f"nunchi: {error}")
    app = App()
    pace = ON_ONE_MACHINE if os.environ.get(PACE_VARIABLE) == "local" else Pace()
    build(app, config, at=now(), pace=pace)
    app.synth()


if __name__ == "__main__":
    main()
