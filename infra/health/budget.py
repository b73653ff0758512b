"""NunchiBudget: the monthly budget, and its warnings."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_sns as sns
from constructs import Construct

_WARNINGS = (("ACTUAL", 80), ("FORECASTED", 100))


class BudgetStack(Stack):
    """The budget alone. Some accounts may not create one: members of an organisation, those without billing access."""

    def __init__(self, scope: Construct, id: str, *, usd: float, topic: sns.ITopic, **kwargs: Any) -> None:
        super().__init__(scope, id, description="Nunchi: the budget of a month", **kwargs)
        Budget(self, "Budget", usd=usd, topic=topic)


class Budget(budgets.CfnBudget):
    """The account's costs of a month: warnings at 80 % spent and at 100 % forecast.

    Of the whole account: a filter by tag counts nothing until the tag is activated for billing, and a budget that never
    warns is worse than one that also counts other projects.
    """

    def __init__(self, scope: Construct, id: str, *, usd: float, topic: sns.ITopic) -> None:
        super().__init__(
            scope,
            id,
            budget=self.BudgetDataProperty(
                budget_type="COST", time_unit="MONTHLY", budget_limit=self.SpendProperty(amount=usd, unit="USD")
            ),
            notifications_with_subscribers=[
                self.NotificationWithSubscribersProperty(
                    notification=self.NotificationProperty(
                        notification_type=type_,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    # A budget takes one SNS subscriber; the topic notifies people.
                    subscribers=[self.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)],
                )
                for type_, percent in _WARNINGS
            ],
        )
