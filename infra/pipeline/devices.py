"""IoT policies: the MQTT topics of kiosks and workers; the role and role alias of kiosks: S3, DynamoDB.

One policy and one role for all kiosks, one policy for all workers: a variable holds the name of the connected thing, so
a kiosk is added by attaching the policy, without a deployment.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from config.names import KIOSK_ROLE_ALIAS
from contracts.names import UPLOADS
from infra.nag import acknowledge_wildcards
from infra.pipeline.buckets import Buckets
from infra.pipeline.orders import Orders
from infra.statements import allow, arn_of

_THING_NAME: Final = "${credentials-iot:ThingName}"
_SESSION: Final = Duration.hours(1)  # the maximum for a role alias

_TABLE_KEY: Final = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_BY_DYNAMODB: Final = {"StringEquals": {"kms:ViaService": f"dynamodb.{Aws.REGION}.amazonaws.com"}}

# AWS IoT fills in the name only when the client id is that of a thing which the certificate belongs to. A thing's name
# has no '/', '+', '#' or '*', so it can't reach beyond its own topic level.
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
        statements = [
            {"Effect": "Allow", "Action": action, "Resource": arn_of(self, "iot", resource, name)}
            for action, resource, name in grants
        ]
        return iot.CfnPolicy(self, id, policy_document={"Version": "2012-10-17", "Statement": statements})


class KioskRole(iam.Role):
    """A kiosk may put photos and count orders under its own name. It may not read, list or delete.

    A session has the name of a thing only if the kiosk sends it and its certificate is that thing's. A session without
    a name may put nothing.
    """

    def __init__(self, scope: Construct, id: str, *, buckets: Buckets, orders: Orders) -> None:
        super().__init__(
            scope,
            id,
            # Assumed through the role alias only; an alias can't be created for another account's role.
            assumed_by=iam.ServicePrincipal("credentials.iot.amazonaws.com"),
            description="Nunchi kiosk: upload photos and count orders under its own name",
            max_session_duration=_SESSION,
        )
        photos = buckets.images.arn_for_objects(f"{UPLOADS}{_THING_NAME}/*")
        self.add_to_policy(allow("s3:PutObject", on=photos))
        acknowledge_wildcards(
            self,
            photos.replace(_THING_NAME, f"<{_THING_NAME[2:-1]}>"),  # as cdk-nag writes it
            reason="Every key below a kiosk's own prefix is a photo of that kiosk.",
        )
        # A transaction of two items needs the right to each; there is no right to transactions.
        self.add_to_policy(
            allow(
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                on=orders.table.table_arn,
                when={
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{_THING_NAME}#*"]},
                    "Null": {"dynamodb:LeadingKeys": "false"},  # ForAllValues also holds for no key at all
                },
            )
        )
        # DynamoDB uses the key of a table on behalf of its caller; the kiosk itself can encrypt and decrypt nothing.
        for statement in buckets.allow_key(*_TABLE_KEY, when=_BY_DYNAMODB):
            self.add_to_policy(statement)
        # Enough for a single-part upload: only a multipart upload also needs kms:Decrypt.
        for statement in buckets.allow_key("kms:GenerateDataKey"):
            self.add_to_policy(statement)


class KioskRoleAlias(Construct):
    """The role alias through which kiosks assume their role. The local cloud's CloudFormation has no such resource."""

    def __init__(self, scope: Construct, id: str, *, role: iam.IRole) -> None:
        super().__init__(scope, id)
        iot.CfnRoleAlias(
            self,
            "Kiosk",
            role_alias=KIOSK_ROLE_ALIAS,
            role_arn=role.role_arn,
            credential_duration_seconds=int(_SESSION.to_seconds()),
        )
