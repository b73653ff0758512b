"""The CDK app: which stacks there are, and with what settings. The only place that knows."""

from __future__ import annotations

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.compute import Compute
from infra.inference import DOCUMENT, INSTANCE_PARAMETER
from infra.pipeline import Pipeline
from infra.retention import Retention
from lambdas.dispatch import DispatchSettings


def build(app: App) -> None:
    """Put the stacks into `app`. They name no account and no region: the credentials at deployment do."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    pipeline = Pipeline(
        app,
        "NunchiPipeline",
        description="Nunchi: photos arrive, are announced, and are dispatched",
        retention=Retention(upload_days=7, result_days=90, review_days=90),
        dispatch=DispatchSettings(instance_parameter=INSTANCE_PARAMETER, document=DOCUMENT),
    )
    Compute(
        app,
        "NunchiCompute",
        description="Nunchi: the inference instance, and how photos reach it",
        access=pipeline.worker_access,
        instance_type="c7i.large",
    )


if __name__ == "__main__":
    app = App()
    build(app)
    app.synth()
