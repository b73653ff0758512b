"""The training machine: its launch template, its boot, and the right to start one.

A machine is started for each training and terminated after it. Only Run Command reaches it, as the worker's.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws, IgnoreMode, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from config.documents import TRAINING_LEASE_S, train_document
from config.names import LAUNCH_TEMPLATE, ROLE_TAG, TRAIN_DOCUMENT, TRAINING_ROLE
from config.nunchi_toml import ROOT
from contracts.settings import environment_for
from infra.compute.network import Network
from infra.compute.run_command import command_document
from infra.nag import acknowledge_wildcards
from infra.pipeline.buckets import Buckets
from retrain.settings import RetrainSettings

# AWS's own image with the open NVIDIA driver: "Deep Learning Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023)".
# Without an NVIDIA GPU it is an ordinary Amazon Linux, and the training runs on the processor.
IMAGE: Final = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"
DISK_GIB: Final = 125  # the image wants 75; torch, photos and checkpoints the rest
_PACKAGES: Final = ("python3.11", "amazon-cloudwatch-agent", "unzip")
_SPOT: Final = "spot.amazonaws.com"


class TrainingInstance(Construct):
    """The launch template, the document that runs a training, and the right of the state machine's step to start."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: Network,
        instance_type: str,
        role: iam.IRole,
        start_role: iam.IRole,
        log: logs.ILogGroup,
        buckets: Buckets,
        gate: float,
    ) -> None:
        super().__init__(scope, id)
        self._code = assets.Asset(
            self,
            "Code",
            path=str(ROOT),
            ignore_mode=IgnoreMode.GIT,
            exclude=[
                "/*",
                *(f"!/{folder}/" for folder in ("contracts", "mqtt", "registry", "retrain", "shell", "worker")),
                "__pycache__/",
            ],
        )
        template = ec2.LaunchTemplate(
            self,
            "Template",
            launch_template_name=LAUNCH_TEMPLATE,
            instance_type=ec2.InstanceType(instance_type),
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(IMAGE),
            security_group=network.outbound_only,
            role=role,
            user_data=self._user_data(buckets, gate),
            http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
            http_put_response_hop_limit=1,
            instance_metadata_tags=True,
            # It powers itself off at the end of the training, and must then be terminated.
            instance_initiated_shutdown_behavior=ec2.InstanceInitiatedShutdownBehavior.TERMINATE,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        DISK_GIB,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        encrypted=True,
                        delete_on_termination=True,
                    ),
                )
            ],
        )
        Tags.of(template).add(ROLE_TAG, TRAINING_ROLE)
        for subnet in network.vpc.public_subnets:
            Tags.of(subnet).add(ROLE_TAG, TRAINING_ROLE)
        self._may_boot(role, log)
        self._may_start(start_role, role, template, network.vpc.public_subnets, network.outbound_only)
        command_document(self, "Train", name=TRAIN_DOCUMENT, content=train_document())

    def _user_data(self, buckets: Buckets, gate: float) -> ec2.UserData:
        """What cloud-init runs once, as root. A machine whose boot fails gets no training, and ends with its lease."""
        settings = environment_for(
            RetrainSettings,
            {
                "images_bucket": buckets.images.bucket_name,
                "dataset_bucket": buckets.dataset.bucket_name,
                "weights_bucket": buckets.weights.bucket_name,
                "gate": gate,
            },
        )
        data = ec2.UserData.for_linux(shebang="#!/usr/bin/env bash")
        data.add_commands(
            "set -euo pipefail",
            # First: whatever fails from here on, the machine powers off at the end of its lease.
            f"systemd-run --unit=nunchi-lease --on-active={TRAINING_LEASE_S} /usr/sbin/shutdown -h now",
            f"export AWS_REGION={Aws.REGION} AWS_DEFAULT_REGION={Aws.REGION}",
            f"dnf install --assumeyes --quiet {' '.join(_PACKAGES)}",
            f"aws s3 cp --only-show-errors s3://{self._code.s3_bucket_name}/{self._code.s3_object_key} /tmp/nunchi.zip",
            "umask 022",
            "install -d -m 0755 /opt/nunchi.new",
            "unzip -q -o /tmp/nunchi.zip -d /opt/nunchi.new",
            "rm /tmp/nunchi.zip",
            *(f"export {name}={shlex.quote(value)}" for name, value in sorted(settings.items())),
            "bash /opt/nunchi.new/shell/boot-train.sh settings",
            "mv /opt/nunchi.new /opt/nunchi",  # atomically: Run Command may already wait for it
            "bash /opt/nunchi/shell/boot-train.sh packages",
        )
        return data

    def _may_boot(self, role: iam.IRole, log: logs.ILogGroup) -> None:
        may = iam.ManagedPolicy(
            self,
            "MayBoot",
            description="Nunchi training machine: fetch the code, write its log",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["s3:GetObject"],
                    resources=[self._code.bucket.arn_for_objects(self._code.s3_object_key)],
                ),
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=[log.log_group_arn],
                ),
            ],
        )
        acknowledge_wildcards(
            may, log.log_group_arn, reason="The streams within one log group: each machine writes its own."
        )

    def _may_start(
        self,
        start_role: iam.IRole,
        role: iam.IRole,
        template: ec2.LaunchTemplate,
        subnets: Sequence[ec2.ISubnet],
        group: ec2.ISecurityGroup,
    ) -> None:
        """Start machines of this template only, in these subnets, with this role; tag them only at their start."""
        stack = Stack.of(self)

        def arn(resource: str, name: str = "*", account: str | None = None) -> str:
            return stack.format_arn(service="ec2", resource=resource, resource_name=name, account=account)

        template_arn = arn("launch-template", template.launch_template_id or "")
        of_template = {"ArnEquals": {"ec2:LaunchTemplate": template_arn}}
        created = [arn("instance"), arn("volume"), arn("network-interface"), arn("spot-instances-request")]
        images = arn("image", account="")
        may = iam.ManagedPolicy(
            self,
            "MayStart",
            description="Nunchi retraining: start machines of one launch template",
            roles=[start_role],
            statements=[
                iam.PolicyStatement(actions=["ec2:RunInstances"], resources=[*created, images], conditions=of_template),
                iam.PolicyStatement(
                    actions=["ec2:RunInstances"],
                    resources=[
                        template_arn,
                        *(arn("subnet", subnet.subnet_id) for subnet in subnets),
                        arn("security-group", group.security_group_id),
                    ],
                ),
                iam.PolicyStatement(
                    # The template tags the disk too, and RunInstances fails without this right.
                    actions=["ec2:CreateTags"],
                    resources=[arn("instance"), arn("volume")],
                    conditions={"StringEquals": {"ec2:CreateAction": "RunInstances"}},
                ),
                iam.PolicyStatement(
                    # EC2 creates it with the first Spot machine of an account, with the caller's rights.
                    actions=["iam:CreateServiceLinkedRole"],
                    resources=[_spot_role(stack)],
                    conditions={"StringEquals": {"iam:AWSServiceName": _SPOT}},
                ),
                iam.PolicyStatement(actions=["ssm:GetParameters"], resources=[_parameter(stack)]),
                iam.PolicyStatement(
                    actions=["iam:PassRole"],
                    resources=[role.role_arn],
                    conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
                ),
            ],
        )
        acknowledge_wildcards(
            may,
            *created,
            images,
            reason="They are created with the machine, and its image is AWS's newest; a condition admits one template.",
        )


def _spot_role(stack: Stack) -> str:
    """AWS's service-linked role, by which EC2 handles an account's Spot machines."""
    name = f"aws-service-role/{_SPOT}/AWSServiceRoleForEC2Spot"
    return stack.format_arn(service="iam", region="", resource="role", resource_name=name)


def _parameter(stack: Stack) -> str:
    """AWS's own parameter that names the image; RunInstances resolves it with the caller's rights."""
    return stack.format_arn(service="ssm", account="", resource="parameter", resource_name=IMAGE.removeprefix("/"))
