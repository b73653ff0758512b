"""What a device may say and hear over MQTT, and what a kiosk may do with S3.

One policy and one role for all kiosks, one policy for all workers: the name of the thing that asks decides, so a kiosk
is added by attaching, never by deploying.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from contracts.names import UPLOADS
from infra.nag import acknowledge_wildcards
from infra.pipeline.buckets import Buckets

# What a kiosk's certificate asks for. On AWS it stands for the role below; a local cloud's provider knows it, too.
KIOSK_ROLE_ALIAS: Final = "nunchi-kiosk"
_BORROWER: Final = "${credentials-iot:ThingName}"
_SESSION: Final = Duration.hours(1)  # the longest that AWS lends through an alias

# AWS IoT puts the name in only when the client id is that of a thing which the certificate belongs to. A thing's name
# holds no '/', '+', '#' or '*', so it can't reach beyond its own level of the topic.
_THING = "${iot:Connection.Thing.ThingName}"


class Devices(Construct):
    """The IoT policies of kiosks and of workers."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.kiosk = self._policy(
            "Kiosk",
            ("iot:Connect", "client", _THING),
            ("iot:Subscribe", "topicfilter", f"nunchi/{_THING}/label"),
            ("iot:Receive", "topic", f"nunchi/{_THING}/label"),
            ("iot:Publish", "topic", f"nunchi/{_THING}/status"),
            ("iot:AssumeRoleWithCertificate", "rolealias", KIOSK_ROLE_ALIAS),
        )
        self.worker = self._policy(
            "Worker",
            ("iot:Connect", "client", _THING),
            ("iot:Publish", "topic", "nunchi/*/label"),
            ("iot:Publish", "topic", f"nunchi/worker/{_THING}/status"),
            ("iot:RetainPublish", "topic", f"nunchi/worker/{_THING}/status"),
        )

    def _policy(self, id: str, *grants: tuple[str, str, str]) -> iot.CfnPolicy:
        stack = Stack.of(self)
        return iot.CfnPolicy(
            self,
            id,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": action,
                        "Resource": stack.format_arn(service="iot", resource=resource, resource_name=name),
                    }
                    for action, resource, name in grants
                ],
            },
        )


class KioskRole(iam.Role):
    """What a kiosk may do with S3: put photos under its own name. Not read, not list, not delete.

    A session is under the name of the thing only if the kiosk says it, and its certificate is that thing's. One that
    says no name may put nothing.
    """

    def __init__(self, scope: Construct, id: str, *, buckets: Buckets) -> None:
        super().__init__(
            scope,
            id,
            # Lent through the role alias only; and an alias can't be made for another account's role.
            assumed_by=iam.ServicePrincipal("credentials.iot.amazonaws.com"),
            description="Nunchi kiosk: upload photos under its own name",
            max_session_duration=_SESSION,
        )
        photos = buckets.images.arn_for_objects(f"{UPLOADS}{_BORROWER}/*")
        self.add_to_policy(iam.PolicyStatement(actions=["s3:PutObject"], resources=[photos]))
        acknowledge_wildcards(
            self,
            photos.replace(_BORROWER, f"<{_BORROWER[2:-1]}>"),  # as cdk-nag writes it
            reason="Every key below a kiosk's own prefix is a photo of that kiosk.",
        )
        if buckets.key is not None:
            # Enough for a photo in one piece: only one in parts would have to be decrypted on its way in.
            self.add_to_policy(iam.PolicyStatement(actions=["kms:GenerateDataKey"], resources=[buckets.key.key_arn]))


class KioskRoleAlias(Construct):
    """The name by which AWS IoT lends the kiosks' role. The local cloud's CloudFormation knows no such thing."""

    def __init__(self, scope: Construct, id: str, *, role: iam.IRole) -> None:
        super().__init__(scope, id)
        iot.CfnRoleAlias(
            self,
            "Kiosk",
            role_alias=KIOSK_ROLE_ALIAS,
            role_arn=role.role_arn,
            credential_duration_seconds=int(_SESSION.to_seconds()),
        )
