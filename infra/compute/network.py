"""The network of the instances: outbound connections to AWS, no inbound connection."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.logs import log_group

_HTTPS = 443
_MQTT_TLS = 8883


class Network(Construct):
    """A public subnet in each of `zones`, and a security group without a single inbound rule.

    Without `zones` in the region's first two.

    A public address without an inbound rule is as closed as a private one, at a tenth of the cost of a NAT gateway.
    Photos go through S3's gateway endpoint, which is free.
    """

    def __init__(self, scope: Construct, id: str, *, zones: Sequence[str]) -> None:
        super().__init__(scope, id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            # Two zones cost no more than one, and a type may be short, or missing, in either.
            **({"availability_zones": list(zones)} if zones else {"max_azs": 2}),
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24)
            ],
            gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
            # The default group is unused; restricting it would need a Lambda that may edit every security group.
            restrict_default_security_group=False,
        )
        log = log_group(self, "FlowLog")
        self.vpc.add_flow_log("Flows", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log))
        self.outbound_only = ec2.SecurityGroup(
            self,
            "OutboundOnly",
            vpc=self.vpc,
            description="Nunchi worker: HTTPS and MQTT over TLS outwards, nothing inwards",
            allow_all_outbound=False,
        )
        for port, what in ((_HTTPS, "AWS APIs, S3, packages"), (_MQTT_TLS, "IoT Core")):
            self.outbound_only.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), what)
