"""User data of an inference instance: fetch the code, then run shell/boot.sh, which installs and starts the worker.

The code's hash is in the user data, so new code is a new instance; the old one is ended when the new one is ready.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from config.mode import Mode
from config.nunchi_toml import Config
from contracts.settings import environment_for
from infra.code import PYTHON, Code, MayBoot
from infra.pipeline.stack import PipelineStack
from infra.statements import allow
from worker.settings import WorkerSettings

# Settings of the worker that shell/boot.sh finds out on its instance.
FOUND_AT_BOOT: Final = ("instance_id", "mqtt_host", "mqtt_ca", "mqtt_cert", "mqtt_key")
_PACKAGES: Final = (PYTHON, "amazon-cloudwatch-agent", "aws-cfn-bootstrap", "logrotate", "openssl", "unzip")


class Boot(Construct):
    """The worker's code as an asset, and the user data that installs it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        role: iam.IRole,
        enrol: lambda_.IFunction,
        log_groups: list[logs.ILogGroup],
        settings: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id)
        self._code = Code(self, "Code", "contracts", "imaging", "mqtt", "recipes", "worker", "shell")
        self._settings = {**settings, "NUNCHI_ENROL_FUNCTION": enrol.function_name}
        self.may = MayBoot(
            self,
            description="Nunchi instance: fetch the code, be enrolled, write its logs",
            role=role,
            code=self._code,
            log_groups=log_groups,
            streams="The streams within two log groups: each instance writes one under its own id.",
            also=(allow("lambda:InvokeFunction", on=enrol.function_arn),),
        )

    def user_data(self) -> ec2.UserData:
        """What cloud-init runs once, as root. A failure is reported to CloudFormation, which then rolls back."""
        data = ec2.UserData.for_linux(shebang="#!/usr/bin/env bash")
        data.add_commands(
            "set -euo pipefail",
            # The resource that waits for this instance's signal, by the tag that CloudFormation gave it.
            "token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)",
            # CloudFormation may tag an instance that runs already, so a missing tag is read again.
            "meta() { curl -fsS --retry 24 --retry-delay 5 --retry-all-errors"
            ' -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"; }',
            "export NUNCHI_RESOURCE; NUNCHI_RESOURCE=$(meta tags/instance/aws:cloudformation:logical-id)",
            f"export NUNCHI_STACK={Aws.STACK_NAME} AWS_REGION={Aws.REGION} AWS_DEFAULT_REGION={Aws.REGION}",
            "fail() { /opt/aws/bin/cfn-signal --success false --reason 'Nunchi could not be fetched; see"
            ' /var/log/cloud-init-output.log\' --stack "$NUNCHI_STACK" --resource "$NUNCHI_RESOURCE"'
            ' --region "$AWS_REGION"; }',
            "trap fail ERR",
            *self._code.install_to("/opt/nunchi", *_PACKAGES),
            "trap - ERR",  # boot.sh reports to CloudFormation itself
            *(f"export {name}={shlex.quote(value)}" for name, value in sorted(self._settings.items())),
            "bash /opt/nunchi/shell/boot.sh",
        )
        return data


def worker_environment(config: Config, pipeline: PipelineStack) -> dict[str, str]:
    """The worker's settings that differ from its defaults; shell/boot.sh adds those that only the instance knows."""
    queue = pipeline.uploads.queue.queue_url if config.mode is Mode.QUEUE else None
    settings = environment_for(
        WorkerSettings,
        {
            **pipeline.buckets.names,
            "recipe": config.recipe,
            "gate": config.inference.confidence_gate,
            "review_share": config.inference.review_share,
            "upload_queue_url": queue,
        },
        found_later=FOUND_AT_BOOT,
    )
    closed = config.hours.closed_spans
    if config.mode is Mode.QUEUE or closed is None:
        return settings
    return settings | {"NUNCHI_CLOSED": str(closed)}  # of shell/closed.sh
