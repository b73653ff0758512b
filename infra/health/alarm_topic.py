"""Where alarms are told: a topic that AWS's own services of this account may write to, and nobody reads on the way."""

from __future__ import annotations

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.nag import acknowledge

_OURS = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}


class AlarmTopic(sns.Topic):
    """An encrypted topic, with a subscription for `email` unless that is empty."""

    def __init__(self, scope: Construct, id: str, *, email: str) -> None:
        # AWS's own key for topics can't be used: CloudWatch and Budgets may not, and nobody can change its policy.
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
                    conditions=_OURS,
                )
            )
            # A topic with a policy has lost the one that lets everything of its account publish.
            self.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[principal], actions=["sns:Publish"], resources=[self.topic_arn], conditions=_OURS
                )
            )
        if email:
            self.add_subscription(subscriptions.EmailSubscription(email))
            acknowledge(
                self,
                "SNSRedrivePolicy",
                reason="A lost mail loses nothing: the alarm stays on the dashboard, and `nunchi doctor` names it.",
                pack="Serverless",
            )
