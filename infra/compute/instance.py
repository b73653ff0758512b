"""Mode `command`: one inference instance, hardened, replaceable, reachable by Run Command alone."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import Duration, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from config.instance_types import is_arm
from config.names import INFERENCE_ROLE, ROLE_TAG
from infra.compute.actions import instance_actions
from infra.compute.boot import Boot
from infra.compute.network import Network
from infra.nag import acknowledge

BOOT_TIMEOUT: Final = Duration.minutes(15)  # to install and warm up; then CloudFormation rolls back
DISK_GIB: Final = 16


# AWS's own parameter that names the newest image for x86-64: of a training machine, which is started long after a
# deployment. Kernel 6.1 as below.
NEWEST_IMAGE: Final = ec2.AmazonLinux2023ImageSsmParameter.ssm_parameter_name(
    kernel=ec2.AmazonLinux2023Kernel.KERNEL_6_1, cpu_type=ec2.AmazonLinuxCpuType.X86_64
)


def amazon_linux(instance_type: str) -> ec2.IMachineImage:
    """The newest image at deployment for these processors, with kernel 6.1: AL2023's first, supported to its end."""
    return ec2.MachineImage.latest_amazon_linux2023(
        kernel=ec2.AmazonLinux2023Kernel.KERNEL_6_1,
        cpu_type=ec2.AmazonLinuxCpuType.ARM_64 if is_arm(instance_type) else ec2.AmazonLinuxCpuType.X86_64,
    )


def disk(gib: int = DISK_GIB, **options: Any) -> ec2.BlockDevice:
    """The root volume of an instance. Encrypted: photos pass through its cache."""
    volume = ec2.BlockDeviceVolume.ebs(gib, volume_type=ec2.EbsDeviceVolumeType.GP3, encrypted=True, **options)
    return ec2.BlockDevice(device_name="/dev/xvda", volume=volume)


class HardenedTemplate(ec2.LaunchTemplate):
    """A launch template for instances without inbound connections, whose metadata need a session (IMDSv2)."""

    def __init__(self, scope: Construct, network: Network, instance_type: str, **options: Any) -> None:
        super().__init__(
            scope,
            "Template",
            instance_type=ec2.InstanceType(instance_type),
            security_group=network.outbound_only,
            http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
            http_put_response_hop_limit=1,
            instance_metadata_tags=True,
            **options,
        )


class InferenceInstance(Construct):
    """One instance, with the tag by which Run Command may reach it."""

    def __init__(
        self, scope: Construct, id: str, *, network: Network, instance_type: str, role: iam.IRole, boot: Boot
    ) -> None:
        super().__init__(scope, id)
        instance = ec2.Instance(
            self,
            "Instance",
            instance_type=ec2.InstanceType(instance_type),
            machine_image=amazon_linux(instance_type),  # a newer one replaces the instance, which holds no state
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_group=network.outbound_only,
            associate_public_ip_address=True,
            role=role,
            user_data=boot.user_data(),
            # New code is a new instance. The old one is ended after the new one signalled that its worker is ready.
            user_data_causes_replacement=True,
            resource_signal_timeout=BOOT_TIMEOUT,
            # `poweroff` on a holiday must stop it, not terminate it.
            instance_initiated_shutdown_behavior=ec2.InstanceInitiatedShutdownBehavior.STOP,
            http_tokens=ec2.HttpTokens.REQUIRED,
            http_put_response_hop_limit=1,
            instance_metadata_tags=True,
            detailed_monitoring=False,
            block_devices=[disk()],
        )
        instance.node.add_dependency(boot.may)  # before its first command
        Tags.of(instance).add(ROLE_TAG, INFERENCE_ROLE)
        no_state = "It holds no state: uploads and results are in S3, and replacing it is routine."
        acknowledge(instance, "EC29", reason=no_state)
        encrypted = (
            "Its disk is encrypted (test_compute.py): the rule reports an instance without a "
            "launch template, in a stack that holds another's."
        )
        acknowledge(instance, "EC26", reason=encrypted)
        own_metrics = "The worker reports its own metrics each minute; EC2's, each five, cost nothing."
        acknowledge(instance, "EC28", reason=own_metrics)
        self.instance_id = instance.instance_id
        self.actions = instance_actions(Stack.of(self), instance.instance_id)
