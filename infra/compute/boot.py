"""An inference instance's first boot: fetch the code, then run shell/boot.sh, which installs and starts the worker.

The code's hash is in the user data, so new code is a new instance; the old one is ended when the new one is ready.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

from aws_cdk import Aws, IgnoreMode
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from config.mode import Mode
from config.nunchi_toml import ROOT, Config
from contracts.settings import environment_for
from infra.nag import acknowledge_wildcards
from infra.pipeline.stack import PipelineStack
from worker.settings import WorkerSettings

# Settings of the worker that shell/boot.sh finds out on its instance.
FOUND_AT_BOOT: Final = ("instance_id", "mqtt_host", "mqtt_ca", "mqtt_cert", "mqtt_key")
_PACKAGES: Final = ("python3.11", "amazon-cloudwatch-agent", "aws-cfn-bootstrap", "logrotate", "openssl", "unzip")


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
        self._code = assets.Asset(
            self,
            "Code",
            path=str(ROOT),
            ignore_mode=IgnoreMode.GIT,
            exclude=["/*", "!/contracts/", "!/mqtt/", "!/worker/", "!/shell/", "__pycache__/"],
        )
        self._settings = {**settings, "NUNCHI_ENROL_FUNCTION": enrol.function_name}
        self.may = iam.ManagedPolicy(
            self,
            "MayBoot",
            description="Nunchi instance: fetch the code, be enrolled, write its logs",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["s3:GetObject"],
                    resources=[self._code.bucket.arn_for_objects(self._code.s3_object_key)],
                ),
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[enrol.function_arn]),
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=[group.log_group_arn for group in log_groups],
                ),
            ],
        )
        acknowledge_wildcards(
            self.may,
            *(group.log_group_arn for group in log_groups),
            reason="The streams within two log groups: each instance writes one under its own id.",
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
            f"dnf install --assumeyes --quiet {' '.join(_PACKAGES)}",
            f"aws s3 cp --only-show-errors s3://{self._code.s3_bucket_name}/{self._code.s3_object_key} /tmp/nunchi.zip",
            "umask 022",
            "install -d -m 0755 /opt/nunchi",
            "unzip -q -o /tmp/nunchi.zip -d /opt/nunchi",
            "rm /tmp/nunchi.zip",
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
            "images_bucket": pipeline.buckets.images.bucket_name,
            "dataset_bucket": pipeline.buckets.dataset.bucket_name,
            "weights_bucket": pipeline.buckets.weights.bucket_name,
            "gate": config.inference.confidence_gate,
            "review_share": config.inference.review_share,
            "upload_queue_url": queue,
        },
        found_later=FOUND_AT_BOOT,
    )
    if config.mode is Mode.QUEUE:
        return settings
    return settings | {  # of shell/closed.sh
        "NUNCHI_ZONE": config.hours.zone,
        "NUNCHI_CLOSED_DATES": ",".join(day.isoformat() for day in config.hours.closed_dates),
    }
