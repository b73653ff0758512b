"""The table of orders: what sells, counted by kiosk, label and hour. contracts/orders.py has its items."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from contracts.orders import EXPIRY, PARTITION, SORT


class Orders(Construct):
    """One table for all kiosks. It costs by the request: a shop makes some hundred a day.

    It outlives its stack: a device keeps its orders for 400 days, so nothing could count older ones again. Counts do
    not expire, because they tell of months and no person; the markers of single orders do.
    """

    def __init__(self, scope: Construct, id: str, *, key: kms.IKey | None) -> None:
        super().__init__(scope, id)
        text = dynamodb.AttributeType.STRING
        self.table = dynamodb.Table(
            self,
            "Orders",
            partition_key=dynamodb.Attribute(name=PARTITION, type=text),
            sort_key=dynamodb.Attribute(name=SORT, type=text),
            time_to_live_attribute=EXPIRY,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            **(
                {}  # a key that AWS owns: encrypted too, without a charge
                if key is None
                else {"encryption": dynamodb.TableEncryption.CUSTOMER_MANAGED, "encryption_key": key}
            ),
        )
