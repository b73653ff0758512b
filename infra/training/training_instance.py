"""The training machine: its launch template, its boot, and the right to start one.

A machine is started for each training and terminated after it. Only Run Command reaches it, as the worker's.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

from aws_cdk import Aws, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from config.documents import TRAINING_LEASE_S, train_document
from config.names import LAUNCH_TEMPLATE, ROLE_TAG, TRAIN_DOCUMENT, TRAINING_ROLE
from contracts.settings import environment_for
from infra.code import PYTHON, Code, MayBoot
from infra.compute.instance import NEWEST_IMAGE, HardenedTemplate, disk
from infra.compute.network import Network
from infra.compute.run_command import command_document
from infra.nag import acknowledge_wildcards
from infra.pipeline.buckets import Buckets
from infra.statements import allow, arn_of
from retrain.settings import RetrainSettings


@dataclass(frozen=True, slots=True)
class Kind:
    """What a training machine boots from. `image`: the SSM parameter of AWS that names it; it is read at each start."""

    image: str
    disk_gib: int


# AWS's own image with the open NVIDIA driver: "Deep Learning Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023)".
# The image wants 75 GiB; torch, photos and checkpoints the rest.
WITH_TRAINER: Final = Kind(
    "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id", 125
)
# Amazon Linux, packages and features of heads take some 6 GiB, and up to 20,000 photos of 2.5 MB the rest.
WITHOUT_TRAINER: Final = Kind(NEWEST_IMAGE, 60)
_PACKAGES: Final = (PYTHON, "amazon-cloudwatch-agent", "unzip")
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
        recipe: str,
        trainer: bool,
    ) -> None:
        """`trainer`: whether a training of `recipe` needs the trainer's environment and a GPU's driver."""
        super().__init__(scope, id)
        kind = WITH_TRAINER if trainer else WITHOUT_TRAINER
        self._code = Code(
            self, "Code", "contracts", "imaging", "mqtt", "recipes", "registry", "retrain", "shell", "worker"
        )
        template = HardenedTemplate(
            self,
            network,
            instance_type,
            launch_template_name=LAUNCH_TEMPLATE,
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(kind.image),
            role=role,
            user_data=self._user_data(buckets, gate, recipe, trainer=trainer),
            # It powers itself off at the end of the training, and must then be terminated.
            instance_initiated_shutdown_behavior=ec2.InstanceInitiatedShutdownBehavior.TERMINATE,
            block_devices=[disk(kind.disk_gib, delete_on_termination=True)],
        )
        Tags.of(template).add(ROLE_TAG, TRAINING_ROLE)
        for subnet in network.vpc.public_subnets:
            Tags.of(subnet).add(ROLE_TAG, TRAINING_ROLE)
        MayBoot(
            self,
            description="Nunchi training machine: fetch the code, write its log",
            role=role,
            code=self._code,
            log_groups=[log],
            streams="The streams within one log group: each machine writes its own.",
        )
        self._may_start(start_role, role, template, network, kind.image)
        command_document(self, "Train", name=TRAIN_DOCUMENT, content=train_document())

    def _user_data(self, buckets: Buckets, gate: float, recipe: str, *, trainer: bool) -> ec2.UserData:
        """What cloud-init runs once, as root. A machine whose boot fails gets no training, and ends with its lease."""
        settings = environment_for(RetrainSettings, {**buckets.names, "gate": gate, "recipe": recipe})
        if not trainer:
            settings |= {"NUNCHI_TRAINER": "no"}  # of shell/boot-train.sh
        data = ec2.UserData.for_linux(shebang="#!/usr/bin/env bash")
        data.add_commands(
            "set -euo pipefail",
            # First: whatever fails from here on, the machine powers off at the end of its lease.
            f"systemd-run --unit=nunchi-lease --on-active={TRAINING_LEASE_S} /usr/sbin/shutdown -h now",
            f"export AWS_REGION={Aws.REGION} AWS_DEFAULT_REGION={Aws.REGION}",
            *self._code.install_to("/opt/nunchi.new", *_PACKAGES),
            *(f"export {name}={shlex.quote(value)}" for name, value in sorted(settings.items())),
            "bash /opt/nunchi.new/shell/boot-train.sh settings",
            "mv /opt/nunchi.new /opt/nunchi",  # atomically: Run Command may already wait for it
            "bash /opt/nunchi/shell/boot-train.sh packages",
        )
        return data

    def _may_start(
        self, start_role: iam.IRole, role: iam.IRole, template: ec2.LaunchTemplate, network: Network, image: str
    ) -> None:
        """Start machines of this template only, in these subnets, with this role; tag them only at their start."""

        def arn(resource: str, name: str = "*", **options: str) -> str:
            return arn_of(self, "ec2", resource, name, **options)

        template_arn = arn("launch-template", template.launch_template_id or "")
        of_template = {"ArnEquals": {"ec2:LaunchTemplate": template_arn}}
        images = arn("image", account="")
        created = [*map(arn, ("instance", "volume", "network-interface", "spot-instances-request")), images]
        subnets = [arn("subnet", subnet.subnet_id) for subnet in network.vpc.public_subnets]
        group = arn("security-group", network.outbound_only.security_group_id)
        # AWS's service-linked role, by which EC2 handles an account's Spot machines.
        spot_role = f"aws-service-role/{_SPOT}/AWSServiceRoleForEC2Spot"

        def when(key: str, value: str) -> dict[str, dict[str, str]]:
            return {"StringEquals": {key: value}}

        may = iam.ManagedPolicy(
            self,
            "MayStart",
            description="Nunchi retraining: start machines of one launch template",
            roles=[start_role],
            statements=[
                allow("ec2:RunInstances", on=created, when=of_template),
                allow("ec2:RunInstances", on=[template_arn, *subnets, group]),
                # The template tags the disk too, and RunInstances fails without this right.
                allow(
                    "ec2:CreateTags",
                    on=[arn("instance"), arn("volume")],
                    when=when("ec2:CreateAction", "RunInstances"),
                ),
                # EC2 creates it with the first Spot machine of an account, with the caller's rights.
                allow(
                    "iam:CreateServiceLinkedRole",
                    on=arn_of(self, "iam", "role", spot_role, region=""),
                    when=when("iam:AWSServiceName", _SPOT),
                ),
                # AWS's own parameter that names the image; RunInstances resolves it with the caller's rights.
                allow("ssm:GetParameters", on=arn_of(self, "ssm", "parameter", image, account="")),
                allow("iam:PassRole", on=role.role_arn, when=when("iam:PassedToService", "ec2.amazonaws.com")),
            ],
        )
        acknowledge_wildcards(
            may,
            *created,
            reason="They are created with the machine, and its image is AWS's newest; a condition admits one template.",
        )
