"""The topic on which people receive the outcome of each retraining."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.health.alarm_topic import subscribe


class TrainingTopic(sns.Topic):
    """Apart from the alarms' topic, which is in NunchiHealth: that stack refers to this one, not the reverse."""

    def __init__(self, scope: Construct, id: str, *, email: str) -> None:
        # AWS's own key serves here: no service of AWS's publishes on this topic, only a function of ours.
        key = kms.Alias.from_alias_name(scope, f"{id}Key", "alias/aws/sns")
        super().__init__(scope, id, display_name="Nunchi training", master_key=key, enforce_ssl=True)
        subscribe(
            self,
            email,
            lost_mail="A lost mail loses nothing: the outcome is in the dataset bucket, and a failure is an alarm.",
        )
