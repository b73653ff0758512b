"""What a device may say and hear over MQTT. One policy for all kiosks and one for all workers: the name of the thing
that connects decides, so a kiosk is added by attaching, never by deploying."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iot as iot
from constructs import Construct

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
