"""The inference instance: hardened, replaceable, reachable by Run Command alone."""

from __future__ import annotations

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.acknowledged import acknowledge
from infra.inference import INFERENCE_ROLE, ROLE_TAG
from infra.network import Network

# What an agent needs to be managed and to run commands. AWS's own policy for it, AmazonSSMManagedInstanceCore, would
# also read every parameter of the account.
_AGENT = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
)
_DISK_GIB = 16


class InferenceInstance(Construct):
    """One instance, its role, and the tag that lets it be sent photos."""

    def __init__(
        self, scope: Construct, id: str, *, network: Network, instance_type: str, access: iam.IManagedPolicy
    ) -> None:
        super().__init__(scope, id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description="Nunchi worker: its buckets, and being reached by Run Command",
            managed_policies=[access],
        )
        role.add_to_policy(iam.PolicyStatement(actions=list(_AGENT), resources=["*"]))
        acknowledge(
            role, "IAM5[Resource::*]", reason="These actions know no resources: they act for the caller's own instance."
        )
        instance = ec2.Instance(
            self,
            "Instance",
            instance_type=ec2.InstanceType(instance_type),
            # The newest image when deployed. A newer one replaces the instance: nothing of value is on it.
            machine_image=ec2.MachineImage.latest_amazon_linux2023(),
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_group=network.outbound_only,
            associate_public_ip_address=True,
            role=role,
            http_tokens=ec2.HttpTokens.REQUIRED,
            http_put_response_hop_limit=1,
            detailed_monitoring=True,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        _DISK_GIB, volume_type=ec2.EbsDeviceVolumeType.GP3, encrypted=True
                    ),
                )
            ],
        )
        Tags.of(instance).add(ROLE_TAG, INFERENCE_ROLE)
        acknowledge(
            instance, "EC29", reason="It holds no state: uploads and results are in S3, and replacing it is routine."
        )
        self.instance_id = instance.instance_id
