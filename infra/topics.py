"""The SNS topics on which people receive alarms and the outcome of each retraining: encrypted, mailed on request."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.kms import key_for
from infra.nag import acknowledge
from infra.roles import FROM_THIS_ACCOUNT


class _Topic(sns.Topic):
    """Encrypted, with a subscription for `email` unless that is empty. `lost_mail`: why no dead letters are needed."""

    def __init__(self, scope: Construct, id: str, *, name: str, key: kms.IKey, email: str, lost_mail: str) -> None:
        super().__init__(scope, id, display_name=name, master_key=key, enforce_ssl=True)
        if email:
            self.add_subscription(subscriptions.EmailSubscription(email))
            acknowledge(self, "SNSRedrivePolicy", reason=f"A lost mail loses nothing: {lost_mail}.", pack="Serverless")


class AlarmTopic(_Topic):
    """Writable by CloudWatch and Budgets of this account only."""

    def __init__(self, scope: Construct, id: str, *, email: str) -> None:
        services = ("cloudwatch", "budgets")
        # AWS's own key for topics can't serve: CloudWatch and Budgets may not use it, and its policy can't be changed.
        key = key_for(
            scope,
            f"{id}Key",
            *services,
            description="Nunchi: alarms on their way to a person",
            removal=RemovalPolicy.DESTROY,
        )
        lost_mail = "the alarm stays on the dashboard, and `nunchi doctor` names it"
        super().__init__(scope, id, name="Nunchi", key=key, email=email, lost_mail=lost_mail)
        for service in services:
            # A topic with a policy of its own loses the default one, by which its account may publish.
            self.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[self.topic_arn],
                    conditions=FROM_THIS_ACCOUNT,
                )
            )


class TrainingTopic(_Topic):
    """Apart from the alarms' topic, which is in NunchiHealth: that stack refers to this one, not the reverse."""

    def __init__(self, scope: Construct, id: str, *, email: str) -> None:
        # AWS's own key serves here: no service of AWS's publishes on this topic, only a function of ours.
        key = kms.Alias.from_alias_name(scope, f"{id}Key", "alias/aws/sns")
        lost_mail = "the outcome is in the dataset bucket, and a failure is an alarm"
        super().__init__(scope, id, name="Nunchi training", key=key, email=email, lost_mail=lost_mail)
