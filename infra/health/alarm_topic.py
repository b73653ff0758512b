"""The topic of alarms: encrypted, and writable by CloudWatch and Budgets of this account only."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.nag import acknowledge
from infra.roles import FROM_THIS_ACCOUNT


class AlarmTopic(sns.Topic):
    """An encrypted topic, with a subscription for `email` unless that is empty."""

    def __init__(self, scope: Construct, id: str, *, email: str) -> None:
        # AWS's own key for topics can't serve: CloudWatch and Budgets may not use it, and its policy can't be changed.
        key = kms.Key(
            scope,
            f"{id}Key",
            description="Nunchi: alarms on their way to a person",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        super().__init__(scope, id, display_name="Nunchi", master_key=key, enforce_ssl=True)
        for service in ("cloudwatch", "budgets"):
            principal = iam.ServicePrincipal(f"{service}.amazonaws.com")
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[principal],
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=["*"],  # in a key's own policy: this key
                    conditions=FROM_THIS_ACCOUNT,
                )
            )
            # A topic with a policy of its own loses the default one, by which its account may publish.
            self.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[principal],
                    actions=["sns:Publish"],
                    resources=[self.topic_arn],
                    conditions=FROM_THIS_ACCOUNT,
                )
            )
        subscribe(
            self,
            email,
            lost_mail="A lost mail loses nothing: the alarm stays on the dashboard, and `nunchi doctor` names it.",
        )


def subscribe(topic: sns.Topic, email: str, *, lost_mail: str) -> None:
    """Send the topic's messages to `email` unless that is empty. `lost_mail`: why no dead letters are needed."""
    if email:
        topic.add_subscription(subscriptions.EmailSubscription(email))
        acknowledge(topic, "SNSRedrivePolicy", reason=lost_mail, pack="Serverless")
