"""What a deployed role may do, where the local cloud asks IAM about no resource.

Of Run Command, for one, ministack asks IAM for the right to `*`, and would refuse what AWS allows. So the policies are
fetched from the role as it was deployed, and the same evaluator is asked about what AWS's service authorization
reference says that the action is checked on.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tests.security.deployment import Deployed


class Judge:
    """All the policies of one deployed role."""

    def __init__(self, shop: Deployed, role_arn: str) -> None:
        name, iam = role_arn.rpartition("/")[2], shop.root.iam
        self._region, self._role_arn = shop.region, role_arn
        self._evaluator = import_module("ministack.core.iam_evaluator")
        inline = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        attached = [one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]
        managed = [
            iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            for arn in attached
            for version in [iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]]
        ]
        self._policies = [self._evaluator.parse_policy_document(one) for one in [*inline, *managed]]

    def allows(self, action: str, *resources: str, **tags: str) -> bool:
        """Whether the action is allowed on every one of the resources. `tags`: `ssm:resourceTag/…` of an instance."""
        return all(self._one(action, resource, tags) for resource in resources)

    def _one(self, action: str, resource: str, tags: dict[str, str]) -> bool:
        of_instance = tags if ":instance/" in resource else {}
        context: Any = self._evaluator.EvalContext(
            principal_arn=self._role_arn,
            principal_type="AssumedRole",
            principal_account=self._role_arn.split(":")[4],
            action=action,
            resource_arn=resource,
            region=self._region,
            secure_transport=True,
            service_context={
                f"{service}:resourcetag/{name}": value
                for name, value in of_instance.items()
                for service in ("ssm", "ec2")
            },
        )
        return bool(self._evaluator.evaluate(context, self._policies).decision == "Allow")
