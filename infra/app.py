"""The CDK app: which stacks there are, and with what settings. The only place that knows."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from aws_cdk import App, Environment, Tags, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from contracts.errors import SettingsError
from infra.config import Config, Mode, load
from infra.stack import Compute, Health, Pipeline


def build(app: App, config: Config) -> None:
    """Put the stacks into `app`. They name a region and no account: the credentials at deployment do."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    env = Environment(region=config.region)
    pipeline = Pipeline(app, "NunchiPipeline", config=config, env=env)
    compute = Compute(app, "NunchiCompute", config=config, pipeline=pipeline, env=env)
    Health(app, "NunchiHealth", config=config, pipeline=pipeline, compute=compute, env=env)
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
    build(app, config)
    app.synth()


if __name__ == "__main__":
    main()
